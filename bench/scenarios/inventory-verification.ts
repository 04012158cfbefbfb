/**
 * Judges the tables after a run of `inventory`. Every transaction keeps, for each product: what there was at first, less
 * all orders, plus all returns, plus the differences of all corrections, is the stock. A lost update, a transaction made
 * by half or made twice breaks it. The ids tell whether what was acknowledged is there, and nothing else.
 */
import { disagreementOf, type MemberPosition } from '../agreement.ts';
import { IdSet } from '../id-set.ts';
import type { Verification } from '../scenario.ts';
import type { CorrectionRow, OrderRow, ProductRow } from './inventory-tables.ts';
import type { InventoryFacts, InventoryTransaction } from './inventory-workload.ts';

/** What one member's tables add up to. */
export class InventoryTotals {
  /** Per product; NaN where its row is missing. */
  readonly stock: Float64Array;
  /** Per product: what orders, returns and corrections have changed it by. */
  readonly changes: Float64Array;
  readonly ids = { order: new IdSet(), return: new IdSet(), correction: new IdSet() };
  /** The first row that no transaction of the load could have written; null if there is none. */
  strangeRow: string | null = null;

  constructor(products: number) {
    this.stock = new Float64Array(products).fill(Number.NaN);
    this.changes = new Float64Array(products);
  }

  addProduct({ id, stock }: ProductRow): void {
    if (!this.#isProduct(id)) this.strangeRow ??= `product ${id}`;
    else this.stock[id] = stock;
  }

  addOrder({ id, lines, status }: OrderRow): void {
    if (!isId(id) || !lines.every(([product]) => this.#isProduct(product))) {
      this.strangeRow ??= `order ${id}`;
      return;
    }
    this.ids.order.add(id);
    if (status === 'returned') this.ids.return.add(id);
    else for (const [product, quantity] of lines) this.changes[product]! -= quantity;
  }

  addCorrection({ id, product, difference }: CorrectionRow): void {
    if (!isId(id) || !this.#isProduct(product)) {
      this.strangeRow ??= `correction ${id}`;
      return;
    }
    this.ids.correction.add(id);
    this.changes[product]! += difference;
  }

  #isProduct(id: number): boolean {
    return Number.isInteger(id) && id >= 0 && id < this.stock.length;
  }
}

const problemsPerMemberMax = 3;
const kinds: readonly InventoryTransaction['kind'][] = ['order', 'return', 'correction'];

/** `facts`: of all load generators. */
export function judgeInventory(
  initialStock: number,
  facts: readonly InventoryFacts[],
  members: readonly (MemberPosition & { readonly totals: InventoryTotals })[],
): Verification {
  const problems: string[] = [];
  const disagreement = disagreementOf(members);
  if (disagreement !== null) problems.push(disagreement);
  const lowest = Math.min(...facts.map(({ lowestStock }) => lowestStock));
  if (lowest < 0) problems.push(`a transaction read a stock of ${lowest}`);
  for (const { memberId, totals } of members) {
    const found = new Found();
    if (totals.strangeRow !== null) found.add(`${totals.strangeRow} was written by nobody`);
    judgeStock(initialStock, totals, found);
    for (const kind of kinds) judgeIds(kind, facts, totals.ids[kind], members[0]!.totals.ids[kind], found);
    problems.push(...found.first.map((problem) => `${memberId}: ${problem}`));
    if (found.count > found.first.length) problems.push(`${memberId}: ${found.count} problems in all`);
  }
  return { verified: problems.length === 0, problems };
}

/** The problems of one member: a few are named, all are counted. */
class Found {
  readonly first: string[] = [];
  count = 0;

  add(problem: string): void {
    this.count++;
    if (this.first.length < problemsPerMemberMax) this.first.push(problem);
  }
}

function judgeStock(initialStock: number, { stock, changes }: InventoryTotals, found: Found): void {
  for (const [product, value] of stock.entries()) {
    const expected = initialStock + changes[product]!;
    if (Number.isNaN(value)) found.add(`product ${product} is missing`);
    else if (value < 0) found.add(`product ${product} has a stock of ${value}`);
    else if (value !== expected) {
      found.add(`product ${product} has a stock of ${value}; orders, returns and corrections make it ${expected}`);
    }
  }
}

function judgeIds(
  kind: InventoryTransaction['kind'],
  facts: readonly InventoryFacts[],
  there: IdSet,
  thereOnFirst: IdSet,
  found: Found,
): void {
  const acknowledged = union(facts.map((one) => one.acknowledged[kind]));
  const unknown = union(facts.map((one) => one.unknown[kind]));
  for (const id of acknowledged) if (!there.has(id)) found.add(`${kind} ${id} was acknowledged and is not there`);
  for (const id of there) {
    if (!acknowledged.has(id) && !unknown.has(id)) found.add(`${kind} ${id} is there and was never acknowledged`);
    else if (!thereOnFirst.has(id)) found.add(`${kind} ${id} is there, but not on the first member`);
  }
  for (const id of thereOnFirst) {
    if (unknown.has(id) && !there.has(id)) found.add(`${kind} ${id} is on the first member, but not here`);
  }
}

function union(sets: readonly Uint8Array[]): IdSet {
  const all = new IdSet();
  for (const bits of sets) all.addAll(new IdSet(bits));
  return all;
}

function isId(id: number): boolean {
  return Number.isSafeInteger(id) && id >= 0;
}
