/** A process that writes a log round by round, letting go of its beginning, and says on stdout what is durable. */
import { writeSync } from 'node:fs';
import { SegmentLog } from '../../core/log/segment-log.ts';
import { FileDisk } from '../file-disk.ts';
import { IDENTITY, OPTIONS, ROUNDS, requestOf } from './log-rounds.ts';

const opened = SegmentLog.open(new FileDisk(process.argv[2]!), OPTIONS, IDENTITY);
if (opened.kind === 'refused') throw new Error(opened.reason);
const { log } = opened;
log.onFailed = (error) => {
  throw error;
};
await new Promise<void>((resolve) => {
  log.onDurable = (number) => {
    writeSync(1, `${number}\n`);
    if (number === ROUNDS) resolve();
    else log.persist(requestOf(number + 1));
    if (number % 12 === 0) log.truncate(number - 4);
  };
  log.persist(requestOf(1));
});
await new Promise<void>((resolve) => log.close(resolve));
