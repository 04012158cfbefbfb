/** What the version store is to publish of a schema change. */

import type { KeyRange, Write } from '../../../applier/index.ts';
import { indexRange, tableRange } from '../key-codec.ts';
import type { SchemaEffect } from './schema-effect.ts';

/** The rows of the catalog that a schema change writes, and what it clears. */
export function publicationOf(effect: SchemaEffect): { writes: readonly Write[]; clear: readonly KeyRange[] } {
  return {
    writes: effect.rows,
    clear: effect.cleared.map(({ tableId, indexId }) =>
      indexId === null ? tableRange(tableId) : indexRange(tableId, indexId),
    ),
  };
}
