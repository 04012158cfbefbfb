/** A lost conflict as a client is told of it. */
import type { RowKey } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import { certificationConflict, type RequestError, schemaChanged } from './errors.ts';
import { decodeKey, shownKey } from './key-codec.ts';
import type { LostConflict, Replica } from './replica.ts';
import type { Table } from './table.ts';

export function conflictError(
  { key, found, winner, phase }: LostConflict,
  about: {
    readonly transaction: {
      touchedTable(tableId: number): Table | undefined;
      certifiedAgainst(key: RowKey): SequenceNumber;
    };
    readonly replica: Pick<Replica, 'groupId' | 'memberIdOf'>;
  },
): RequestError {
  const { transaction, replica } = about;
  const snapshotVersion = transaction.certifiedAgainst(key);
  const winnerFacts = {
    gtid: `${replica.groupId}:${winner.sequenceNumber}`,
    member: replica.memberIdOf(winner.origin),
  };
  const decoded = decodeKey(key, null);
  if (decoded.kind !== 'row') {
    const tableId = decoded.kind === 'catalog-item' ? decoded.tableId : -1;
    const table = transaction.touchedTable(tableId)?.name ?? '';
    return schemaChanged({ table, snapshotVersion, winner: winnerFacts });
  }
  const table = transaction.touchedTable(decoded.tableId);
  const typed = decodeKey(key, table?.keyTypes ?? null);
  return certificationConflict({
    table: table?.name ?? `(table id ${decoded.tableId})`,
    item: found === 'range' ? 'range' : 'row',
    key: shownKey(typed.kind === 'row' ? typed.values : decoded.values),
    snapshotVersion,
    winner: winnerFacts,
    phase,
  });
}
