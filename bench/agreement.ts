/** Waits until all members stand at one sequence number. */
import type { GroupAccess } from './scenario.ts';

export interface MemberPosition {
  readonly memberId: string;
  readonly appliedUpTo: number;
  readonly digest: string;
}

const agreementMsMax = 30_000;
const pollMs = 50;

/** The members' positions: equal ones, or those after waiting in vain. Each member is asked for its own. */
export async function awaitAgreement(group: GroupAccess, msMax = agreementMsMax): Promise<readonly MemberPosition[]> {
  const deadline = performance.now() + msMax;
  for (;;) {
    const positions = await Promise.all(
      group.members.map(async (member) => {
        const rows = (await member.request('memberStats')) as readonly MemberPosition[];
        const own = rows.find((row) => row.memberId === member.memberId);
        return {
          memberId: member.memberId,
          appliedUpTo: own?.appliedUpTo ?? -1,
          digest: own?.digest ?? '',
        };
      }),
    );
    if (isAgreed(positions) || performance.now() > deadline) return positions;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

export function isAgreed(positions: readonly MemberPosition[]): boolean {
  const first = positions[0];
  return positions.every((one) => one.appliedUpTo === first?.appliedUpTo && one.digest === first.digest);
}
