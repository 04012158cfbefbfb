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
    let since: string | null = null;
    for (const { time, table, item, index, key, reason, loser, winner } of this.#conflicts.values()) {
      if (since === null || time < since) since = time;
      count(pairs, `${loser.member} ${winner?.member}`, { loser: loser.member, winner: winner?.member ?? null });
      if (reason === 'snapshot-too-old' || reason === 'out-of-bounds') continue;
      // A row written into a range that somebody had read is as hot as one that both wrote.
      const about = item === 'range' ? 'row' : item;
      // A row is one row, by whatever index it was found.
      const ofIndex = about === 'row' || index === undefined ? {} : { index };
      const name = `${table} ${about} ${ofIndex.index} ${keyText(key)}`;
      const hot = count(hotRows, name, { table, item: about, ...ofIndex, key, lastTime: time });
      if (hot.lastTime < time) hot.lastTime = time;
    }
    return {
      since,
      conflicts: this.#conflicts.size,
      hotRows: mostFirst(hotRows).slice(0, limit),
      pairs: mostFirst(pairs),
    };
  }
}

/** With its time: a member that was restarted counts its transactions anew. */
function identityOf({ time, loser }: ConflictRow): string {
  return `${time} ${loser.member} ${loser.transactionId}`;
}

type Counted<T> = { -readonly [Name in keyof T]: T[Name] };

function count<T extends { conflicts: number }>(counts: Map<string, T>, name: string, first: Omit<T, 'conflicts'>): T {
  const known = counts.get(name);
  if (known !== undefined) {
    known.conflicts++;
    return known;
  }
  const counted = { ...first, conflicts: 1 } as T;
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
