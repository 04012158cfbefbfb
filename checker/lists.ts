/**
 * Rows that hold lists, to which transactions append: what is read of such a row tells all its versions and their
 * order, which makes this the sharpest workload. Source: Kingsbury and Alvaro, Elle, 2020, section 4.
 */
import type { DependencyGraph } from './dependency-graph.ts';
import { beginsWith, type ListRead, type ListRow, listRows } from './list-rows.ts';
import { show } from './show.ts';
import { COMMITTED, FAILED } from './took-effect.ts';
import type { HistoryTransaction, LocalAnomaly, Say, Value } from './types.ts';
import { addDependencies } from './versions.ts';

/** Of one row, only so many reads that do not fit are told. */
const INCOMPATIBLE_READS_MAX = 10;

export interface ListsToCheck {
  readonly graph: DependencyGraph;
  readonly history: readonly HistoryTransaction[];
  readonly effect: Uint8Array;
  /** Appends that nobody read are in the order of their sequence numbers, and the others are checked against them. */
  readonly bySequenceNumber: boolean;
  readonly anomalies: LocalAnomaly[];
}

/** How many dependencies were left out. */
export function checkLists(lists: ListsToCheck): number {
  let leftOut = 0;
  const { history, effect, anomalies } = lists;
  for (const row of listRows(history, effect, anomalies).values()) leftOut += checkRow(lists, row);
  return leftOut;
}

function checkRow({ graph, history, effect, bySequenceNumber, anomalies }: ListsToCheck, row: ListRow): number {
  const { key, lastOf } = row;
  const say: Say = (kind, transactions, detail) => anomalies.push({ kind, key, transactions, detail });
  const longest = longestOf(row.reads);
  const order = longest === null ? [] : longest.values.slice(0, longest.length);
  checkOrder(row, order, longest, effect, say);
  checkOwnOrders(row, order, longest, say);
  const { makers, versionOf } = versionsOf(row, order, effect);
  const reads = checkReads({ row, order, longest: longest?.transaction ?? -1, versionOf, effect, say });

  const inOrder = new Set(order);
  const unread: number[] = [];
  for (const [maker, value] of lastOf) if (effect[maker] === COMMITTED && !inOrder.has(value)) unread.push(maker);
  if (!bySequenceNumber)
    return addDependencies(graph, { key, makers, reads, later: unread, laterBehind: makers.length });
  const last = checkSequence(makers, history, say);
  const placed: number[] = [];
  const later: number[] = [];
  for (const maker of unread) {
    const { sequenceNumber } = history[maker]!;
    if (sequenceNumber === null) later.push(maker);
    else if (last === null || sequenceNumber > history[last]!.sequenceNumber!) placed.push(maker);
    else {
      const detail = `${show(lastOf.get(maker))}, of sequence number ${sequenceNumber}, is not in the list ${show(order)}`;
      say('incompatible-order', [maker, longest!.transaction, last], detail);
    }
  }
  placed.sort((a, b) => history[a]!.sequenceNumber! - history[b]!.sequenceNumber!);
  return addDependencies(graph, { key, makers: [...makers, ...placed], reads, later, laterBehind: makers.length });
}

function longestOf(reads: readonly ListRead[]): ListRead | null {
  let longest: ListRead | null = null;
  for (const read of reads) if (longest === null || read.length > longest.length) longest = read;
  return longest;
}

function checkOrder(
  row: ListRow,
  order: readonly Value[],
  longest: ListRead | null,
  effect: Uint8Array,
  say: Say,
): void {
  if (new Set(order).size !== order.length) {
    say('duplicate', [longest!.transaction], `a value is twice in ${show(order)}`);
  }
  for (const [at, value] of order.entries()) {
    const maker = row.appendedBy.get(value);
    if (maker === undefined) {
      say('unknown-value', [longest!.transaction], `${show(value)} was read, and never appended`);
    } else if (effect[maker] === FAILED) {
      const readers = row.reads.filter(({ length, values }) => length > at && values[at] === value);
      const more = readers.length === 1 ? '' : `, ${readers.length} times`;
      const first = readers.reduce((one, other) => (other.transaction < one.transaction ? other : one));
      say('G1a', [first.transaction, maker], `${show(value)} of a failed transaction was read${more}`);
      if (at + 1 === order.length) continue;
      const next = row.appendedBy.get(order[at + 1]!);
      const transactions = next === undefined ? [maker] : [maker, next];
      say('dirty-update', transactions, `${show(value)} of a failed transaction is followed by ${show(order[at + 1])}`);
    }
  }
}

