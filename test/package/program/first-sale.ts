/** A program of somebody who has installed Concert: typed, and without any types of a runtime. */
import { type Commit, ConcertError, connect } from 'concert';
import type { Client } from 'concert/client';

interface Product {
  readonly id: number;
  readonly name: string;
  readonly stock: number;
}

/** What is left of product 5 after one was sold through the first of `urls`, as the last one shows it. */
export async function firstSale(urls: readonly string[]): Promise<{ product: Product | null; gtid: string | null }> {
  const client: Client = await connect(urls);
  try {
    await client.createTable({ table: 'shop.products', primaryKey: ['id'], ifNotExists: true });
    await client.put('shop.products', { id: 5, name: 'violin', stock: 5 });
    let commit: Commit | null = null;
    await client.transaction(
      async (tx) => {
        const product = await tx.get<Product>('shop.products', 5);
        if (product === null) throw new Error('sold out');
        // @ts-expect-error The row is a product: a misspelt column is noticed.
        product.stok;
        await tx.update('shop.products', 5, { stock: product.stock - 1 });
      },
      {
        onCommit(made) {
          commit = made;
        },
      },
    );
    const { gtid, sequenceNumber } = commit as unknown as Commit;
    const other = client.at(urls.at(-1)!);
    const product = await other.get<Product>('shop.products', 5, { atLeast: sequenceNumber! });
    return { product, gtid };
  } finally {
    await client.close();
  }
}

/** The code of the error that an unknown table gives. */
export async function codeOfUnknownTable(urls: readonly string[]): Promise<string> {
  const client = await connect(urls);
  try {
    await client.get('shop.no_such_table', 1);
    return 'none';
  } catch (error) {
    if (error instanceof ConcertError) return error.code;
    throw error;
  } finally {
    await client.close();
  }
}

// @ts-expect-error Addresses are texts.
export const wrong = (): Promise<unknown> => connect(7001);
