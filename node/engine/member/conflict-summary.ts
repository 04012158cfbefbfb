/** The kept conflicts counted: which rows they were about, and who lost to whom. */
import type { RowKey } from '../../../certifier/types.ts';
import { formatIsoTime } from '../../../gcs/base/index.ts';
import type { ConflictCause, ConflictSummary } from '../replica.ts';
import { conflictCause } from './conflict-cause.ts';
import type { SeenConflict } from './conflict-log.ts';
import { describeConflictKey, type Names } from './describe-conflict.ts';

/** How late losers are told apart, in transactions. */
const DISTANCES = [1, 3, 10, 30, 100, 1000, 10_000] as const;

interface HotKey {
  /** Newest that was about it. */
  readonly last: SeenConflict;
  conflicts: number;
}

type Pair = { -readonly [K in keyof ConflictSummary['pairs'][number]]: ConflictSummary['pairs'][number][K] };

/** `newestFirst`: what is kept. `limit`: hot rows told. Cost: O(conflicts kept), and one key decoded for each row told; with `table`, for each row. */
export function summarizeConflicts(
  newestFirst: Iterable<SeenConflict>,
  { limit, table }: { readonly limit: number; readonly table: string | null },
  names: Names,
): ConflictSummary {
  const isWanted = wantedKeys(table, names);
  const hotKeys = new Map<RowKey, HotKey>();
  const pairs = new Map<string, Pair>();
  const causes = new Map<ConflictCause, number>();
  const distances = new Map<number, number>();
  let conflicts = 0;
  let oldest: SeenConflict | null = null;
  for (const seen of newestFirst) {
    oldest = seen;
    if (!isWanted(seen.key)) continue;
    conflicts += seen.standsFor;
    countPair(pairs, seen, names);
    count(causes, conflictCause(seen), seen.standsFor);
    if (seen.winner !== null)
      count(distances, distanceOf(seen.winner.sequenceNumber - seen.snapshotVersion), seen.standsFor);
    // A snapshot that was too old, or an increment out of bounds, lost to no row. One written into a range that was read is as hot as one that both wrote.
    if (seen.reason !== 'conflict') continue;
    const hot = hotKeys.get(seen.key);
    if (hot === undefined) hotKeys.set(seen.key, { last: seen, conflicts: seen.standsFor });
    else hot.conflicts += seen.standsFor;
  }
  const hottest = [...hotKeys.values()].sort((one, other) => other.conflicts - one.conflicts).slice(0, limit);
  return {
    since: oldest === null ? null : formatIsoTime(oldest.stampMs),
    conflicts,
    hotRows: hottest.map(({ last, conflicts }) => ({
      ...describeConflictKey(last.key, names),
      conflicts,
      lastTime: formatIsoTime(last.stampMs),
    })),
    pairs: [...pairs.values()].sort((one, other) => other.conflicts - one.conflicts),
    causes: [...causes]
      .map(([cause, conflicts]) => ({ cause, conflicts }))
      .sort((one, other) => other.conflicts - one.conflicts),
    distances: [...distances]
      .sort(([one], [other]) => one - other)
      .map(([upTo, conflicts]) => ({ upTo: Number.isFinite(upTo) ? upTo : null, conflicts })),
  };
}

/** The bound that it falls under. */
function distanceOf(late: number): number {
  return DISTANCES.find((upTo) => late <= upTo) ?? Number.POSITIVE_INFINITY;
}

function count<Name>(counts: Map<Name, number>, name: Name, more: number): void {
  counts.set(name, (counts.get(name) ?? 0) + more);
}

function wantedKeys(table: string | null, names: Names): (key: RowKey) => boolean {
  if (table === null) return () => true;
  const known = new Map<RowKey, boolean>();
  return (key) => {
    let isWanted = known.get(key);
    if (isWanted === undefined) {
      isWanted = describeConflictKey(key, names).table === table;
      known.set(key, isWanted);
    }
    return isWanted;
  };
}

function countPair(pairs: Map<string, Pair>, { loser, winner, standsFor }: SeenConflict, names: Names): void {
  const name = `${loser} ${winner?.origin}`;
  const pair = pairs.get(name);
  if (pair !== undefined) pair.conflicts += standsFor;
  else {
    const winnerId = winner === null ? null : names.memberIdOf(winner.origin);
    pairs.set(name, { loser: names.memberIdOf(loser), winner: winnerId, conflicts: standsFor });
  }
}
