/**
 * Rows that hold one value, which transactions write. What is read tells a version, but not the order of versions. That
 * comes from the sequence numbers that the commits answered, or, without them, from transactions that read a version
 * and wrote the next.
 */
import { components } from './components.ts';
import { DependencyGraph, RW, WR, WW } from './dependency-graph.ts';
import { anyOf } from './path-rules.ts';
import { show } from './show.ts';
import { COMMITTED, FAILED } from './took-effect.ts';
import type { HistoryTransaction, Key, LocalAnomaly, Say, Value } from './types.ts';
import { addDependencies, UNORDERED_DEPENDENCIES_MAX } from './versions.ts';

export interface RegistersToCheck {
  readonly graph: DependencyGraph;
  readonly history: readonly HistoryTransaction[];
  readonly effect: Uint8Array;
  /** Or else only as far as reads tell. */
  readonly bySequenceNumber: boolean;
  readonly anomalies: LocalAnomaly[];
}

interface Write {
  readonly transaction: number;
  /** Its writer did not write over it itself. */
  isLast: boolean;
}

interface RegisterRead {
  readonly transaction: number;
  readonly value: Value | null;
}

interface Row {
  readonly key: Key;
  readonly writes: Map<Value, Write>;
  /** By transaction, the last value that it wrote; null: it deleted the row. */
  readonly lastOf: Map<number, Value | null>;
  /** By others than the reader: the first of each transaction, before it wrote. */
  readonly reads: RegisterRead[];
  /** Nothing may be the row's first version, or a later one. */
  isDeleted: boolean;
}

/** How many dependencies were left out. */
export function checkRegisters(registers: RegistersToCheck): number {
  let leftOut = 0;
  for (const row of collect(registers).values()) leftOut += checkRow(registers, row);
  return leftOut;
}

function collect({ history, effect, anomalies }: RegistersToCheck): Map<Key, Row> {
  const rows = new Map<Key, Row>();
  const rowOf = (key: Key): Row => {
    let row = rows.get(key);
    if (row === undefined) {
      row = { key, writes: new Map(), lastOf: new Map(), reads: [], isDeleted: false };
      rows.set(key, row);
    }
    return row;
  };
  for (const [transaction, { operations }] of history.entries()) {
    const known = new Map<Key, Value | null>();
    for (const operation of operations) {
      if (operation.op === 'write') {
        const { key, value } = operation;
        const problem = write(rowOf(key), value, transaction, effect);
        if (problem !== null) anomalies.push(problem);
        known.set(key, value);
      } else if (operation.op === 'read' && operation.value !== undefined && effect[transaction] === COMMITTED) {
        const { key, value } = operation;
        if (!known.has(key)) rowOf(key).reads.push({ transaction, value });
        else if (known.get(key) !== value) {
          const detail = `it read ${show(value)}, knowing ${show(known.get(key))}`;
          anomalies.push({ kind: 'internal', key, transactions: [transaction], detail });
        }
        known.set(key, value);
      }
    }
  }
  return rows;
}

/** What is wrong with it, or null. A value that failed to be written may be written again. */
function write(row: Row, value: Value | null, transaction: number, effect: Uint8Array): LocalAnomaly | null {
  const { key, writes, lastOf } = row;
  const overwritten = lastOf.get(transaction);
  if (overwritten != null) {
    const own = writes.get(overwritten)!;
    if (own.transaction === transaction) own.isLast = false;
  }
  lastOf.set(transaction, value);
  if (value === null) {
    if (effect[transaction] !== FAILED) row.isDeleted = true;
    return null;
  }
  const other = writes.get(value);
  if (other === undefined || effect[other.transaction] === FAILED) writes.set(value, { transaction, isLast: true });
  if (other === undefined || effect[other.transaction] === FAILED || effect[transaction] === FAILED) return null;
  const transactions = [other.transaction, transaction];
  return { kind: 'duplicate', key, transactions, detail: `${show(value)} was written twice` };
}

function checkRow({ graph, history, effect, bySequenceNumber, anomalies }: RegistersToCheck, row: Row): number {
  const { key } = row;
  const say: Say = (kind, transactions, detail) => anomalies.push({ kind, key, transactions, detail });
  const reads = checkReads(row, effect, say);
  sayLostUpdates(row, reads, say);
  if (!bySequenceNumber) return addAsReadsTell(graph, row, reads, effect, say);
  const placed = [...row.lastOf].filter(([transaction]) => history[transaction]!.sequenceNumber !== null);
  placed.sort(([a], [b]) => history[a]!.sequenceNumber! - history[b]!.sequenceNumber!);
  const makers = placed.map(([transaction]) => transaction);
  const versionOf = new Map<Value | null, number>(placed.map(([, value], at) => [value, at]));
  if (row.isDeleted) versionOf.delete(null);
  else versionOf.set(null, -1);
  /** They come after nothing, and nobody knows when. */
  const unplaced = [...row.lastOf.keys()].filter((maker) => {
    return effect[maker] === COMMITTED && history[maker]!.sequenceNumber === null;
  });
  const located: { reader: number; version: number }[] = [];
  let leftOut = 0;
  let unordered = 0;
  for (const { transaction, value } of reads) {
    const version = versionOf.get(value);
    if (version !== undefined) located.push({ reader: transaction, version });
    // Its place is not known, but its writer is.
    else if (value !== null) graph.add(WR, row.writes.get(value)!.transaction, transaction, key);
    if (version !== -1) continue;
    if (unordered + unplaced.length > UNORDERED_DEPENDENCIES_MAX) leftOut += unplaced.length;
    else {
      unordered += unplaced.length;
      for (const maker of unplaced) graph.add(RW, transaction, maker, key);
    }
  }
  return leftOut + addDependencies(graph, { key, makers, reads: located, later: [], laterBehind: 0 });
}

