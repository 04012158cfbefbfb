/**
 * Rows that hold one value, which transactions write. What is read tells a version, but not the order of versions. That
 * comes from the sequence numbers that the commits answered, or, without them, from transactions that read a version
 * and wrote the next.
 */
import { DependencyGraph, WW } from './dependency-graph.ts';
import type { HistoryTransaction, Key, LocalAnomaly, Value } from './types.ts';
import { addDependencies } from './versions.ts';

export type VersionOrder =
  /** By sequence number: complete, but for writers whose answer was lost. */
  | 'sequence-numbers'
  /** Only as far as reads tell: an independent second opinion. */
  | 'reads';

interface Row {
  readonly key: Key;
  /** Of each value, its writer; whether the writer wrote over it itself. */
  readonly writes: Map<Value, { readonly transaction: number; isLast: boolean }>;
  /** By transaction, the last value that it wrote. */
  readonly lastOf: Map<number, Value>;
  /** First reads, before any write of the reader. */
  readonly reads: { readonly transaction: number; readonly value: Value | null }[];
}

export function checkRegisters(
  graph: DependencyGraph,
  history: readonly HistoryTransaction[],
  versionOrder: VersionOrder,
): LocalAnomaly[] {
  const anomalies: LocalAnomaly[] = [];
  for (const row of collect(history, anomalies).values()) checkRow(graph, history, row, versionOrder, anomalies);
  return anomalies;
}

function collect(history: readonly HistoryTransaction[], anomalies: LocalAnomaly[]): Map<Key, Row> {
  const rows = new Map<Key, Row>();
  const rowOf = (key: Key): Row => {
    let row = rows.get(key);
    if (row === undefined) {
      row = { key, writes: new Map(), lastOf: new Map(), reads: [] };
      rows.set(key, row);
    }
    return row;
  };
  for (const [transaction, { operations, outcome }] of history.entries()) {
    const known = new Map<Key, Value | null>();
    for (const operation of operations) {
      if (operation.op === 'write') {
        const { key, value } = operation;
        const row = rowOf(key);
        const other = row.writes.get(value);
        if (other !== undefined) {
          const detail = `${JSON.stringify(value)} was written twice`;
          anomalies.push({ kind: 'duplicate', key, transactions: [other.transaction, transaction], detail });
        }
        const overwritten = row.lastOf.get(transaction);
        if (overwritten !== undefined) row.writes.get(overwritten)!.isLast = false;
        row.writes.set(value, { transaction, isLast: true });
        row.lastOf.set(transaction, value);
        known.set(key, value);
      } else if (operation.op === 'read' && operation.value !== undefined && outcome === 'ok') {
        const { key, value } = operation;
        if (!known.has(key)) rowOf(key).reads.push({ transaction, value });
        else if (known.get(key) !== value) {
          const detail = `it read ${JSON.stringify(value)}, knowing ${JSON.stringify(known.get(key))}`;
          anomalies.push({ kind: 'internal', key, transactions: [transaction], detail });
        }
        known.set(key, value);
      }
    }
  }
  return rows;
}

function checkRow(
  graph: DependencyGraph,
  history: readonly HistoryTransaction[],
  row: Row,
  versionOrder: VersionOrder,
  anomalies: LocalAnomaly[],
): void {
  const { key } = row;
  const say = (kind: LocalAnomaly['kind'], transactions: readonly number[], detail: string) => {
    anomalies.push({ kind, key, transactions, detail });
  };
  const readersOf = new Map<Value | null, number[]>();
  const fromOthers: { readonly transaction: number; readonly value: Value | null }[] = [];
  for (const { transaction, value } of row.reads) {
    const write = value === null ? null : row.writes.get(value);
    if (write === undefined) {
      say('unknown-value', [transaction], `${JSON.stringify(value)} was read, and never written`);
      continue;
    }
    if (write !== null) {
      if (history[write.transaction]!.outcome === 'fail') {
        say('G1a', [transaction, write.transaction], `${JSON.stringify(value)} of a failed transaction was read`);
        continue;
      }
      if (!write.isLast && write.transaction !== transaction) {
        say('G1b', [transaction, write.transaction], `${JSON.stringify(value)} was read, which its writer wrote over`);
        continue;
      }
    }
    fromOthers.push({ transaction, value });
    if (!row.lastOf.has(transaction)) continue;
    const readers = readersOf.get(value);
    if (readers === undefined) readersOf.set(value, [transaction]);
    else readers.push(transaction);
  }
  for (const [value, writers] of readersOf) {
    if (writers.length > 1) say('lost-update', writers, `they read ${JSON.stringify(value)}, and each wrote`);
  }
  const values = versionOrder === 'sequence-numbers' ? inSequence(history, row) : asReadsTell(row, fromOthers, say);
  for (const chain of values) {
    const makers = chain.map((value) => row.writes.get(value)?.transaction ?? null);
    const version = new Map<Value | null, number>(chain.map((value, at) => [value, at]));
    if (chain.startsWithNothing) version.set(null, -1);
    const reads = fromOthers
      .filter(({ value }) => version.has(value))
      .map(({ transaction, value }) => ({ reader: transaction, version: version.get(value)! }));
    addDependencies(graph, { key, makers, reads, later: [] });
  }
}

/** Values of one row, each the next version of the one before. */
type Chain = readonly Value[] & { readonly startsWithNothing: boolean };

function chainOf(values: readonly Value[], startsWithNothing: boolean): Chain {
  return Object.assign([...values], { startsWithNothing });
}

/** One chain: those whose place in the group's order is known. A writer nobody knows the place of is left out. */
function inSequence(history: readonly HistoryTransaction[], row: Row): readonly Chain[] {
  const placed = [...row.lastOf].filter(([transaction]) => history[transaction]!.sequenceNumber !== null);
  placed.sort(([a], [b]) => history[a]!.sequenceNumber! - history[b]!.sequenceNumber!);
  return [
    chainOf(
      placed.map(([, value]) => value),
      true,
    ),
  ];
}

/** Chains of two: a version, and that which a reader of it made of it. */
function asReadsTell(
  row: Row,
  reads: readonly { readonly transaction: number; readonly value: Value | null }[],
  say: (kind: LocalAnomaly['kind'], transactions: readonly number[], detail: string) => void,
): readonly Chain[] {
  const chains: Chain[] = [];
  const writers = [...row.lastOf.keys()];
  const placeOf = new Map(writers.map((transaction, at) => [transaction, at]));
  const versions = new DependencyGraph(writers.length);
  for (const { transaction, value } of reads) {
    const next = row.lastOf.get(transaction);
    if (next === undefined) continue;
    if (value === null) {
      chains.push(chainOf([next], true));
      continue;
    }
    chains.push(chainOf([value, next], false));
    versions.add(WW, placeOf.get(row.writes.get(value)!.transaction)!, placeOf.get(transaction)!, row.key);
  }
  for (const circle of versions.components(WW)) {
    say(
      'cyclic-versions',
      circle.map((at) => writers[at]!),
      'each read the version of another of them and wrote the next',
    );
  }
  // Versions that no writer read are alone: their readers depend on their writers all the same.
  for (const value of row.lastOf.values()) chains.push(chainOf([value], false));
  return chains;
}
