import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { MemberId } from '../../gcs/base/index.ts';
import { LmdbLane, makeLane, type StartedWorker, startWorker, stopWorker } from './lmdb-lane.ts';

export interface OpenLanesOptions {
  /** Fixed when the directory is first opened: 1 or more. */
  readonly lanes: number;
  readonly memberId: MemberId;
  /**
   * A lane that is damaged or missing is made anew, empty, with flush point 0: what it lacks comes from the group's log, or
   * with another member's state. What there was of it is kept as `lane-n.damaged`, until the next time.
   */
  readonly setDamagedAside?: boolean;
}

export type OpenLanesOutcome =
  | { readonly kind: 'opened'; readonly lanes: readonly LmdbLane[] }
  /** Some lane cannot be read, or is missing beside others that have data. One line: what is wrong. Nothing is open. */
  | { readonly kind: 'damaged'; readonly reason: string }
  /** One line: what is wrong, and what to do. Nothing is open. */
  | { readonly kind: 'refused'; readonly reason: string };

const RESTORE = 'restore the data directory from a backup, or remove it and let the member join anew';

/**
 * Opens the lanes in `directory`, or makes them: `lane-0`, `lane-1`, … A lane is made under another name and gets its
 * own when it is durable, so that one that has its name is whole. @throws LaneError if one cannot be made
 */
export async function openLanes(directory: string, options: OpenLanesOptions): Promise<OpenLanesOutcome> {
  const isFirstTime = !existsSync(directory);
  mkdirSync(directory, { recursive: true });
  const paths = Array.from({ length: options.lanes }, (_, lane) => join(directory, `lane-${lane}`));
  const lanes = new Map<string, StartedWorker | string>();
  await Promise.all(
    paths
      .filter((path) => existsSync(path))
      .map(async (path) => lanes.set(path, fileProblem(join(path, 'data.mdb')) ?? (await startWorker(path)))),
  );
  const foreign = foreignProblem(paths, lanes, options) ?? surplusProblem(directory, options);
  const damage = damageIn(paths, lanes);
  if (foreign !== null || (damage !== null && options.setDamagedAside !== true)) {
    await stopAll(lanes);
    return foreign !== null ? { kind: 'refused', reason: foreign } : { kind: 'damaged', reason: damage! };
  }
  for (const [path, found] of lanes) {
    if (typeof found !== 'string') continue;
    rmSync(`${path}${ASIDE}`, { recursive: true, force: true });
    renameSync(path, `${path}${ASIDE}`);
    lanes.delete(path);
  }

  for (const [lane, path] of paths.entries()) {
    if (lanes.has(path)) continue;
    const making = `${path}${MAKING}`;
    rmSync(making, { recursive: true, force: true });
    mkdirSync(making);
    await makeLane(making, { memberId: options.memberId, lane, laneCount: options.lanes, flushedUpTo: 0 });
    // The store syncs its files, but not the directories that name them.
    syncDirectory(making);
    renameSync(making, path);
    syncDirectory(directory);
    const started = await startWorker(path);
    lanes.set(path, started);
    if (typeof started !== 'string') continue;
    await stopAll(lanes);
    return { kind: 'refused', reason: `${path} is ${started}: ${RESTORE}` };
  }
  if (isFirstTime) syncDirectory(dirname(resolve(directory)));
  return { kind: 'opened', lanes: paths.map((path) => new LmdbLane(lanes.get(path) as StartedWorker)) };
}

const MAKING = '.making';
const ASIDE = '.damaged';

async function stopAll(lanes: ReadonlyMap<string, StartedWorker | string>): Promise<void> {
  await Promise.all([...lanes.values()].map((lane) => (typeof lane === 'string' ? null : stopWorker(lane))));
}

