/** A seen conflict as clients are told of it: names instead of keys and ordinals. Done when somebody asks. */
import type { DangerousStructure, RowKey } from '../../../certifier/types.ts';
import { formatIsoTime, type MemberId, type MemberOrdinal, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { Catalog } from '../catalog.ts';
import { decodeKey, tableIdOf } from '../key-codec.ts';
import type { ConflictRecord } from '../replica.ts';
import { showKey } from '../shown-key.ts';
import { Table } from '../table.ts';
import type { SeenConflict } from './conflict-log.ts';

export interface Names {
  readonly catalog: Catalog;
  memberIdOf(ordinal: MemberOrdinal): MemberId;
  gtidOf(sequenceNumber: SequenceNumber): string;
}

export function describeConflict(seen: SeenConflict, names: Names): ConflictRecord {
  const { key, found, reason, phase, loser, loserTransactionId, winner, structure, snapshotVersion, standsFor } = seen;
  const about = describeConflictKey(key, names);
  return {
    time: formatIsoTime(seen.stampMs),
    ...about,
    item: found !== 'item' && about.item !== 'catalog' ? found : about.item,
    reason: reason === 'conflict' && about.item === 'catalog' ? 'schema-changed' : reason,
    phase,
    loser: { member: names.memberIdOf(loser), transactionId: loserTransactionId },
    winner: winner && { member: names.memberIdOf(winner.origin), gtid: names.gtidOf(winner.sequenceNumber) },
    ...(structure !== null && { before: structure.before && describeBefore(structure.before, names) }),
    snapshotVersion,
    late: winner && winner.sequenceNumber - snapshotVersion,
    standsFor,
  };
}

function describeBefore(
  { key, by }: NonNullable<DangerousStructure['before']>,
  names: Names,
): NonNullable<ConflictRecord['before']> {
  const about = describeConflictKey(key, names);
  const gtid = names.gtidOf(by.sequenceNumber);
  return { table: about.table, key: about.key, member: names.memberIdOf(by.origin), gtid };
}

/** Which row or entry of which table, or which table itself. */
export function describeConflictKey(
  key: RowKey,
  { catalog }: Names,
): Pick<ConflictRecord, 'table' | 'item' | 'index' | 'key'> {
  const definition = catalog.tableById(tableIdOf(key));
  const shown = showKey(key, definition === undefined ? undefined : new Table(definition));
  if (shown !== null) return { table: definition?.name ?? `(dropped table ${tableIdOf(key)})`, ...shown };
  const decoded = decodeKey(key, null);
  switch (decoded.kind) {
    case 'catalog-item':
      return {
        table: catalog.tableById(decoded.tableId)?.name ?? `(dropped table ${decoded.tableId})`,
        item: 'catalog',
        key: null,
      };
    case 'variable':
    case 'definition':
      return { table: decoded.name, item: 'catalog', key: null };
    default:
      return { table: '(unknown)', item: 'row', key: null };
  }
}

/** The table that a conflict is about, as far as it is there. */
export function describedTable(key: RowKey, catalog: Catalog): string | null {
  const tableId = tableIdOf(key);
  if (tableId !== 0) return catalog.tableById(tableId)?.name ?? null;
  const decoded = decodeKey(key, null);
  if (decoded.kind === 'definition') return decoded.name;
  return decoded.kind === 'catalog-item' ? (catalog.tableById(decoded.tableId)?.name ?? null) : null;
}