/** What one transaction appended is in the list in its order, and whole: if the last is there, so are those before it. */
function checkOwnOrders({ severalOf }: ListRow, order: readonly Value[], longest: ListRead | null, say: Say): void {
  if (severalOf.size === 0 || longest === null) return;
  const placeOf = new Map(order.map((value, at) => [value, at]));
  for (const [maker, values] of severalOf) {
    const places = values.map((value) => placeOf.get(value) ?? Number.POSITIVE_INFINITY);
    if (places.every((place, at) => at === 0 || place >= places[at - 1]!)) continue;
    say('incompatible-order', [maker, longest.transaction], `${show(values)} was appended, and ${show(order)} read`);
  }
}

/**
 * The versions that one transaction makes of a row are one, as far as others are concerned: its last. `versionOf`: by
 * number of values, which version these are; -2: none that others may see.
 */
function versionsOf(
  { appendedBy }: ListRow,
  order: readonly Value[],
  effect: Uint8Array,
): { readonly makers: number[]; readonly versionOf: Int32Array } {
  const makers: number[] = [];
  const versionOf = new Int32Array(order.length + 1).fill(-2);
  versionOf[0] = -1;
  const makersByPlace = order.map((value) => appendedBy.get(value) ?? -1);
  for (const [at, maker] of makersByPlace.entries()) {
    if (maker !== -1 && makersByPlace[at + 1] === maker) continue;
    makers.push(maker === -1 || effect[maker] === FAILED ? -1 : maker);
    versionOf[at + 1] = makers.length - 1;
  }
  return { makers, versionOf };
}

interface ReadsToCheck {
  readonly row: ListRow;
  readonly order: readonly Value[];
  /** Who read `order`. */
  readonly longest: number;
  readonly versionOf: Int32Array;
  readonly effect: Uint8Array;
  readonly say: Say;
}

function checkReads({ row, order, longest, versionOf, effect, say }: ReadsToCheck) {
  const { appendedBy, lastOf } = row;
  const reads: { reader: number; version: number }[] = [];
  /** By version, those that read it and appended. */
  const updatersOf = new Map<number, number[]>();
  let incompatible = 0;
  for (const { transaction, values, length, isExternal } of row.reads) {
    const start = values.length === length ? values : values.slice(0, length);
    const ownLast = lastOf.get(transaction);
    if (isExternal && ownLast !== undefined) {
      const own = start.find((value) => appendedBy.get(value) === transaction);
      if (own !== undefined) {
        say('internal', [transaction], `it read ${show(start)}, and appended ${show(own)} only later`);
        continue;
      }
    }
    if (!beginsWith(order, start, length)) {
      if (++incompatible <= INCOMPATIBLE_READS_MAX) {
        say('incompatible-order', [transaction, longest], `${show(start)} and ${show(order)} were read`);
        sayStrangers(row, transaction, start, order, effect, say);
      }
      continue;
    }
    const lastValue = start.at(-1);
    const lastMaker = lastValue === undefined ? undefined : appendedBy.get(lastValue);
    if (lastMaker !== undefined && lastMaker !== transaction && lastOf.get(lastMaker) !== lastValue) {
      say('G1b', [transaction, lastMaker], `${show(start)} was read, and its writer had yet to append`);
    }
    const version = versionOf[length]!;
    if (version === -2 || !isExternal) continue;
    reads.push({ reader: transaction, version });
    if (ownLast === undefined) continue;
    const updaters = updatersOf.get(version);
    if (updaters === undefined) updatersOf.set(version, [transaction]);
    else updaters.push(transaction);
  }
  for (const updaters of updatersOf.values()) {
    if (updaters.length > 1) say('lost-update', updaters, 'they read one version of it, and each appended');
  }
  return reads;
}

/** What is in a read and not in the longest one, which is looked at as a whole. */
function sayStrangers(
  { appendedBy }: ListRow,
  transaction: number,
  values: readonly Value[],
  order: readonly Value[],
  effect: Uint8Array,
  say: Say,
): void {
  const known = new Set(order);
  for (const value of values) {
    if (known.has(value)) continue;
    const maker = appendedBy.get(value);
    if (maker === undefined) say('unknown-value', [transaction], `${show(value)} was read, and never appended`);
    else if (effect[maker] === FAILED) {
      say('G1a', [transaction, maker], `${show(value)} of a failed transaction was read`);
    }
  }
}

/** Who of the makers has the highest sequence number; null: none has any. */
function checkSequence(makers: readonly number[], history: readonly HistoryTransaction[], say: Say): number | null {
  let last: number | null = null;
  for (const maker of makers) {
    const sequenceNumber = maker === -1 ? null : history[maker]!.sequenceNumber;
    if (sequenceNumber === null) continue;
    const before = last === null ? null : history[last]!.sequenceNumber!;
    if (before !== null && sequenceNumber < before) {
      const detail = `in the list, what was appended at sequence number ${sequenceNumber} is behind that of ${before}`;
      say('incompatible-order', [maker, last!], detail);
    } else last = maker;
  }
  return last;
}
