/**
 * Rows written once each, and then at random, on snapshots of all ages; each verdict is compared with an oracle that never
 * purges: the last writer of every row, in an array by row number. The purge floor has to be the lowest that the capacity
 * allows, or one that was ordered, and the memory of the database has to stay what the capacity needs.
 */
import { CertificationDatabase, Certifier, type Negative, type NewWriterTable } from '../../certifier/index.ts';
import { SeededRandom } from '../../gcs/base/index.ts';
import { putOfRow } from './row-transactions.ts';

export interface VerifyRun {
  readonly rows: number;
  /** Written at random, behind the first time of each row; each fourth among a hundredth of the rows. */
  readonly writes: number;
  readonly capacity: number;
  readonly newWriterTable: NewWriterTable;
  readonly seed: number;
  /** A floor is ordered after so many transactions, but only in every second stretch of twice the capacity; 0: never. */
  readonly floorEvery: number;
  /** Whatever is printed. */
  readonly progressed?: (line: string) => void;
}

export interface VerifiedRun {
  readonly transactions: number;
  readonly committed: number;
  readonly conflicts: number;
  readonly tooOld: number;
  readonly purgeFloor: number;
  readonly evictions: number;
  /** The most that the database took for an entry of its capacity. */
  readonly bytesPerEntryMax: number;
  readonly residentBytesMax: number;
}

/** Looked at so often, which costs a look at all rows. */
const CHECKPOINTS = 20;

/** @throws Error at the first verdict that is not the oracle's. */
export function verifyRun({
  rows,
  writes,
  capacity,
  newWriterTable,
  seed,
  floorEvery,
  progressed,
}: VerifyRun): VerifiedRun {
  const random = new SeededRandom(seed);
  const database = new CertificationDatabase({ capacity, newWriterTable });
  const certifier = new Certifier({ database });
  /** By row; 0: nobody. */
  const lastWriters = new Float64Array(rows);
  const counts = { committed: 0, conflicts: 0, tooOld: 0 };
  let bytesMax = 0;
  let residentBytesMax = 0;
  let orderedFloor = 0;
  const total = rows + writes;
  const every = Math.ceil(total / CHECKPOINTS);
  for (let at = 0; at < total; at++) {
    const row = at < rows ? at : random.below(at % 4 === 0 ? Math.ceil(rows / 100) : rows);
    const { sequenceNumber, purgeFloor } = certifier;
    const snapshotVersion = Math.max(0, sequenceNumber - ageOf(random, capacity));
    const negative = certifier.certifyNext(putOfRow(row, snapshotVersion), 0, at);
    const expected = expectedOf(snapshotVersion, purgeFloor, lastWriters[row]!);
    if (toldOf(negative, certifier.lastCommitted) !== expected) {
      throw new Error(
        `transaction ${at + 1} on row ${row} at snapshot ${snapshotVersion}, floor ${purgeFloor}: ` +
          `${toldOf(negative, certifier.lastCommitted)} instead of ${expected}`,
      );
    }
    if (negative === null) {
      counts.committed++;
      lastWriters[row] = certifier.sequenceNumber;
    } else if (negative.kind === 'conflict') counts.conflicts++;
    else counts.tooOld++;
    const isFloorOrdered = Math.floor(at / (2 * capacity)) % 2 === 1;
    if (isFloorOrdered && floorEvery > 0 && at % floorEvery === 0) {
      orderedFloor = Math.max(orderedFloor, certifier.sequenceNumber - random.below(2 * capacity));
      certifier.raisePurgeFloor(orderedFloor);
    }
    if (at % 1000 === 0) bytesMax = Math.max(bytesMax, database.bytes);
    if (at % every !== every - 1 && at !== total - 1) continue;
    checkFloor(lastWriters, certifier.purgeFloor, { capacity, orderedFloor });
    residentBytesMax = Math.max(residentBytesMax, process.memoryUsage.rss());
    progressed?.(
      `${at + 1} transactions: ${counts.committed} committed, ${counts.conflicts} conflicts, ${counts.tooOld} too old; ` +
        `floor ${certifier.purgeFloor}, ${database.itemCount} entries of ${(database.bytes / 1e6).toFixed(0)} MB`,
    );
  }
  return {
    transactions: total,
    ...counts,
    purgeFloor: certifier.purgeFloor,
    evictions: database.evictions,
    bytesPerEntryMax: bytesMax / capacity,
    residentBytesMax,
  };
}

/** Mostly few, now and then more than the database can know of. */
function ageOf(random: SeededRandom, capacity: number): number {
  const kind = random.below(100);
  if (kind < 70) return random.below(100);
  return kind < 95 ? random.below(capacity) : random.below(3 * capacity);
}

function expectedOf(snapshotVersion: number, purgeFloor: number, lastWriter: number): string {
  if (snapshotVersion < purgeFloor) return `too old for ${purgeFloor}`;
  if (lastWriter > snapshotVersion) return `conflict with ${lastWriter}`;
  return `committed behind ${Math.max(purgeFloor, lastWriter)}`;
}

function toldOf(negative: Negative | null, lastCommitted: number): string {
  if (negative === null) return `committed behind ${lastCommitted}`;
  if (negative.kind === 'snapshot-too-old') return `too old for ${negative.purgeFloor}`;
  return negative.kind === 'conflict' ? `conflict with ${negative.winner.sequenceNumber}` : negative.kind;
}

/** What was written above the floor fits the capacity, and what was written from it on does not, unless it was ordered. */
function checkFloor(
  lastWriters: Float64Array,
  purgeFloor: number,
  { capacity, orderedFloor }: { readonly capacity: number; readonly orderedFloor: number },
): void {
  let above = 0;
  for (const writer of lastWriters) if (writer > purgeFloor) above++;
  if (above > capacity) throw new Error(`${above} rows were written above the floor ${purgeFloor}: too many to know`);
  if (purgeFloor < orderedFloor) throw new Error(`the floor is ${purgeFloor}, and ${orderedFloor} was ordered`);
  // A row that was written again later does not count any more: the floor stays where it was.
  if (purgeFloor > orderedFloor && above < capacity / 2) {
    throw new Error(`only ${above} rows were written above the floor ${purgeFloor}: it is too high`);
  }
}
