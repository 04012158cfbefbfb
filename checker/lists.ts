/**
 * Rows that hold lists, to which transactions append: what is read of such a row tells all its versions and their
 * order, which makes this the sharpest workload. Source: Kingsbury and Alvaro, Elle, 2020, section 4.
 */
import type { DependencyGraph } from './dependency-graph.ts';
import type { HistoryTransaction, Key, LocalAnomaly, Value } from './types.ts';
import { addDependencies } from './versions.ts';

interface ListRead {
  readonly transaction: number;
  readonly values: readonly Value[];
  /** Nothing of the transaction's own is in it. */
  readonly isExternal: boolean;
}

interface Row {
  readonly key: Key;
  readonly appendedBy: Map<Value, number>;
  /** The last value that each transaction appended. */
  readonly lastOf: Map<number, Value>;
  readonly reads: ListRead[];
}

export function checkLists(graph: DependencyGraph, history: readonly HistoryTransaction[]): LocalAnomaly[] {
  const anomalies: LocalAnomaly[] = [];
  const rows = collect(history, anomalies);
  for (const row of rows.values()) checkRow(graph, history, row, anomalies);
  return anomalies;
}

function collect(history: readonly HistoryTransaction[], anomalies: LocalAnomaly[]): Map<Key, Row> {
  const rows = new Map<Key, Row>();
  const rowOf = (key: Key): Row => {
    let row = rows.get(key);
    if (row === undefined) {
      row = { key, appendedBy: new Map(), lastOf: new Map(), reads: [] };
      rows.set(key, row);
    }
    return row;
  };
  for (const [transaction, { operations, outcome }] of history.entries()) {
    /** What a read must end with, or be: known from earlier operations of this transaction. */
    const own = new Map<Key, { readonly start: readonly Value[] | null; readonly appended: Value[] }>();
    for (const operation of operations) {
      if (operation.op === 'append') {
        const row = rowOf(operation.key);
        const other = row.appendedBy.get(operation.value);
        if (other !== undefined) {
          const detail = `${show(operation.value)} was appended twice`;
          anomalies.push({ kind: 'duplicate', key: row.key, transactions: [other, transaction], detail });
        }
        row.appendedBy.set(operation.value, transaction);
        row.lastOf.set(transaction, operation.value);
        const known = own.get(row.key);
        if (known === undefined) own.set(row.key, { start: null, appended: [operation.value] });
        else known.appended.push(operation.value);
      } else if (operation.op === 'read-list' && operation.values !== null && outcome === 'ok') {
        const { key, values } = operation;
        const known = own.get(key);
        const problem = known === undefined ? null : contradiction(values, known);
        if (problem !== null) {
          anomalies.push({ kind: 'internal', key, transactions: [transaction], detail: problem });
          continue;
        }
        const appended = known?.appended ?? [];
        const start = values.slice(0, values.length - appended.length);
        rowOf(key).reads.push({ transaction, values: start, isExternal: known?.start == null });
        own.set(key, { start, appended });
      }
    }
  }
  return rows;
}

function contradiction(
  values: readonly Value[],
  known: { readonly start: readonly Value[] | null; readonly appended: readonly Value[] },
): string | null {
  const { start, appended } = known;
  const at = values.length - appended.length;
  const isEnd = at >= 0 && appended.every((value, i) => values[at + i] === value);
  if (!isEnd) return `it read ${show(values)}, having appended ${show(appended)}`;
  if (start === null || (start.length === at && start.every((value, i) => values[i] === value))) return null;
  return `it read ${show(values)}, having read ${show(start)} before and appended ${show(appended)}`;
}

function checkRow(
  graph: DependencyGraph,
  history: readonly HistoryTransaction[],
  row: Row,
  anomalies: LocalAnomaly[],
): void {
  const { key, appendedBy } = row;
  const say = (kind: LocalAnomaly['kind'], transactions: readonly number[], detail: string) => {
    anomalies.push({ kind, key, transactions, detail });
  };
  let longest: ListRead | null = null;
  for (const read of row.reads) if (longest === null || read.values.length > longest.values.length) longest = read;
  const order = longest?.values ?? [];
  if (new Set(order).size !== order.length) say('duplicate', [longest!.transaction], `${show(order)} was read`);
  for (const [at, value] of order.entries()) {
    const maker = appendedBy.get(value);
    if (maker === undefined)
      say('unknown-value', [longest!.transaction], `${show(value)} was read, and never appended`);
    else if (history[maker]!.outcome === 'fail' && at + 1 < order.length) {
      say('dirty-update', [maker], `${show(value)} of a failed transaction is followed by ${show(order[at + 1]!)}`);
    }
  }

  // The versions that one transaction makes of a row are one, as far as others are concerned: its last.
  const makers: (number | null)[] = [];
  /** By number of values: the version that these are. */
  const versionOf = new Map<number, number>([[0, -1]]);
  for (const [at, value] of order.entries()) {
    const maker = appendedBy.get(value) ?? null;
    const next = order[at + 1];
    const isLastOfMaker = next === undefined || maker === null || appendedBy.get(next) !== maker;
    if (!isLastOfMaker) continue;
    makers.push(maker);
    versionOf.set(at + 1, makers.length - 1);
  }

  const reads: { reader: number; version: number }[] = [];
  const readersOfVersion = new Map<number, number[]>();
  for (const read of row.reads) {
    const { transaction, values } = read;
    if (values.some((value, at) => value !== order[at])) {
      say('incompatible-order', [transaction, longest!.transaction], `${show(values)} and ${show(order)} were read`);
      continue;
    }
    for (const value of values) {
      const maker = appendedBy.get(value);
      if (maker !== undefined && history[maker]!.outcome === 'fail') {
        say('G1a', [transaction, maker], `${show(value)} of a failed transaction was read`);
      }
    }
    const lastValue = values.at(-1);
    const lastMaker = lastValue === undefined ? undefined : appendedBy.get(lastValue);
    if (lastMaker !== undefined && lastMaker !== transaction && row.lastOf.get(lastMaker) !== lastValue) {
      say('G1b', [transaction, lastMaker], `${show(values)} was read, and its writer had yet to append`);
    }
    const version = versionOf.get(values.length);
    if (version === undefined || !read.isExternal) continue;
    reads.push({ reader: transaction, version });
    if (row.lastOf.has(transaction)) {
      const readers = readersOfVersion.get(version);
      if (readers === undefined) readersOfVersion.set(version, [transaction]);
      else readers.push(transaction);
    }
  }
  for (const writers of readersOfVersion.values()) {
    const distinct = [...new Set(writers)];
    if (distinct.length > 1) say('lost-update', distinct, 'they read one version of it, and each appended');
  }
  const known = new Set(makers);
  const later = [...row.lastOf.keys()].filter((maker) => history[maker]!.outcome === 'ok' && !known.has(maker));
  addDependencies(graph, { key, makers, reads, later });
}

function show(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 60)}…${text.slice(-55)}` : text;
}
