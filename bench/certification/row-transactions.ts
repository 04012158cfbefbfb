/** Transactions of one row each, as a member decodes them. */
import type { RowKey, Transaction } from '../../certifier/index.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';

/** Of a table with a whole number as its primary key: 13 bytes. */
export function keyOfRow(row: number): RowKey {
  return String.fromCharCode(
    ...[0, 0, 0, 7],
    ...[0x20, 0x80, 0, 0, 0],
    ...[row >>> 24, (row >>> 16) & 0xff, (row >>> 8) & 0xff, row & 0xff],
  );
}

export function putOfRow(row: number, snapshotVersion: SequenceNumber): Transaction {
  return { snapshotVersion, writeSet: [{ key: keyOfRow(row), kind: 'put', image: IMAGE }] };
}

const IMAGE = new Uint8Array(16);
