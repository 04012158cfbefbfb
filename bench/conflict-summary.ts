/** What a member tells of the conflicts that it keeps. */
import { type MemberConnection, RequestError } from './member-connection.ts';

export interface ConflictSummary {
  /** Time of the oldest that is kept: perhaps before the run. */
  readonly since: string | null;
  /** On the tables asked for. */
  readonly conflicts: number;
  /** Most conflicts first. */
  readonly hotRows: readonly { readonly table: string; readonly key: unknown; readonly conflicts: number }[];
  /** Most conflicts first. Those that the members resolved on their own are among them. */
  readonly pairs: readonly Pair[];
}

/** No winner: the loser's snapshot was too old. */
interface Pair {
  readonly loser: string;
  readonly winner: string | null;
  readonly conflicts: number;
}

const hotRowsMax = 10;

/** Null: the member does not know the operation. */
export async function conflictSummaryOf(
  member: MemberConnection,
  tables: readonly string[],
): Promise<ConflictSummary | null> {
  try {
    const asked = tables.map((table) => member.request('conflictSummary', { table, limit: hotRowsMax }));
    const each = (await Promise.all(asked)) as readonly ConflictSummary[];
    return {
      since: each[0]!.since,
      conflicts: each.reduce((sum, { conflicts }) => sum + conflicts, 0),
      hotRows: each
        .flatMap(({ hotRows }) => hotRows)
        .sort((one, other) => other.conflicts - one.conflicts)
        .slice(0, hotRowsMax),
      pairs: addedUp(each.flatMap(({ pairs }) => pairs)),
    };
  } catch (error) {
    if (error instanceof RequestError && error.error.code === 'UNKNOWN_OPERATION') return null;
    throw error;
  }
}

function addedUp(pairs: readonly Pair[]): readonly Pair[] {
  const sums = new Map<string, Pair>();
  for (const { loser, winner, conflicts } of pairs) {
    const name = JSON.stringify([loser, winner]);
    sums.set(name, { loser, winner, conflicts: (sums.get(name)?.conflicts ?? 0) + conflicts });
  }
  return [...sums.values()].sort((one, other) => other.conflicts - one.conflicts);
}
