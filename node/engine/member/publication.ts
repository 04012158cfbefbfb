/** What the version store is to publish of a certified message. */

import type { KeyRange, Write } from '../../../applier/index.ts';
import { isOfRow } from '../../../certifier/index.ts';
import type { Transaction } from '../../../certifier/types.ts';
import { indexRange, tableRange } from '../key-codec.ts';
import type { SchemaEffect } from './schema-effect.ts';

/** The rows that a transaction writes. */
export function writesOf(transaction: Transaction): readonly Write[] {
  const { writeSet } = transaction;
  // As a rule all are, and an item of a row is a write: a large write set is not copied.
  return writeSet.every(({ kind }) => isOfRow(kind)) ? writeSet : writeSet.filter(({ kind }) => isOfRow(kind));
}

/** The rows of the catalog that a schema change writes, and what it clears. */
export function publicationOf(effect: SchemaEffect): { writes: readonly Write[]; clear: readonly KeyRange[] } {
  return {
    writes: effect.rows,
    clear: effect.cleared.map(({ tableId, indexId }) =>
      indexId === null ? tableRange(tableId) : indexRange(tableId, indexId),
    ),
  };
}
