/** Compares the members' digests of all verdicts at one sequence number. */
import { ownStats, type SnapshotClock } from './common-snapshot.ts';
import type { VerifiedMember } from './verified-member.ts';

export type DigestComparison =
  | { readonly kind: 'equal'; readonly sequenceNumber: number; readonly digest: string }
  /** By member id. */
  | {
      readonly kind: 'different';
      readonly sequenceNumber: number;
      readonly digests: Readonly<Record<string, string>>;
    }
  /** The members never were at one sequence number while they were asked. */
  | { readonly kind: 'moving' };

const LOOKS_MAX = 20;
/** A digest tells of refusals, too, which have no sequence number: one that lags behind is given so many looks. */
const SAME_LOOKS = 5;
const PAUSE_MS = 100;

export async function compareDigests(
  members: readonly VerifiedMember[],
  clock: SnapshotClock,
): Promise<DigestComparison> {
  let last = '';
  let sameLooks = 0;
  for (let look = 1; look <= LOOKS_MAX; look++) {
    if (look > 1) await clock.wait(PAUSE_MS);
    const stats = await Promise.all(members.map(ownStats));
    const { appliedUpTo: sequenceNumber, digest } = stats[0]!;
    if (stats.some(({ appliedUpTo }) => appliedUpTo !== sequenceNumber)) continue;
    if (stats.every((one) => one.digest === digest)) return { kind: 'equal', sequenceNumber, digest };
    const digests = Object.fromEntries(stats.map((one) => [one.memberId, one.digest]));
    const seen = JSON.stringify([sequenceNumber, digests]);
    sameLooks = seen === last ? sameLooks + 1 : 1;
    last = seen;
    if (sameLooks >= SAME_LOOKS) return { kind: 'different', sequenceNumber, digests };
  }
  return { kind: 'moving' };
}
