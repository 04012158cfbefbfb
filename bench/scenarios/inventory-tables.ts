/** Tables and rows of `inventory`. */

export const productsTable = 'bench.products';
export const ordersTable = 'bench.orders';
export const correctionsTable = 'bench.corrections';

export interface ProductRow {
  readonly id: number;
  readonly stock: number;
}

/** Product and quantity. */
export type OrderLine = readonly [product: number, quantity: number];

export interface OrderRow {
  readonly id: number;
  readonly lines: readonly OrderLine[];
  readonly status: 'ordered' | 'returned';
}

export interface CorrectionRow {
  readonly id: number;
  readonly product: number;
  readonly counted: number;
  /** What the count changed the stock by. */
  readonly difference: number;
}

export const schema = [
  {
    table: productsTable,
    primaryKey: ['id'],
    columns: { id: { type: 'integer' }, stock: { type: 'integer' } },
  },
  {
    table: ordersTable,
    primaryKey: ['id'],
    columns: { id: { type: 'integer' }, lines: { type: 'json' }, status: { type: 'text' } },
  },
  {
    table: correctionsTable,
    primaryKey: ['id'],
    columns: {
      id: { type: 'integer' },
      product: { type: 'integer' },
      counted: { type: 'integer' },
      difference: { type: 'integer' },
    },
  },
] as const;
