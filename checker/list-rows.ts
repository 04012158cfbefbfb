/** What a history says of rows that hold lists: who appended what to them, and what was read of them. */
import { show } from './show.ts';
import { COMMITTED, FAILED } from './took-effect.ts';
import type { HistoryTransaction, Key, LocalAnomaly, Value } from './types.ts';

export interface ListRead {
  readonly transaction: number;
  readonly values: readonly Value[];
  /** So many of them are not the transaction's own. */
  readonly length: number;
  /** The first of its transaction. */
  readonly isExternal: boolean;
}

export interface ListRow {
  readonly key: Key;
  readonly appendedBy: Map<Value, number>;
  /** The last value that each transaction appended. */
  readonly lastOf: Map<number, Value>;
  /** All that each appended, of those that appended several. */
  readonly severalOf: Map<number, Value[]>;
  readonly reads: ListRead[];
}

/** By key. What contradicts itself within a transaction is told to `anomalies`. */
export function listRows(
  history: readonly HistoryTransaction[],
  effect: Uint8Array,
  anomalies: LocalAnomaly[],
): ReadonlyMap<Key, ListRow> {
  const rows = new Map<Key, ListRow>();
  const rowOf = (key: Key): ListRow => {
    let row = rows.get(key);
    if (row === undefined) {
      row = { key, appendedBy: new Map(), lastOf: new Map(), severalOf: new Map(), reads: [] };
      rows.set(key, row);
    }
    return row;
  };
  for (const [transaction, { operations }] of history.entries()) {
    /** What its next read must begin and end with. */
    const own = new Map<Key, { readonly start: readonly Value[] | null; readonly appended: Value[] }>();
    for (const operation of operations) {
      if (operation.op === 'append') {
        const { key, value } = operation;
        const problem = append(rowOf(key), value, transaction, effect);
        if (problem !== null) anomalies.push(problem);
        const known = own.get(key);
        if (known === undefined) own.set(key, { start: null, appended: [value] });
        else known.appended.push(value);
      } else if (operation.op === 'read-list' && operation.values !== null && effect[transaction] === COMMITTED) {
        const { key, values } = operation;
        const known = own.get(key) ?? { start: null, appended: [] };
        const { appended } = known;
        const problem = contradiction(values, known);
        if (problem !== null) anomalies.push({ kind: 'internal', key, transactions: [transaction], detail: problem });
        const length = endsWith(values, appended) ? values.length - appended.length : values.length;
        rowOf(key).reads.push({ transaction, values, length, isExternal: known.start === null && problem === null });
        own.set(key, { start: values.slice(0, length), appended });
      }
    }
  }
  return rows;
}

/** What is wrong with it, or null. A value that failed to be appended may be appended again. */
function append(row: ListRow, value: Value, transaction: number, effect: Uint8Array): LocalAnomaly | null {
  const { key, appendedBy, lastOf, severalOf } = row;
  const last = lastOf.get(transaction);
  if (last !== undefined) {
    const several = severalOf.get(transaction);
    if (several === undefined) severalOf.set(transaction, [last, value]);
    else several.push(value);
  }
  lastOf.set(transaction, value);
  const other = appendedBy.get(value);
  if (other === undefined || effect[other] === FAILED) appendedBy.set(value, transaction);
  if (other === undefined || effect[other] === FAILED || effect[transaction] === FAILED) return null;
  return { kind: 'duplicate', key, transactions: [other, transaction], detail: `${show(value)} was appended twice` };
}

function contradiction(
  values: readonly Value[],
  { start, appended }: { readonly start: readonly Value[] | null; readonly appended: readonly Value[] },
): string | null {
  if (!endsWith(values, appended)) return `it read ${show(values)}, having appended ${show(appended)}`;
  if (start === null || (start.length + appended.length === values.length && beginsWith(values, start))) return null;
  const also = appended.length === 0 ? '' : ` and appended ${show(appended)}`;
  return `it read ${show(values)}, having read ${show(start)} before${also}`;
}

function endsWith(values: readonly Value[], end: readonly Value[]): boolean {
  const at = values.length - end.length;
  return at >= 0 && end.every((value, i) => values[at + i] === value);
}

/** `length`: so many of `start` count. */
export function beginsWith(values: readonly Value[], start: readonly Value[], length = start.length): boolean {
  if (length > values.length) return false;
  for (let at = 0; at < length; at++) if (values[at] !== start[at]) return false;
  return true;
}
