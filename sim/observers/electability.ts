/**
 * What was delivered cannot be lost any more: at its first delivery nobody who lacks it durably could be elected by what
 * a majority has durably. It sees an entry that was called chosen too early, even if no election follows.
 *
 * Of a member that is down its last run counts. It may have more on its disk than it reported, which makes it neither
 * weaker as a voter nor one of those that the delivery counted on.
 */
import type { LogIndex, Term } from '../../gcs/base/index.ts';
import type { Group } from '../../gcs/core/index.ts';
import type { Judge } from './judge.ts';

interface Durable {
  readonly has: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
}

/** `groups`: the newest run of each member; null: it has never run. */
export function checkNobodyIsElectableWithout(
  judge: Judge,
  groups: readonly (Group | null)[],
  { index, term }: { readonly index: LogIndex; readonly term: Term },
): void {
  const members = groups.map((group) => durableOf(group, index, term));
  const quorum = Math.floor(members.length / 2) + 1;
  for (const [ordinal, candidate] of members.entries()) {
    if (candidate.has) continue;
    const votes = members.filter((voter) => isUpToDate(candidate, voter)).length;
    judge.check(votes < quorum, `member-${ordinal + 1} can be elected without index ${index}, which was delivered`);
  }
}

function durableOf(group: Group | null, index: LogIndex, term: Term): Durable {
  const lastIndex = group?.status?.durableUpTo ?? 0;
  if (group === null || lastIndex === 0) return { has: false, lastIndex: 0, lastTerm: 0 };
  const { log } = group;
  return { has: lastIndex >= index && log.termAt(index) === term, lastIndex, lastTerm: log.termAt(lastIndex) };
}

function isUpToDate(candidate: Durable, voter: Durable): boolean {
  if (candidate.lastTerm !== voter.lastTerm) return candidate.lastTerm > voter.lastTerm;
  return candidate.lastIndex >= voter.lastIndex;
}
