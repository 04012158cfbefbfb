/** What a member tells of the conflicts that it keeps. */
import { type MemberConnection, RequestError } from './member-connection.ts';

export interface ConflictSummary {
  /** Time of the oldest that is kept: perhaps before the run. */
  readonly since: string | null;
  /** On the tables asked for. */
  readonly conflicts: number;
  /** Most conflicts first. */
  readonly hotRows: readonly { readonly table: string; readonly key: unknown; readonly conflicts: number }[];
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
    };
  } catch (error) {
    if (error instanceof RequestError && error.error.code === 'UNKNOWN_OPERATION') return null;
    throw error;
  }
}
