/** A schema change as clients are shown it. */
import { assert } from '../../../../gcs/base/index.ts';
import type { ImageCodec } from '../../image-codec.ts';
import { decodeKey } from '../../key-codec.ts';
import type { SchemaEffect } from '../../member/schema-effect.ts';
import { decodeDefinition } from '../../schema-codec.ts';
import { shownDefinition } from '../../statements/describe.ts';

export interface ShownSchemaChange {
  readonly change: 'createTable' | 'dropTable' | 'truncateTable';
  readonly table: string;
  /** As `describe` shows it, afterwards; null: there is no table any more. */
  readonly definition: object | null;
}

export function shownSchemaChange(effect: SchemaEffect, codec: ImageCodec): ShownSchemaChange {
  const key = decodeKey(effect.key, null);
  assert(key.kind === 'definition', 'a schema change writes a definition');
  const table = key.name;
  if (effect.image === null) return { change: 'dropTable', table, definition: null };
  const definition = shownDefinition(decodeDefinition(effect.image, codec));
  return { change: effect.clearedTableId === null ? 'createTable' : 'truncateTable', table, definition };
}
