/**
 * What was delivered cannot be lost any more: at its first delivery nobody who lacks it durably could be elected by what
 * the others have durably. It sees an entry that was called chosen too early, even if no election follows.
 *
 * A candidate counts the votes of the voters in its own latest view. Who lost the end of its log to damage votes as if it
 * had it, and does not stand. Of a member that is down its last run counts. It may have more on its disk than it
 * reported, which makes it neither weaker as a voter nor one of those that the delivery counted on.
 */
import type { LogIndex, MemberId, Term } from '../../gcs/base/index.ts';
import { type EntryId, type Group, memberNamed } from '../../gcs/core/index.ts';
import { appendedView } from './appended-view.ts';
import type { Judge } from './judge.ts';

interface Durable {
  readonly group: Group;
  readonly has: boolean;
  readonly mayStand: boolean;
  /** As which it votes. */
  readonly last: EntryId;
}

/** `groups`: the newest run of each member that has ever run, by its id. */
export function checkNobodyIsElectableWithout(
  judge: Judge,
  groups: ReadonlyMap<MemberId, Group>,
  { index, term }: { readonly index: LogIndex; readonly term: Term },
): void {
  const members = new Map<MemberId, Durable>();
  for (const [memberId, group] of groups) {
    const durable = durableOf(group, index, term);
    if (durable !== null) members.set(memberId, durable);
  }
  for (const [memberId, candidate] of members) {
    if (candidate.has || !candidate.mayStand) continue;
    const view = appendedView(candidate.group);
    if (view === null || memberNamed(view, memberId)?.isVoter !== true) continue;
    const voters = view.members.filter((member) => member.isVoter);
    const votes = voters.filter((voter) => {
      const durable = members.get(voter.memberId);
      return durable !== undefined && isUpToDate(candidate.last, durable.last);
    }).length;
    judge.check(
      votes < Math.floor(voters.length / 2) + 1,
      () =>
        `${memberId} can be elected without index ${index} of term ${term}, which was delivered: ${described(members)}`,
    );
  }
}

/** Null: it does not take part now. */
function durableOf(group: Group, index: LogIndex, term: Term): Durable | null {
  const { status, log } = group;
  if (status === null) return null;
  const { durableUpTo, claim } = status;
  const end = { index: durableUpTo, term: log.termAt(durableUpTo) };
  const isKept = index >= log.firstIndex;
  const has = durableUpTo >= index && (!isKept || log.termAt(index) === term);
  return { group, has, mayStand: claim === null, last: claim !== null && !isUpToDate(end, claim) ? claim : end };
}

function described(members: ReadonlyMap<MemberId, Durable>): string {
  const ends = [...members].map(
    ([memberId, { last, has }]) =>
      `${memberId.slice(0, 8)} ${has ? 'has it' : 'lacks it'}, ${last.index} of term ${last.term}`,
  );
  return ends.join('; ');
}

function isUpToDate(candidate: EntryId, voter: EntryId): boolean {
  if (candidate.term !== voter.term) return candidate.term > voter.term;
  return candidate.index >= voter.index;
}
