/** A process that flushes lanes round by round and says on stdout what is done: `opened`, then `LANE FLUSH_POINT`. */
import { writeSync } from 'node:fs';
import { openLanes } from '../open-lanes.ts';
import { batchOf, ROUNDS } from './flush-rounds.ts';

const [directory, count] = process.argv.slice(2);
const laneCount = Number(count);
const outcome = await openLanes(directory!, { lanes: laneCount, memberId: 'power-cut' });
if (outcome.kind !== 'opened') throw new Error(outcome.reason);
writeSync(1, 'opened\n');
await Promise.all(
  outcome.lanes.map(async (store, lane) => {
    for (let round = 1; round <= ROUNDS; round++) {
      const batch = batchOf(round, { lane, laneCount });
      await new Promise<void>((resolve, reject) => {
        store.flush(batch, (error) => (error === null ? resolve() : reject(error)));
      });
      writeSync(1, `${lane} ${batch.upTo}\n`);
      store.renewReadView();
    }
    await new Promise<void>((resolve) => store.close(resolve));
  }),
);
