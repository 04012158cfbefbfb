/** A schema change as clients are shown it. */
import { assert } from '../../../../gcs/base/index.ts';
import type { ImageCodec } from '../../image-codec.ts';
import { decodeKey } from '../../key-codec.ts';
import type { SchemaEffect } from '../../member/schema-effect.ts';
import { decodeDefinition } from '../../schema-codec.ts';
import { type ShownDefinition, shownDefinition } from '../../statements/describe.ts';

export interface ShownSchemaChange {
  readonly change: Exclude<SchemaEffect['change'], 'setVariable'>;
  /** Its name before. */
  readonly table: string;
  /** As `describe` shows it, afterwards; null: there is no table any more. */
  readonly definition: ShownDefinition | null;
}

export function shownSchemaChange(effect: SchemaEffect, codec: ImageCodec): ShownSchemaChange {
  const { change, rows, definitionAt } = effect;
  const key = decodeKey(rows[0]!.key, null);
  assert(key.kind === 'definition' && change !== 'setVariable', 'a schema change writes definitions');
  const image = definitionAt === null ? null : rows[definitionAt]!.image;
  const definition = image === null ? null : shownDefinition(decodeDefinition(image, codec));
  return { change, table: key.name, definition };
}
