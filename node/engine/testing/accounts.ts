import type { Limits } from '../limits.ts';
import { testWorld } from './solo-replica.ts';

export const TABLE = 'bank.account';

/** A world with one table of accounts, `id` and `v`, and these rows in it; nothing committed is remembered of that. */
export function accounts(rows: readonly number[] = [], limits: Partial<Limits> = {}) {
  const world = testWorld(limits);
  world.client.do('createTable', {
    table: TABLE,
    primaryKey: ['id'],
    columns: { id: { type: 'integer' }, v: { type: 'integer', default: 0 } },
  });
  for (const id of rows) world.client.do('insert', { table: TABLE, row: { id } });
  world.replica.committed.length = 0;
  return world;
}
