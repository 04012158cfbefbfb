/** What the version store is to publish of a schema change. */

import type { KeyRange, Write } from '../../../applier/index.ts';
import { tableRange } from '../key-codec.ts';
import type { SchemaEffect } from './schema-effect.ts';

/** The row of the catalog that a schema change writes, and the rows that it clears. */
export function publicationOf(effect: SchemaEffect): { writes: readonly Write[]; clear: readonly KeyRange[] } {
  return {
    writes: [{ key: effect.key, image: effect.image }],
    clear: effect.clearedTableId === null ? [] : [tableRange(effect.clearedTableId)],
  };
}
