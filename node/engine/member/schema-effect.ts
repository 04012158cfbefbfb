/**
 * What a schema change did, resolved at its place in the order: one row of the catalog, and the rows of the table that
 * went. Kept in the verdict file, so that a restart repeats it without judging again (a lane may be ahead).
 */
import type { RowKey } from '../../../certifier/types.ts';
import { assert, ByteReader, ByteWriter } from '../../../gcs/base/index.ts';

export interface SchemaEffect {
  readonly key: RowKey;
  /** The table's definition as a row of the catalog; null: there is none any more. */
  readonly image: Uint8Array | null;
  /** Table whose rows are gone. */
  readonly clearedTableId: number | null;
}

export function encodeSchemaEffect(effect: SchemaEffect): Uint8Array {
  const writer = new ByteWriter();
  writer.binaryString(effect.key);
  writer.varint(effect.clearedTableId === null ? 0 : effect.clearedTableId);
  writer.u8(effect.image === null ? 0 : 1);
  if (effect.image !== null) writer.raw(effect.image);
  return writer.finish();
}

/** @throws InvariantViolation: the bytes are this member's own and were checksummed. */
export function decodeSchemaEffect(bytes: Uint8Array): SchemaEffect {
  const reader = new ByteReader(bytes);
  const key = reader.binaryString();
  const clearedTableId = reader.varint();
  const hasImage = reader.u8() === 1;
  const image = hasImage ? reader.raw(reader.left) : null;
  assert(reader.finished, 'a kept schema effect is readable');
  return { key, image, clearedTableId: clearedTableId === 0 ? null : clearedTableId };
}
