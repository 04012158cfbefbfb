/**
 * What a schema change did, resolved at its place in the order: rows of the catalog, and what was cleared. Kept in the
 * verdict file, so that a restart repeats it without judging again (a lane may be ahead).
 *
 *     effect   0 (varint), format u8 (2), change u8, place of the definition in rows: varint, 0 none, else 1 + place,
 *              row count varint, rows, cleared count varint, cleared, concerned count varint, table ids varint
 *     row      key (length varint, bytes), 0 u8: no image, or 1 u8 and image (length varint, bytes)
 *     cleared  table id varint, 0: all of it, else index id, varint
 *
 * Format 1, which a verdict file may still have, is the key of one row, which never has length 0, the table cleared or 0,
 * and the image.
 */
import type { RowKey } from '../../../certifier/types.ts';
import { assert, ByteReader, ByteWriter } from '../../../gcs/base/index.ts';
import type { Cleared, PossibleChange } from '../schema/judgement.ts';

export interface SchemaEffect {
  /** `setVariable`: of no table; what else is said of definitions does not concern it. */
  readonly change: PossibleChange['change'] | 'setVariable';
  /** Of the catalog; `image`: a definition, null: there is none any more. The first is of the table's name before. */
  readonly rows: readonly { readonly key: RowKey; readonly image: Uint8Array | null }[];
  /** Place in `rows` of the definition of the table that it is about, afterwards; null: there is none. */
  readonly definitionAt: number | null;
  readonly cleared: readonly Cleared[];
  /** Table ids whose catalog items it writes. */
  readonly concerned: readonly number[];
}

const FORMAT = 2;
const CHANGES = ['createTable', 'dropTable', 'truncateTable', 'alterTable', 'setVariable'] as const;

export function encodeSchemaEffect({ change, rows, definitionAt, cleared, concerned }: SchemaEffect): Uint8Array {
  const writer = new ByteWriter();
  writer.varint(0);
  writer.u8(FORMAT);
  writer.u8(CHANGES.indexOf(change));
  writer.varint(definitionAt === null ? 0 : definitionAt + 1);
  writer.varint(rows.length);
  for (const { key, image } of rows) {
    writer.binaryString(key);
    writer.u8(image === null ? 0 : 1);
    if (image !== null) writer.blob(image);
  }
  writer.varint(cleared.length);
  for (const { tableId, indexId } of cleared) {
    writer.varint(tableId);
    writer.varint(indexId ?? 0);
  }
  writer.varint(concerned.length);
  for (const tableId of concerned) writer.varint(tableId);
  return writer.finish();
}

/** @throws InvariantViolation: the bytes are this member's own and were checksummed. */
export function decodeSchemaEffect(bytes: Uint8Array): SchemaEffect {
  const reader = new ByteReader(bytes);
  const key = reader.binaryString();
  const effect = key === '' ? readEffect(reader) : readOldEffect(reader, key);
  assert(reader.finished, 'a kept schema effect is readable');
  return effect;
}

function readEffect(reader: ByteReader): SchemaEffect {
  assert(reader.u8() === FORMAT, 'a kept schema effect is of a known format');
  const change = CHANGES[reader.u8()];
  assert(change !== undefined, 'a kept schema change is of a known kind');
  const definition = reader.varint();
  const rows = times(reader.varint(), () => {
    const key = reader.binaryString();
    return { key, image: reader.u8() === 1 ? reader.blob() : null };
  });
  const cleared = times(reader.varint(), () => {
    const tableId = reader.varint();
    const indexId = reader.varint();
    return { tableId, indexId: indexId === 0 ? null : indexId };
  });
  const concerned = times(reader.varint(), () => reader.varint());
  return { change, rows, definitionAt: definition === 0 ? null : definition - 1, cleared, concerned };
}

function readOldEffect(reader: ByteReader, key: RowKey): SchemaEffect {
  const tableId = reader.varint();
  const image = reader.u8() === 1 ? reader.raw(reader.left) : null;
  return {
    change: image === null ? 'dropTable' : tableId === 0 ? 'createTable' : 'truncateTable',
    rows: [{ key, image }],
    definitionAt: image === null ? null : 0,
    cleared: tableId === 0 ? [] : [{ tableId, indexId: null }],
    concerned: tableId === 0 ? [] : [tableId],
  };
}

function times<Thing>(count: number, read: () => Thing): Thing[] {
  const things: Thing[] = [];
  for (let i = 0; i < count; i++) things.push(read());
  return things;
}
