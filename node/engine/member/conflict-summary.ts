/** The kept conflicts counted: which rows they were about, and who lost to whom. */
import type { RowKey } from '../../../certifier/types.ts';
import { formatIsoTime } from '../../../gcs/base/index.ts';
import type { ConflictSummary } from '../replica.ts';
import type { SeenConflict } from './conflict-log.ts';
import { describeConflictKey, type Names } from './describe-conflict.ts';

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
  let conflicts = 0;
  let oldest: SeenConflict | null = null;
  for (const seen of newestFirst) {
    oldest = seen;
    if (!isWanted(seen.key)) continue;
    conflicts++;
    countPair(pairs, seen, names);
    // A snapshot that was too old, or an increment out of bounds, lost to no row. One written into a range that was read is as hot as one that both wrote.
    if (seen.reason !== 'conflict') continue;
    const hot = hotKeys.get(seen.key);
    if (hot === undefined) hotKeys.set(seen.key, { last: seen, conflicts: 1 });
    else hot.conflicts++;
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
  };
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

function countPair(pairs: Map<string, Pair>, { loser, winner }: SeenConflict, names: Names): void {
  const name = `${loser} ${winner?.origin}`;
  const pair = pairs.get(name);
  if (pair !== undefined) pair.conflicts++;
  else {
    const winnerId = winner === null ? null : names.memberIdOf(winner.origin);
    pairs.set(name, { loser: names.memberIdOf(loser), winner: winnerId, conflicts: 1 });
  }
}
