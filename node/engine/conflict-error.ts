/** A lost conflict as a client is told of it. */
import type { RowKey } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import { certificationConflict, type RequestError, schemaChanged } from './errors.ts';
import { decodeKey, shownKey, tableIdOf } from './key-codec.ts';
import type { LostConflict, Replica } from './replica.ts';
import type { Table } from './table.ts';

export function conflictError(
  { key, found, winner, phase, structure }: LostConflict,
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
  return certificationConflict({
    ...rowOf(key, table),
    item: found === 'range' ? 'range' : 'row',
    snapshotVersion,
    winner: winnerFacts,
    phase,
    ...(structure !== undefined && {
      reason: 'dangerous structure' as const,
      before: structure.before && {
        ...rowOf(structure.before.key, transaction.touchedTable(tableIdOf(structure.before.key))),
        gtid: `${replica.groupId}:${structure.before.by.sequenceNumber}`,
        member: replica.memberIdOf(structure.before.by.origin),
      },
    }),
  });
}

function rowOf(key: RowKey, table: Table | undefined): { table: string; key: unknown } {
  const decoded = decodeKey(key, table?.keyTypes ?? null);
  return {
    table: table?.name ?? `(table id ${tableIdOf(key)})`,
    key: decoded.kind === 'row' ? shownKey(decoded.values) : null,
  };
}
