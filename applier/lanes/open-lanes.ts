import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { MemberId } from '../../gcs/base/index.ts';
import { createLane, LmdbLane, type StartedWorker, startWorker, stopWorker } from './lmdb-lane.ts';

export interface OpenLanesOptions {
  /** Fixed when the directory is first opened: 1 or more. */
  readonly lanes: number;
  readonly memberId: MemberId;
}

export type OpenLanesOutcome =
  | { readonly kind: 'opened'; readonly lanes: readonly LmdbLane[] }
  /** One line: what is wrong, and what to do. Nothing is open. */
  | { readonly kind: 'refused'; readonly reason: string };

const RESTORE = 'restore the data directory from a backup, or remove it and let the member join anew';

/** Opens the lanes in `directory`, or makes them: `lane-0`, `lane-1`, … */
export async function openLanes(directory: string, options: OpenLanesOptions): Promise<OpenLanesOutcome> {
  const paths = Array.from({ length: options.lanes }, (_, lane) => join(directory, `lane-${lane}`));
  const isFirstTime = !existsSync(directory);
  for (const path of paths) mkdirSync(path, { recursive: true });
  for (const path of paths) {
    const problem = headerProblem(join(path, 'data.mdb'));
    if (problem !== null) return { kind: 'refused', reason: `${path} is ${problem}: ${RESTORE}` };
  }

  const answers = await Promise.all(paths.map(startWorker));
  const started = answers.filter((answer): answer is StartedWorker => typeof answer !== 'string');
  const reason = firstProblem(paths, answers, options) ?? surplusProblem(directory, options);
  if (reason !== null) {
    await Promise.all(started.map(stopWorker));
    return { kind: 'refused', reason };
  }

  for (const [lane, worker] of started.entries()) {
    if (worker.identity !== null) continue;
    await createLane(worker, { memberId: options.memberId, lane, laneCount: options.lanes, flushedUpTo: 0 });
  }
  // The store syncs its files, but not the directories that name them.
  for (const path of paths) syncDirectory(path);
  syncDirectory(directory);
  if (isFirstTime) syncDirectory(dirname(resolve(directory)));
  return {
    kind: 'opened',
    lanes: started.map((worker) => new LmdbLane(worker, worker.identity?.flushedUpTo ?? 0)),
  };
}

function firstProblem(
  paths: readonly string[],
  answers: readonly (StartedWorker | string)[],
  { lanes, memberId }: OpenLanesOptions,
): string | null {
  let hasFlushed = false;
  for (const [number, answer] of answers.entries()) {
    const path = paths[number]!;
    if (typeof answer === 'string') return `${path} is ${answer}: ${RESTORE}`;
    const identity = answer.identity;
    if (identity === null) continue;
    if (identity.memberId !== memberId) {
      return `${path} belongs to member ${identity.memberId}, not ${memberId}: start the member on its own directory`;
    }
    if (identity.laneCount !== lanes) {
      return `${path} is one of ${identity.laneCount} lanes, not ${lanes}: the number of lanes is fixed when the data directory is made; set it to ${identity.laneCount}`;
    }
    if (identity.lane !== number) return `${path} holds lane ${identity.lane}, not ${number}: ${RESTORE}`;
    hasFlushed ||= identity.flushedUpTo > 0;
  }
  const missing = answers.findIndex((answer) => typeof answer !== 'string' && answer.identity === null);
  if (hasFlushed && missing >= 0) return `${paths[missing]} is empty, and other lanes are not: ${RESTORE}`;
  return null;
}

/** Lanes beyond the number of lanes: all that are within may be new and empty. */
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
 * of giving an error. Null: nothing wrong, or a new file.
 */
function headerProblem(file: string): string | null {
  if (!existsSync(file)) return null;
  const sizeBytes = statSync(file).size;
  if (sizeBytes === 0) return null;
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
