/**
 * How clients alter a table while others write to it, and what is expected of its rows and of the answer. Columns, indexes
 * and foreign keys have few names, so that they come and go, and values are few, so that some cannot be built.
 */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { TableDefinition } from '../../node/engine/index.ts';

const INTEGER = { type: 'integer' };
const NULLABLE = { type: 'integer', nullable: true };

/** Arguments of `createTable`. `extra` comes and goes; `peer` may refer to another row, or to none. */
export const ALTERED_TABLE: object = { primaryKey: ['id'], columns: { id: INTEGER, tag: INTEGER, peer: NULLABLE } };

/** Arguments of `alterTable`. */
export interface Alteration {
  readonly [argument: string]: unknown;
}

/** `other`: a table that it may refer to. */
export function drawAlteration(random: SeededRandom, table: string, other: string): Alteration {
  const references = { table, columns: ['id'] };
  return random.pick<Alteration>([
    { addColumns: { extra: { ...INTEGER, default: random.below(5) } } },
    { addColumns: { extra: NULLABLE } },
    { addColumns: { extra: { ...INTEGER, default: 5 } }, addIndexes: { by_extra: ['extra', 'tag'] } },
    { dropColumns: ['extra'] },
    { drop: ['by_extra'], dropColumns: ['extra'] },
    { addIndexes: { by_tag: ['tag'] } },
    { addIndexes: { by_peer: ['peer', 'tag'] } },
    { addUnique: { one_peer: ['peer'] }, addIndexes: { by_tag: ['tag'] } },
    { addForeignKeys: { peers: { columns: ['peer'], references } } },
    { addForeignKeys: { ones: { columns: ['peer'], references: { ...references, table: other } } } },
    { addForeignKeys: { ones: { columns: ['peer'], references: { ...references, table: other } } } },
    { drop: [random.pick(['by_tag', 'by_peer', 'one_peer', 'peers', 'ones', 'ones', 'by_extra'])] },
    { drop: [random.pick(['by_tag', 'by_peer'])], addIndexes: { by_tag: ['tag', 'id'] } },
  ]);
}

/** What of an alteration that was answered as done is not so in the definition then; null: nothing. */
export function missingOf(alteration: Alteration, { indexes, foreignKeys }: TableDefinition): string | null {
  const valid = [...indexes, ...foreignKeys].filter(({ state }) => state === 'valid').map(({ name }) => name);
  const namesIn = (argument: string): readonly string[] =>
    Object.keys((alteration[argument] as object | undefined) ?? {});
  for (const argument of ['addIndexes', 'addUnique', 'addForeignKeys']) {
    for (const name of namesIn(argument)) if (!valid.includes(name)) return name;
  }
  return null;
}

/** Of a row of that table that a client writes: perhaps with a column that there is not, or a peer that there is not. */
export function drawAlteredRow(random: SeededRandom, keyCount: number): { peer?: number | null; extra?: number } {
  return {
    ...(random.chance(60) && { peer: random.chance(20) ? null : random.below(keyCount) }),
    ...(random.chance(10) && { extra: random.below(3) }),
  };
}
