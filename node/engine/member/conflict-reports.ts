/** The conflicts that a member has seen, in the words of its clients: tables, keys and member ids instead of bytes and ordinals. */
import type { GroupId, MemberId, MemberOrdinal } from '../../../gcs/base/index.ts';
import type { ConflictRecord, ConflictSummary } from '../replica.ts';
import { summarizeConflicts } from './conflict-summary.ts';
import { describeConflict, type Names } from './describe-conflict.ts';
import type { ReplicatedState } from './replicated-state.ts';

type Seen = Pick<ReplicatedState, 'conflicts' | 'catalog'>;

export interface ConflictReportsSetup {
  /** Null before the member has rebuilt itself. */
  readonly state: () => Seen | null;
  readonly memberIdOf: (ordinal: MemberOrdinal) => MemberId;
  readonly groupId: () => GroupId;
}

export class ConflictReports {
  readonly #setup: ConflictReportsSetup;

  constructor(setup: ConflictReportsSetup) {
    this.#setup = setup;
  }

  get count(): number {
    return this.#setup.state()?.conflicts.count ?? 0;
  }

  /** Newest first, of one table or of all (null). */
  newest(limit: number, table: string | null): readonly ConflictRecord[] {
    const found: ConflictRecord[] = [];
    const seen = this.#setup.state();
    if (seen === null) return found;
    const names = this.#namesOf(seen);
    for (const conflict of seen.conflicts.newestFirst()) {
      if (found.length >= limit) break;
      const record = describeConflict(conflict, names);
      if (table === null || record.table === table) found.push(record);
    }
    return found;
  }

  /** Those behind the first `after`, oldest first; null if not all of them are kept. */
  behind(after: number, countMax: number): readonly ConflictRecord[] | null {
    const seen = this.#setup.state();
    if (seen === null) return [];
    const names = this.#namesOf(seen);
    return seen.conflicts.behind(after, countMax)?.map((conflict) => describeConflict(conflict, names)) ?? null;
  }

  summary(limit: number, table: string | null): ConflictSummary {
    const seen = this.#setup.state();
    if (seen === null) return { since: null, conflicts: 0, hotRows: [], pairs: [], causes: [], distances: [] };
    return summarizeConflicts(seen.conflicts.newestFirst(), { limit, table }, this.#namesOf(seen));
  }

  #namesOf({ catalog }: Seen): Names {
    const { memberIdOf, groupId } = this.#setup;
    return { catalog, memberIdOf, gtidOf: (sequenceNumber) => `${groupId()}:${sequenceNumber}` };
  }
}
