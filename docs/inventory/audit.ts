/** The books of the shop, checked on one snapshot of one member. */
import type { Client } from '../../client/index.ts';
import { type Correction, type Order, type Product, tables } from './shop.ts';

export interface Audit {
  readonly products: readonly Product[];
  readonly orders: readonly Order[];
  /** One line each; empty if the books are right. */
  readonly problems: readonly string[];
}

/** `initial`: the stock at opening, by product. */
export async function audit(client: Client, initial: ReadonlyMap<number, number>): Promise<Audit> {
  const read = await client.transaction(
    async (tx) => ({
      products: await all(tx.rows<Product>(tables.products)),
      orders: await all(tx.rows<Order>(tables.orders)),
      corrections: await all(tx.rows<Correction>(tables.corrections)),
    }),
    { readOnly: true },
  );
  const expected = new Map(initial);
  const add = (product: number, quantity: number) => expected.set(product, expected.get(product)! + quantity);
  for (const { lines, state } of read.orders) {
    // What was returned has gone out and come back.
    if (state === 'placed') for (const { product, quantity } of lines) add(product, -quantity);
  }
  for (const { product, difference } of read.corrections) add(product, difference);
  const problems: string[] = [];
  for (const { id, name, stock } of read.products) {
    if (stock !== expected.get(id)) problems.push(`${name} has a stock of ${stock}; the books say ${expected.get(id)}`);
    if (stock < 0) problems.push(`${name} has a stock of ${stock}`);
  }
  return { products: read.products, orders: read.orders, problems };
}

async function all<R>(rows: AsyncIterable<R>): Promise<R[]> {
  const list: R[] = [];
  for await (const row of rows) list.push(row);
  return list;
}
