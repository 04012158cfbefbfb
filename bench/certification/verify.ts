/** `npm run certification-verified`: many rows through a small certification database, each verdict compared. */
import { parseArgs } from 'node:util';
import { lruWriterTable } from '../../certifier/cache/index.ts';
import { packedWriterTable } from '../../certifier/index.ts';
import { verifyRun } from './verify-run.ts';

const HELP = `npm run certification-verified -- [OPTIONS]

Writes rows once each and then at random, on snapshots of all ages, and compares each verdict with an oracle that never
purges. Ends with exit code 1 at the first that differs, and where memory does not stay bounded.

  --rows N       (default 10000000)
  --writes N     at random, behind the first time of each row (default 10000000)
  --capacity N   entries of the certification database (default 1000000, a group's default)
  --floor-every N
                 a purge floor is ordered after so many transactions, in every second stretch of twice the capacity
                 (default 1000; 0: never)
  --table T      packed (default) or lru
  --seed N       (default 1)
  --help
`;

/** Entries and slots of a table that is half full, records of which a third are dead, blocks on their way. */
const BYTES_PER_ENTRY_MAX = 90;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '10000000' },
    writes: { type: 'string', default: '10000000' },
    capacity: { type: 'string', default: '1000000' },
    'floor-every': { type: 'string', default: '1000' },
    table: { type: 'string', default: 'packed' },
    seed: { type: 'string', default: '1' },
    help: { type: 'boolean', default: false },
  },
});

const numbers = [values.rows, values.writes, values.capacity, values['floor-every'], values.seed].map(Number);
const isUnknown = !numbers.every((number) => Number.isSafeInteger(number) && number >= 0);
if (values.help || isUnknown || !['packed', 'lru'].includes(values.table)) {
  process.stdout.write(HELP);
  process.exitCode = values.help ? 0 : 2;
} else {
  const [rows = 0, writes = 0, capacity = 0, floorEvery = 0, seed = 0] = numbers;
  const begunMs = performance.now();
  const newWriterTable = values.table === 'lru' ? lruWriterTable : packedWriterTable;
  const progressed = (line: string): void => void process.stdout.write(`${line}\n`);
  const run = verifyRun({ rows, writes, capacity, newWriterTable, seed, floorEvery, progressed });
  const { bytesPerEntryMax, residentBytesMax, evictions } = run;
  const tookS = (performance.now() - begunMs) / 1000;
  const lines = [
    `all ${run.transactions} verdicts are the oracle's; ${tookS.toFixed(0)} s with the comparing`,
    `${evictions} evictions; at most ${bytesPerEntryMax.toFixed(0)} bytes for each of ${capacity} entries, ${(residentBytesMax / 1e6).toFixed(0)} MB resident`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  if (bytesPerEntryMax > BYTES_PER_ENTRY_MAX && capacity >= 10_000) process.exitCode = 1;
}
