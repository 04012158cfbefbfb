/** What a conflict is about, told from its key's bytes alone: cheap enough for every one. */
import type { RowKey } from '../../../certifier/types.ts';
import { tableIdOf } from '../key-codec.ts';
import type { ConflictCause } from '../replica.ts';
import type { SeenConflict } from './conflict-log.ts';

/** Behind the table id of a key: columns of a row below it, then index entries, then existence items (key-codec.ts). */
const ENTRY = 0x60;
const EXISTENCE = 0x68;
const WIDE_TABLE_ID = 0xffff_ffff;

export function conflictCause({ reason, found, key }: Pick<SeenConflict, 'reason' | 'found' | 'key'>): ConflictCause {
  if (reason === 'out-of-bounds') return 'bounds';
  if (reason !== 'conflict') return reason;
  const tableId = tableIdOf(key);
  if (tableId === 0) return 'catalog';
  if (found !== 'item') return found;
  return causeOfItem(key, tableId);
}

function causeOfItem(key: RowKey, tableId: number): ConflictCause {
  const space = key.charCodeAt(tableId < WIDE_TABLE_ID ? 4 : 10);
  if (space === ENTRY) return 'unique';
  return space === EXISTENCE ? 'reference' : 'row';
}
