/** Waits until all members stand at one sequence number, and reads them there. */
import type { MemberConnection } from './member-connection.ts';
import type { GroupAccess } from './scenario.ts';

export interface MemberPosition {
  readonly memberId: string;
  readonly appliedUpTo: number;
  readonly digest: string;
}

const agreementMsMax = 30_000;
const pollMs = 50;
const readingsMax = 5;

/** The members' positions: equal ones, or those after waiting in vain. Each member is asked for its own. */
export async function awaitAgreement(group: GroupAccess, msMax = agreementMsMax): Promise<readonly MemberPosition[]> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const positions = await Promise.all(group.members.map(positionOf));
    if (isAgreed(positions) || performance.now() > deadline) return positions;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

/**
 * Reads every member at the position that comes with it: again where it had moved on meanwhile, as a transaction of
 * unknown outcome may yet be committed; also where only some have moved on to another digest, as a rise of the purge
 * floor takes no sequence number.
 */
export async function readAgreed<T extends object>(
  group: GroupAccess,
  read: (member: MemberConnection) => Promise<T>,
): Promise<readonly (T & MemberPosition)[]> {
  for (let readings = 1; ; readings++) {
    const positions = await awaitAgreement(group);
    const states = await Promise.all(
      group.members.map(async (member, at) => {
        const state = await read(member);
        const after = await positionOf(member);
        return { ...state, ...after, isStill: after.appliedUpTo === positions[at]!.appliedUpTo };
      }),
    );
    const isRead = states.every(({ isStill }) => isStill) && (isAgreed(states) || !isAgreed(positions));
    if (isRead || readings === readingsMax) return states;
  }
}

export function isAgreed(positions: readonly MemberPosition[]): boolean {
  const first = positions[0];
  return positions.every((one) => one.appliedUpTo === first?.appliedUpTo && one.digest === first.digest);
}

/** What is wrong with the positions, in one line; null: they are equal. */
export function disagreementOf(positions: readonly MemberPosition[]): string | null {
  if (isAgreed(positions)) return null;
  const each = positions.map((one) => `${one.memberId} ${one.digest || '(none)'} at ${one.appliedUpTo}`);
  return `the members' digests are not equal at one sequence number: ${each.join(', ')}`;
}

async function positionOf(member: MemberConnection): Promise<MemberPosition> {
  const { memberId } = member;
  const rows = (await member.request('memberStats')) as readonly MemberPosition[];
  const own = rows.find((row) => row.memberId === memberId);
  return { memberId, appliedUpTo: own?.appliedUpTo ?? -1, digest: own?.digest ?? '' };
}
