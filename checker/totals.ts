import { COMMITTED } from './took-effect.ts';
import type { HistoryTransaction, Key, LocalAnomaly } from './types.ts';

/** Every reading of a total is the same. `expected`: what it is; of others, the first that a committed one read. */
export function checkTotals(
  history: readonly HistoryTransaction[],
  effect: Uint8Array,
  expected: ReadonlyMap<Key, number>,
): LocalAnomaly[] {
  const anomalies: LocalAnomaly[] = [];
  const totals = new Map<Key, { readonly total: number; readonly reader: number | null }>();
  for (const [key, total] of expected) totals.set(key, { total, reader: null });
  for (const [transaction, { operations }] of history.entries()) {
    if (effect[transaction] !== COMMITTED) continue;
    for (const operation of operations) {
      if (operation.op !== 'read-total') continue;
      const { key, total } = operation;
      const known = totals.get(key);
      if (known === undefined) totals.set(key, { total, reader: transaction });
      else if (known.total !== total) {
        const transactions = known.reader === null ? [transaction] : [transaction, known.reader];
        anomalies.push({ kind: 'wrong-total', key, transactions, detail: `${total} was read, not ${known.total}` });
      }
    }
  }
  return anomalies;
}