/** Why these are not this member's lanes. */
function foreignProblem(
  paths: readonly string[],
  found: ReadonlyMap<string, StartedWorker | string>,
  { lanes, memberId }: OpenLanesOptions,
): string | null {
  for (const [number, path] of paths.entries()) {
    const lane = found.get(path);
    if (lane === undefined || typeof lane === 'string') continue;
    const { identity } = lane;
    if (identity.memberId !== memberId) {
      return `${path} belongs to member ${identity.memberId}, not ${memberId}: start the member on its own directory`;
    }
    if (identity.laneCount !== lanes) {
      return `${path} is one of ${identity.laneCount} lanes, not ${lanes}: the number of lanes is fixed when the data directory is made; set it to ${identity.laneCount}`;
    }
    if (identity.lane !== number) return `${path} holds lane ${identity.lane}, not ${number}: ${RESTORE}`;
  }
  return null;
}

/** The first lane that cannot be read, or is missing. */
function damageIn(paths: readonly string[], found: ReadonlyMap<string, StartedWorker | string>): string | null {
  let hasFlushed = false;
  for (const path of paths) {
    const lane = found.get(path);
    if (typeof lane === 'string') return `${path} is ${lane}`;
    hasFlushed ||= lane !== undefined && lane.identity.flushedUpTo > 0;
  }
  const missing = paths.find((path) => !found.has(path));
  // Before the first flush it is one whose making was interrupted.
  return hasFlushed && missing !== undefined ? `${missing} is missing, and other lanes have data` : null;
}

/** Lanes beyond the number of lanes: those within it may be missing altogether. */
function surplusProblem(directory: string, { lanes }: OpenLanesOptions): string | null {
  const found = readdirSync(directory).filter((name) => /^lane-\d+$/.test(name)).length;
  if (found <= lanes) return null;
  return `${directory} has ${found} lanes, not ${lanes}: the number of lanes is fixed when the data directory is made; set it to ${found}`;
}

const PAGE_BYTES = 4096;
/** Pages at the end of the file that were never written are no damage when nothing refers to them. */
const UNWRITTEN_PAGES_MAX = 256;

/**
 * Looks at an environment before LMDB maps it: a file shorter than its tree would kill the process at a read, instead
 * of giving an error. Null: nothing wrong.
 */
function fileProblem(file: string): string | null {
  if (!existsSync(file)) return 'without its file data.mdb';
  const sizeBytes = statSync(file).size;
  const head = Buffer.alloc(2 * PAGE_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    readSync(descriptor, head, 0, head.length, 0);
  } finally {
    closeSync(descriptor);
  }
  const metas = [readMeta(head, 0)];
  const pageBytes = metas[0]?.pageBytes ?? PAGE_BYTES;
  if (pageBytes === PAGE_BYTES) metas.push(readMeta(head, PAGE_BYTES));
  const newest = metas.reduce((a, b) => (a === null || (b !== null && b.transaction > a.transaction) ? b : a), null);
  if (newest === null) return 'not an LMDB environment';
  const pages = sizeBytes / newest.pageBytes;
  const isCut = pages < newest.lastPage + 1 - UNWRITTEN_PAGES_MAX || newest.roots.some((root) => root >= pages);
  return isCut ? 'cut short' : null;
}

interface Meta {
  readonly pageBytes: number;
  readonly roots: readonly number[];
  readonly lastPage: number;
  readonly transaction: number;
}

/** An LMDB meta page: a page header, magic, version, map address and size, two tree descriptors, last page, transaction. */
function readMeta(head: Buffer, page: number): Meta | null {
  const at = META_AT.find((offset) => head.readUInt32LE(page + offset) === 0xbeefc0de);
  if (at === undefined) return null;
  const meta = page + at;
  const trees = meta + 24;
  const number = (offset: number) => Number(head.readBigUInt64LE(offset));
  const roots = [number(trees + 40), number(trees + 48 + 40)].filter((root) => root < 2 ** 48);
  const tail = trees + 96;
  return { pageBytes: head.readUInt32LE(trees), roots, lastPage: number(tail), transaction: number(tail + 8) };
}

/** Length of the page header, by data version. */
const META_AT = [16, 24];

function syncDirectory(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
