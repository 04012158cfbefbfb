/** Variables of the group as rows: each is kept like what a schema change did. */
import type { RowKey } from '../../../certifier/types.ts';
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import type { ImageCodec } from '../image-codec.ts';
import { decodeKey, variableKey } from '../key-codec.ts';
import { VARIABLES, type VariableDefaults, Variables } from '../variables.ts';
import type { SchemaEffect } from './schema-effect.ts';

export function effectOfVariable(name: string, value: string, codec: ImageCodec): SchemaEffect {
  const row = { key: variableKey(name), image: codec.encode([value]) };
  return { change: 'setVariable', rows: [row], definitionAt: null, cleared: [], concerned: [] };
}

/** Null: the effect is that of a schema change. */
export function variableOf({ rows }: SchemaEffect, codec: ImageCodec): { name: string; value: string } | null {
  const { key, image } = rows[0]!;
  const decoded = decodeKey(key, null);
  return decoded.kind === 'variable' && image !== null
    ? { name: decoded.name, value: decodedValue(image, codec) }
    : null;
}

/** As the lanes have them, each as of what its lane has flushed: changes since are repeated, in order. */
export function variablesOf(
  store: {
    get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined;
    readonly highestLanePoint: SequenceNumber;
  },
  { codec, defaults }: { readonly codec: ImageCodec; readonly defaults: VariableDefaults },
): Variables {
  const variables = new Variables(defaults);
  for (const { name } of VARIABLES) {
    const image = store.get(variableKey(name), store.highestLanePoint);
    if (image !== undefined) variables.set(name, decodedValue(image, codec), 0);
  }
  return variables;
}

function decodedValue(image: Uint8Array, codec: ImageCodec): string {
  return (codec.decode(image) as readonly [string])[0];
}
