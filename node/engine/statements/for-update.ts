/**
 * `forUpdate`: rows are locked on this member until the transaction ends, and what is read there joins what is certified
 * (H7). A first statement that had to wait has run from the beginning, so that its snapshot is younger than the grant; a
 * later one fails at once where a row was written since the snapshot: it would only lose at the commit.
 */
import type { RowKey } from '../../../certifier/types.ts';
import type { Table } from '../table.ts';
import type { Transaction } from '../transaction.ts';

/** @throws RowAwaited; RequestError CERTIFICATION_CONFLICT, DEADLOCK and what `Transaction.lock` throws */
export function lockForUpdate(transaction: Transaction, table: Table, keys: readonly RowKey[]): void {
  transaction.lock(table, keys);
  if (keys.length === 0) return;
  const lost = transaction.lostTo(keys);
  if (lost !== null) throw lost;
  for (const key of keys) transaction.observe(key, true);
}
