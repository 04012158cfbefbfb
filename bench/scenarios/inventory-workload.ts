/** Orders, returns and corrections of the same products. Of ten transactions seven are orders, two returns, one a correction. */
import { BenchError } from '../bench-error.ts';
import { IdSet } from '../id-set.ts';
import type { Attempt, Workload } from '../scenario.ts';
import { Zipfian } from '../zipfian.ts';
import { committing, declining, type Method, methods, reading, type Write } from './inventory-methods.ts';
import {
  correctionsTable,
  type OrderLine,
  type OrderRow,
  ordersTable,
  type ProductRow,
  productsTable,
} from './inventory-tables.ts';
import { SlotChances } from './slot-chances.ts';

export interface InventoryPlan {
  readonly products: number;
  readonly skew: number;
  /** Of each product, before the load. */
  readonly stock: number;
  readonly method: keyof typeof methods;
  readonly seed: number;
  readonly slots: number;
}

export type InventoryTransaction = { readonly tx: string } & (
  | { readonly kind: 'order'; readonly id: number; readonly lines: readonly OrderLine[] }
  | { readonly kind: 'return'; readonly order: number }
  | { readonly kind: 'correction'; readonly id: number; readonly product: number; readonly counted: number }
);

/** What the load knows of its writes; sets of ids as `IdSet.bits`. Ids of a return are those of its order. */
export interface InventoryFacts {
  readonly acknowledged: Readonly<Record<InventoryTransaction['kind'], Uint8Array>>;
  readonly unknown: Readonly<Record<InventoryTransaction['kind'], Uint8Array>>;
  /** The lowest stock that any transaction read. */
  readonly lowestStock: number;
}

const linesMax = 3;
const quantityMax = 3;
/** Orders that a return may choose from. Two returns may choose the same: one of them is declined. */
const returnableMax = 1_000;

export class InventoryWorkload implements Workload<InventoryTransaction> {
  readonly #plan: InventoryPlan;
  readonly #method: Method;
  readonly #popularity: Zipfian;
  readonly #chances: SlotChances;
  readonly #acknowledged = noIds();
  readonly #unknown = noIds();
  /** The last orders acknowledged; the oldest is overwritten first. */
  readonly #returnable: number[] = [];
  #returnableAt = 0;
  #lowestStock = Infinity;

  constructor(plan: InventoryPlan) {
    this.#plan = plan;
    this.#method = methods[plan.method];
    this.#popularity = new Zipfian(plan.products, plan.skew);
    this.#chances = new SlotChances(plan.seed);
  }

  draw(slot: number): InventoryTransaction {
    const chance = this.#chances.of(slot);
    const { random } = chance;
    const id = chance.drawn++ * this.#plan.slots + slot;
    const tx = `slot ${slot}`;
    const kind = random.below(10);
    if (kind < 7) return { kind: 'order', tx, id, lines: this.#drawLines(slot) };
    if (kind < 9) {
      const at = random.below(returnableMax);
      return { kind: 'return', tx, order: this.#returnable[at % this.#returnable.length] ?? 0 };
    }
    const product = this.#popularity.draw(random);
    return { kind: 'correction', tx, id, product, counted: random.between(0, 2 * this.#plan.stock) };
  }

  #drawLines(slot: number): readonly OrderLine[] {
    const { random } = this.#chances.of(slot);
    const lines: OrderLine[] = [];
    for (let i = random.between(1, linesMax); i > 0; i--) {
      const product = this.#popularity.draw(random);
      const quantity = random.between(1, quantityMax);
      if (lines.every(([other]) => other !== product)) lines.push([product, quantity]);
    }
    return lines;
  }

  *attempt(transaction: InventoryTransaction): Attempt {
    switch (transaction.kind) {
      case 'order':
        return yield* this.#order(transaction);
      case 'return':
        return yield* this.#return(transaction);
      case 'correction':
        return yield* this.#correct(transaction);
    }
  }

  *#order({ tx, id, lines }: InventoryTransaction & { kind: 'order' }): Attempt {
    const products = yield* this.#products(tx, lines, 'first');
    if (lines.some(([, quantity], at) => products[at]!.stock < quantity)) return yield* declining(this.#method, tx);
    const row: OrderRow = { id, lines, status: 'ordered' };
    const end = yield* committing(this.#method, tx, [
      ...lines.map(([, quantity], at) => stockChange(products[at]!, -quantity)),
      { op: 'insert', table: ordersTable, row },
    ]);
    this.#acknowledged.order.add(id);
    this.#returnable[this.#returnableAt++ % returnableMax] = id;
    return end;
  }

  *#return({ tx, order }: InventoryTransaction & { kind: 'return' }): Attempt {
    const row = (yield* reading(this.#method, tx, { op: 'get', table: ordersTable, key: order })) as OrderRow | null;
    // Returned already, or not here yet.
    if (row?.status !== 'ordered') return yield* declining(this.#method, tx);
    const products = yield* this.#products(tx, row.lines, 'later');
    const end = yield* committing(this.#method, tx, [
      { op: 'update', table: ordersTable, key: order, set: { status: 'returned' }, seen: { status: 'ordered' } },
      ...row.lines.map(([, quantity], at) => stockChange(products[at]!, quantity)),
    ]);
    this.#acknowledged.return.add(order);
    return end;
  }

  *#correct({ tx, id, product, counted }: InventoryTransaction & { kind: 'correction' }): Attempt {
    const [found] = yield* this.#products(tx, [[product, 0]], 'first');
    const difference = counted - found!.stock;
    const end = yield* committing(this.#method, tx, [
      stockChange(found!, difference),
      { op: 'insert', table: correctionsTable, row: { id, product, counted, difference } },
    ]);
    this.#acknowledged.correction.add(id);
    return end;
  }

  *#products(tx: string, lines: readonly OrderLine[], place: 'first' | 'later') {
    const keys = lines.map(([product]) => product);
    const rows = yield* reading(this.#method, tx, { op: 'getMany', table: productsTable, keys }, place);
    for (const [at, row] of (rows as readonly (ProductRow | null)[]).entries()) {
      if (row === null) throw new BenchError({ code: 'LOAD', message: `product ${keys[at]} is missing` });
      this.#lowestStock = Math.min(this.#lowestStock, row.stock);
    }
    return rows as readonly ProductRow[];
  }

  outcomeUnknown(transaction: InventoryTransaction): void {
    const { kind } = transaction;
    this.#unknown[kind].add(kind === 'return' ? transaction.order : transaction.id);
  }

  facts(): InventoryFacts {
    return {
      acknowledged: bitsOf(this.#acknowledged),
      unknown: bitsOf(this.#unknown),
      lowestStock: this.#lowestStock,
    };
  }
}

function stockChange({ id, stock }: ProductRow, by: number): Write {
  return { op: 'update', table: productsTable, key: id, set: { stock: stock + by }, seen: { stock } };
}

type IdsByKind = Readonly<Record<InventoryTransaction['kind'], IdSet>>;

function noIds(): IdsByKind {
  return { order: new IdSet(), return: new IdSet(), correction: new IdSet() };
}

function bitsOf(ids: IdsByKind): InventoryFacts['acknowledged'] {
  return { order: ids.order.bits, return: ids.return.bits, correction: ids.correction.bits };
}
