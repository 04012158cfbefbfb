import type { LocalGroup } from '../group/local-group.ts';
import { waitUntil, within } from '../wait-until.ts';

const BULK_TABLE = 'test.bulk';
const ROWS = 10_000;
const WRITE_MS_MAX = 30_000;
const LIMIT_MS = 120_000;

/**
 * Writes more than members keep of the recent past in memory, until what was written before lies in the lanes of each. From
 * then on they flush as they go, and a restart finds lanes, verdicts and log at different places.
 */
export async function outgrowHistory(group: LocalGroup): Promise<void> {
  const client = await group.members[0]!.client();
  try {
    await client.result('createTable', { table: BULK_TABLE, primaryKey: ['id'], ifNotExists: true });
    const before = Math.max(
      ...(await Promise.all(group.members.map(async (member) => (await member.stats()).appliedUpTo))),
    );
    let round = 0;
    await waitUntil('every member has flushed what was there', LIMIT_MS, async () => {
      round++;
      await within('the rows are written', WRITE_MS_MAX, client.result('transact', { steps: bulkSteps(round) }));
      const flushed = await Promise.all(group.members.map((member) => member.metric('concert_flushed_up_to')));
      return flushed.every((upTo) => upTo >= before);
    });
  } finally {
    client.close();
  }
}

/** Of a transaction that writes many rows, always the same ones. */
export function bulkSteps(round: number): object[] {
  return Array.from({ length: ROWS }, (_, id) => ({ op: 'put', table: BULK_TABLE, row: { id, round } }));
}
