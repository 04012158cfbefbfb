/** A lost conflict as a client is told of it. */
import type { RowKey } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import { certificationConflict, type RequestError, schemaChanged } from './errors.ts';
import { decodeKey, tableIdOf } from './key-codec.ts';
import type { LostConflict, Replica } from './replica.ts';
import { showKey } from './shown-key.ts';
import type { Table } from './table.ts';

export function conflictError(
  { key, found, winner, phase, structure }: LostConflict,
  about: {
    readonly transaction: {
      touchedTable(tableId: number): Table | undefined;
      certifiedAgainst(key: RowKey): SequenceNumber;
    };
    readonly replica: Pick<Replica, 'groupId' | 'memberIdOf' | 'tableById'>;
  },
): RequestError {
  const { transaction, replica } = about;
  const snapshotVersion = transaction.certifiedAgainst(key);
  const winnerFacts = {
    gtid: `${replica.groupId}:${winner.sequenceNumber}`,
    member: replica.memberIdOf(winner.origin),
  };
  const table = transaction.touchedTable(tableIdOf(key));
  const shown = showKey(key, table);
  if (shown === null) {
    const decoded = decodeKey(key, null);
    const tableId = decoded.kind === 'catalog-item' ? decoded.tableId : -1;
    const name = transaction.touchedTable(tableId)?.name ?? '';
    return schemaChanged({ table: name, snapshotVersion, winner: winnerFacts });
  }
  return certificationConflict({
    table: tableName(key, table, replica),
    ...shown,
    item: found === 'range' ? 'range' : shown.item,
    snapshotVersion,
    winner: winnerFacts,
    phase,
    ...(structure !== undefined && {
      reason: 'dangerous structure' as const,
      before: structure.before && {
        ...rowOf(structure.before.key, transaction.touchedTable(tableIdOf(structure.before.key)), replica),
        gtid: `${replica.groupId}:${structure.before.by.sequenceNumber}`,
        member: replica.memberIdOf(structure.before.by.origin),
      },
    }),
  });
}

function rowOf(
  key: RowKey,
  table: Table | undefined,
  replica: Pick<Replica, 'tableById'>,
): { table: string; key: unknown } {
  return { table: tableName(key, table, replica), key: showKey(key, table)?.key ?? null };
}

/** A transaction may lose at a row of a table that it only looked into: to see whether others refer to a row. */
function tableName(key: RowKey, table: Table | undefined, replica: Pick<Replica, 'tableById'>): string {
  const tableId = tableIdOf(key);
  return table?.name ?? replica.tableById(tableId)?.name ?? `(table id ${tableId})`;
}