/** Those whose version may be seen. */
function checkReads({ reads, writes }: Row, effect: Uint8Array, say: Say): readonly RegisterRead[] {
  return reads.filter(({ transaction, value }) => {
    if (value === null) return true;
    const write = writes.get(value);
    if (write === undefined) say('unknown-value', [transaction], `${show(value)} was read, and never written`);
    else if (write.transaction === transaction) {
      say('internal', [transaction], `it read ${show(value)}, which it wrote only later`);
    } else if (effect[write.transaction] === FAILED) {
      say('G1a', [transaction, write.transaction], `${show(value)} of a failed transaction was read`);
    } else if (!write.isLast) {
      say('G1b', [transaction, write.transaction], `${show(value)} was read, which its writer wrote over`);
    } else return true;
    return false;
  });
}

function sayLostUpdates({ lastOf, isDeleted }: Row, reads: readonly RegisterRead[], say: Say): void {
  const updatersOf = new Map<Value | null, number[]>();
  for (const { transaction, value } of reads) {
    if (!lastOf.has(transaction) || (value === null && isDeleted)) continue;
    const updaters = updatersOf.get(value);
    if (updaters === undefined) updatersOf.set(value, [transaction]);
    else updaters.push(transaction);
  }
  for (const [value, updaters] of updatersOf) {
    if (updaters.length > 1) say('lost-update', updaters, `they read ${show(value)}, and each wrote`);
  }
}

/**
 * What a transaction read comes right before what it wrote, and nothing before all. That says less than there is, and
 * nothing that is not: where it leads past versions, it stands for the way through them.
 */
function addAsReadsTell(
  graph: DependencyGraph,
  { key, lastOf, writes, isDeleted }: Row,
  reads: readonly RegisterRead[],
  effect: Uint8Array,
  say: Say,
): number {
  const committed = [...lastOf.keys()].filter((transaction) => effect[transaction] === COMMITTED);
  const updatersOf = new Map<Value | null, number[]>();
  const versions = new VersionOrder(committed);
  for (const { transaction, value } of reads) {
    if (value === null || !lastOf.has(transaction)) continue;
    const updaters = updatersOf.get(value) ?? [];
    updaters.push(transaction);
    updatersOf.set(value, updaters);
    graph.add(WW, writes.get(value)!.transaction, transaction, key);
    versions.add(writes.get(value)!.transaction, transaction);
  }
  for (const circle of versions.circles()) {
    say('cyclic-versions', circle, 'each read the version of another of them and wrote the next');
  }
  const none: readonly number[] = [];
  let leftOut = 0;
  let unordered = 0;
  for (const { transaction, value } of reads) {
    if (value !== null) graph.add(WR, writes.get(value)!.transaction, transaction, key);
    const next = value !== null ? (updatersOf.get(value) ?? none) : isDeleted ? none : committed;
    if (unordered + next.length > UNORDERED_DEPENDENCIES_MAX) leftOut += next.length;
    else {
      unordered += next.length;
      for (const maker of next) graph.add(RW, transaction, maker, key);
    }
  }
  return leftOut;
}

/** Which of the writers of one row comes right before which. */
class VersionOrder {
  readonly #writers: readonly number[];
  readonly #placeOf: ReadonlyMap<number, number>;
  readonly #graph: DependencyGraph;

  constructor(writers: readonly number[]) {
    this.#writers = writers;
    this.#placeOf = new Map(writers.map((transaction, at) => [transaction, at]));
    this.#graph = new DependencyGraph(writers.length);
  }

  add(before: number, after: number): void {
    this.#graph.add(WW, this.#placeOf.get(before)!, this.#placeOf.get(after)!, null);
  }

  circles(): readonly (readonly number[])[] {
    if (this.#graph.edges === 0) return [];
    const { count, of } = components(this.#graph.compact(), anyOf(WW), null);
    const circles = Array.from({ length: count }, (): number[] => []);
    for (const [at, circle] of of.entries()) if (circle !== -1) circles[circle]!.push(this.#writers[at]!);
    return circles;
  }
}
