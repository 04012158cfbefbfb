/**
 * Conflicts as several members tell them, each counted once. All members know those that were refused in the total order;
 * what a member refused before that only it knows.
 */
import type { ConflictRow } from '../../../client/index.ts';

/** As the result of `conflictSummary`. */
export interface ConflictCounts {
  /** Time of the oldest; null if there is none. */
  readonly since: string | null;
  readonly conflicts: number;
  readonly hotRows: readonly HotRow[];
  readonly pairs: readonly Pair[];
  readonly causes: readonly Cause[];
  readonly distances: readonly Distance[];
}

export interface Cause {
  readonly cause: string;
  readonly conflicts: number;
}

/** Losers that were at most `upTo` transactions late, and more than those before; null: later than all. */
export interface Distance {
  readonly upTo: number | null;
  readonly conflicts: number;
}

export interface HotRow {
  readonly table: string;
  readonly item: string;
  /** Of `unique` and `reference`. */
  readonly index?: string;
  readonly key: unknown;
  readonly conflicts: number;
  readonly lastTime: string;
}

/** Members by id; no winner: the loser's snapshot was too old. */
export interface Pair {
  readonly loser: string;
  readonly winner: string | null;
  readonly conflicts: number;
}

/** Transactions by which losers were late, as members tell them apart. */
const DISTANCES = [1, 3, 10, 30, 100, 1000, 10_000];

/** Of all members together; a member keeps 10,000. */
const CONFLICTS_KEPT_MAX = 50_000;

export class ConflictTally {
  readonly #keptMax: number;
  /** By what tells them apart; in the order of their times, but for what came late. */
  readonly #conflicts = new Map<string, ConflictRow>();

  constructor(keptMax = CONFLICTS_KEPT_MAX) {
    this.#keptMax = keptMax;
  }

  /** `newestFirst`: as a member answers. Returns those that nobody has told before, oldest first. */
  add(newestFirst: readonly ConflictRow[]): readonly ConflictRow[] {
    const added: ConflictRow[] = [];
    for (const conflict of newestFirst.toReversed()) {
      const identity = identityOf(conflict);
      if (this.#conflicts.has(identity)) continue;
      this.#conflicts.set(identity, conflict);
      added.push(conflict);
    }
    for (const identity of this.#conflicts.keys()) {
      if (this.#conflicts.size <= this.#keptMax) break;
      this.#conflicts.delete(identity);
    }
    return added;
  }

  has(conflict: ConflictRow): boolean {
    return this.#conflicts.has(identityOf(conflict));
  }

  newestFirst(limit: number): ConflictRow[] {
    return [...this.#conflicts.values()].sort((one, other) => compare(other.time, one.time)).slice(0, limit);
  }

  /** `limit`: hot rows at most. A snapshot that was too old, or an increment out of bounds, lost to no row. */
  summary(limit: number): ConflictCounts {
    const hotRows = new Map<string, Counted<HotRow>>();
    const pairs = new Map<string, Counted<Pair>>();
    const causes = new Map<string, Counted<Cause>>();
    const distances = new Map<string, Counted<Distance>>();
    let since: string | null = null;
    let conflicts = 0;
    for (const conflict of this.#conflicts.values()) {
      const { time, table, item, index, key, reason, loser, winner, late = null, standsFor = 1 } = conflict;
      conflicts += standsFor;
      if (since === null || time < since) since = time;
      const pair = { loser: loser.member, winner: winner?.member ?? null };
      count(pairs, `${loser.member} ${winner?.member}`, pair, standsFor);
      const cause = causeOf(reason, item);
      count(causes, cause, { cause }, standsFor);
      const upTo = DISTANCES.find((bound) => late !== null && late <= bound) ?? null;
      if (late !== null) count(distances, String(upTo), { upTo }, standsFor);
      if (reason === 'snapshot-too-old' || reason === 'out-of-bounds') continue;
      // A row written into a range that somebody had read is as hot as one that both wrote.
      const about = item === 'range' ? 'row' : item;
      // A row is one row, by whatever index it was found.
      const ofIndex = about === 'row' || index === undefined ? {} : { index };
      const name = `${table} ${about} ${ofIndex.index} ${keyText(key)}`;
      const hot = count(hotRows, name, { table, item: about, ...ofIndex, key, lastTime: time }, standsFor);
      if (hot.lastTime < time) hot.lastTime = time;
    }
    return {
      since,
      conflicts,
      hotRows: mostFirst(hotRows).slice(0, limit),
      pairs: mostFirst(pairs),
      causes: mostFirst(causes),
      distances: [...distances.values()].sort((one, other) => (one.upTo ?? Infinity) - (other.upTo ?? Infinity)),
    };
  }
}

/** With its time: a member that was restarted counts its transactions anew. */
function identityOf({ time, loser }: ConflictRow): string {
  return `${time} ${loser.member} ${loser.transactionId}`;
}

/** As members tell it. */
function causeOf(reason: string, item: string): string {
  if (reason === 'out-of-bounds') return 'bounds';
  return reason === 'snapshot-too-old' || reason === 'dangerous-structure' ? reason : item;
}

type Counted<T> = { -readonly [Name in keyof T]: T[Name] };

function count<T extends { conflicts: number }>(
  counts: Map<string, T>,
  name: string,
  first: Omit<T, 'conflicts'>,
  more: number,
): T {
  const known = counts.get(name);
  if (known !== undefined) {
    known.conflicts += more;
    return known;
  }
  const counted = { ...first, conflicts: more } as T;
  counts.set(name, counted);
  return counted;
}

function mostFirst<T extends { conflicts: number }>(counts: ReadonlyMap<string, T>): T[] {
  return [...counts.values()].sort((one, other) => other.conflicts - one.conflicts);
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

function keyText(key: unknown): string {
  return JSON.stringify(key, (_name, part) => (typeof part === 'bigint' ? `${part}n` : part));
}
