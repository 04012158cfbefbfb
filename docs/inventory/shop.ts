/**
 * A shop's three transactions on its stock. Each reads, decides and writes; that no two of them decide on the same
 * stock, at whichever members they run, is the group's business. `transaction` runs again what lost.
 */
import type { Client, TransactionOptions } from '../../client/index.ts';

export interface Product {
  readonly id: number;
  readonly name: string;
  readonly stock: number;
}

export interface Line {
  readonly product: number;
  readonly quantity: number;
}

export interface Order {
  readonly id: string;
  readonly lines: readonly Line[];
  readonly state: 'placed' | 'returned';
}

export interface Correction {
  readonly id: string;
  readonly product: number;
  /** What was counted, less what the books said. */
  readonly difference: number;
}

const products = 'shop.products';
const orders = 'shop.orders';
const corrections = 'shop.corrections';

export const tables = { products, orders, corrections };

export async function openShop(client: Client, stocked: readonly Product[]): Promise<void> {
  for (const table of [products, orders, corrections]) await client.dropTable(table, { ifExists: true });
  await client.createTable({
    table: products,
    primaryKey: ['id'],
    columns: { id: { type: 'integer' }, name: { type: 'text' }, stock: { type: 'integer' } },
  });
  await client.createTable({
    table: orders,
    primaryKey: ['id'],
    columns: { id: { type: 'text' }, lines: { type: 'json' }, state: { type: 'text' } },
  });
  await client.createTable({
    table: corrections,
    primaryKey: ['id'],
    columns: { id: { type: 'text' }, product: { type: 'integer' }, difference: { type: 'integer' } },
  });
  await client.transact(stocked.map((row) => ({ op: 'insert', table: products, row })));
}

/** Sells all lines or none. Returns whether there was enough of everything. */
export function placeOrder(
  client: Client,
  { id, lines }: Pick<Order, 'id' | 'lines'>,
  options?: TransactionOptions,
): Promise<boolean> {
  return client.transaction(async (tx) => {
    const rows = await tx.getMany<Product>(
      products,
      lines.map(({ product }) => product),
    );
    const isEnough = lines.every(({ quantity }, at) => (rows[at]?.stock ?? 0) >= quantity);
    if (!isEnough) return false;
    // Nothing has to wait for its answer: the commit fails if one of these does.
    for (const [at, { product, quantity }] of lines.entries()) {
      void tx.update(products, product, { stock: rows[at]!.stock - quantity }).catch(() => {});
    }
    void tx.insert(orders, { id, lines, state: 'placed' }).catch(() => {});
    return true;
  }, options);
}

/** Takes back an order, once. Returns whether it was there to be taken back. */
export function returnOrder(client: Client, id: string, options?: TransactionOptions): Promise<boolean> {
  return client.transaction(async (tx) => {
    const order = await tx.get<Order>(orders, id);
    if (order?.state !== 'placed') return false;
    const rows = await tx.getMany<Product>(
      products,
      order.lines.map(({ product }) => product),
    );
    for (const [at, { product, quantity }] of order.lines.entries()) {
      await tx.update(products, product, { stock: rows[at]!.stock + quantity });
    }
    await tx.update(orders, id, { state: 'returned' });
    return true;
  }, options);
}

/** Somebody counted the shelf: the books follow, and the difference is kept. */
export function correctStock(
  client: Client,
  { id, product, counted }: { id: string; product: number; counted: (booked: number) => number },
  options?: TransactionOptions,
): Promise<void> {
  return client.transaction(async (tx) => {
    const { stock } = (await tx.get<Product>(products, product))!;
    const difference = counted(stock) - stock;
    await tx.update(products, product, { stock: stock + difference });
    await tx.insert(corrections, { id, product, difference });
  }, options);
}
