/**
 * Certification alone, in this process: a database of so many entries is filled, written at random, written anew so that
 * each write evicts, and purged while it is written. Only the certifier's own time counts, not the making of the
 * transactions. A turn is a batch of some transactions, as they are delivered; the collector's pauses are part of it.
 */
import { CertificationDatabase, Certifier, type NewWriterTable, type Transaction } from '../../certifier/index.ts';
import { SeededRandom } from '../../gcs/base/index.ts';
import { putOfRow } from './row-transactions.ts';

/** Transactions made at once, before any of them is certified. */
const CHUNK = 10_000;
const TURN = 20;
const FLOOR_EVERY = 1000;

export interface Phase {
  readonly perSecond: number;
  readonly worstTurnMs: number;
  /** 99.9 % of the turns take no longer. */
  readonly slowTurnMs: number;
  /** By heap statistics: objects of the runtime, and typed arrays beside them. */
  readonly heapBytesPerRow: number;
  readonly bufferBytesPerRow: number;
}

export interface Point {
  readonly rows: number;
  readonly constructMs: number;
  /** Resident memory, of the empty database, and when it is full. */
  readonly emptyBytes: number;
  readonly fullBytesPerRow: number;
  /** What the database says of itself, when it is full, and at most while it is written. */
  readonly ownBytesPerRow: number;
  readonly ownBytesPerRowMax: number;
  /** Each row for the first time; rows at random; rows that were not there, each evicting one; the same below a rising floor. */
  readonly fill: Phase;
  readonly rewrite: Phase;
  readonly evict: Phase;
  readonly purge: Phase;
}

export function measurePoint(newWriterTable: NewWriterTable, rows: number, writes: number): Point {
  const warm = warmUp(newWriterTable);
  const empty = residentBytes();
  const begunMs = performance.now();
  const database = new CertificationDatabase({ capacity: rows, newWriterTable });
  const certifier = new Certifier({ database });
  const constructMs = performance.now() - begunMs;
  const emptyBytes = residentBytes() - empty;
  const random = new SeededRandom(rows);
  const fill = run(certifier, rows, (i) => i);
  const fullBytesPerRow = (residentBytes() - empty) / rows;
  const ownBytesPerRow = database.bytes / rows;
  let most = 0;
  const rewrite = run(certifier, writes, () => {
    if (random.below(1000) === 0) most = Math.max(most, database.bytes);
    return random.below(rows);
  });
  const evict = run(certifier, writes, (i) => rows + i);
  const purge = run(
    certifier,
    writes,
    (i) => rows + writes + i,
    () => certifier.raisePurgeFloor(certifier.sequenceNumber - (rows >>> 1)),
  );
  const ownBytesPerRowMax = most / rows;
  if (warm.itemCount === 0) throw new Error('nothing was warmed up');
  return {
    rows,
    constructMs,
    emptyBytes,
    fullBytesPerRow,
    ownBytesPerRow,
    ownBytesPerRowMax,
    fill,
    rewrite,
    evict,
    purge,
  };
}

/** So that the first phase is not that of code which nobody has compiled: as long as what it returns is kept. */
function warmUp(newWriterTable: NewWriterTable): Certifier {
  const certifier = new Certifier({ database: new CertificationDatabase({ capacity: 5000, newWriterTable }) });
  for (let i = 0; i < 4; i++)
    run(
      certifier,
      50_000,
      (row) => row % 20_000,
      () => certifier.raisePurgeFloor(1),
    );
  return certifier;
}

/** Order of calls of `rowOf`: ascending from 0. `everySoOften`: before each thousandth. */
function run(
  certifier: Certifier,
  writes: number,
  rowOf: (i: number) => number,
  everySoOften: () => void = () => {},
): Phase {
  const turnsMs = new Float64Array(Math.ceil(writes / TURN) + 1);
  let turns = 0;
  let sumMs = 0;
  const heapBytes: number[] = [];
  let bufferBytes = 0;
  for (let done = 0; done < writes; done += CHUNK) {
    const count = Math.min(CHUNK, writes - done);
    const chunk: Transaction[] = [];
    for (let i = 0; i < count; i++) chunk.push(putOfRow(rowOf(done + i), certifier.sequenceNumber + i));
    const before = process.memoryUsage();
    for (let from = 0; from < count; from += TURN) {
      const end = Math.min(count, from + TURN);
      const startMs = performance.now();
      if (from % FLOOR_EVERY === 0) everySoOften();
      for (let i = from; i < end; i++) {
        if (certifier.certifyNext(chunk[i]!, 0, 1_000_000_000_000) !== null) throw new Error('a write was refused');
      }
      const tookMs = performance.now() - startMs;
      turnsMs[turns++] = tookMs;
      sumMs += tookMs;
    }
    const after = process.memoryUsage();
    // Where the collector struck in between there is less than before.
    if (after.heapUsed >= before.heapUsed) heapBytes.push((after.heapUsed - before.heapUsed) / count);
    bufferBytes += Math.max(0, after.arrayBuffers - before.arrayBuffers);
  }
  const sorted = turnsMs.subarray(0, turns).sort();
  return {
    perSecond: (writes / sumMs) * 1000,
    worstTurnMs: sorted[turns - 1]!,
    slowTurnMs: sorted[Math.floor(turns * 0.999)]!,
    heapBytesPerRow: median(heapBytes),
    bufferBytesPerRow: bufferBytes / writes,
  };
}

function median(numbers: number[]): number {
  return numbers.sort((one, other) => one - other)[numbers.length >>> 1] ?? Number.NaN;
}

/** After a collection, if the runtime lets us have one. */
function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}
