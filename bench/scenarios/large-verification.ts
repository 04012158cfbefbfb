/**
 * Judges the large rows after a run of `large`. Every large transaction puts one value into all rows; so all of them hold
 * the value of the last acknowledged one, or all that of one whose outcome nobody learned, and the same on every member.
 */
import { disagreementOf, type MemberPosition } from '../agreement.ts';
import type { Verification } from '../scenario.ts';

export interface LargeWrites {
  /** Of the last acknowledged transaction; 0 if there is none. */
  readonly sequenceNumber: number;
  readonly value: number;
  /** Values of those whose outcome nobody learned. */
  readonly unknown: readonly number[];
}

export interface MemberLargeRows extends MemberPosition {
  readonly rows: number;
  /** How many rows hold a value, by value. */
  readonly values: ReadonlyMap<number, number>;
}

/** `writes`: one a load generator. */
export function judgeLargeRows(
  writes: readonly LargeWrites[],
  members: readonly MemberLargeRows[],
  rows: number,
): Verification {
  const problems: string[] = [];
  const disagreement = disagreementOf(members);
  if (disagreement !== null) problems.push(disagreement);
  const last = writes.reduce((one, other) => (other.sequenceNumber > one.sequenceNumber ? other : one));
  const possible = new Set([last.value, ...writes.flatMap(({ unknown }) => unknown)]);
  const first = members[0] && [...members[0].values.keys()][0];
  for (const { memberId, rows: found, values } of members) {
    const held = [...values.keys()];
    if (found !== rows) problems.push(`${memberId}: ${found} large rows instead of ${rows}`);
    if (held.length > 1)
      problems.push(`${memberId}: large rows of ${held.length} transactions: a part of one is there`);
    else if (!possible.has(held[0]!)) {
      problems.push(`${memberId}: the large rows hold ${held[0]} instead of ${last.value}, acknowledged last`);
    } else if (held[0] !== first)
      problems.push(`${memberId}: the large rows hold ${held[0]}, the first member ${first}`);
  }
  return { verified: problems.length === 0, problems };
}
