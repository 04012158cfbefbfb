/**
 * Judges the rows after a run of `counters`. Each increment adds one and is answered with what that came to: so a counter
 * has as many as were acknowledged, and up to as many more as there are whose outcome nobody learned; and where there are
 * none of these, the answers were 1 to that number, each once, as their sum shows.
 */
import { disagreementOf, type MemberPosition } from '../agreement.ts';
import type { Verification } from '../scenario.ts';

/** By row. */
export interface CounterFacts {
  readonly acknowledged: Float64Array;
  readonly unknown: Float64Array;
  /** Of all values answered: their sum, and the highest. */
  readonly valuesSum: Float64Array;
  readonly highest: Float64Array;
}

export interface MemberCounts extends MemberPosition {
  /** By row; NaN if it is missing. */
  readonly counts: Float64Array;
}

const problemsPerMemberMax = 3;

export function noCounts(rows: number): CounterFacts {
  const none = () => new Float64Array(rows);
  return { acknowledged: none(), unknown: none(), valuesSum: none(), highest: none() };
}

/** `facts`: of each load generator; at least one. */
export function judgeCounters(facts: readonly CounterFacts[], members: readonly MemberCounts[]): Verification {
  const problems: string[] = [];
  const disagreement = disagreementOf(members);
  if (disagreement !== null) problems.push(disagreement);
  const all = together(facts);
  for (const { memberId, counts } of members) {
    const wrong: string[] = [];
    for (let row = 0; row < all.acknowledged.length; row++) {
      const problem = judgeCounter(all, row, counts[row]!);
      if (problem !== null) wrong.push(`${memberId}: counter ${row} ${problem}`);
    }
    problems.push(...wrong.slice(0, problemsPerMemberMax));
    if (wrong.length > problemsPerMemberMax) problems.push(`${memberId}: ${wrong.length} counters are wrong in all`);
  }
  return { verified: problems.length === 0, problems };
}

function together(facts: readonly CounterFacts[]): CounterFacts {
  const all = noCounts(facts[0]!.acknowledged.length);
  for (const one of facts) {
    for (let row = 0; row < all.acknowledged.length; row++) {
      all.acknowledged[row]! += one.acknowledged[row]!;
      all.unknown[row]! += one.unknown[row]!;
      all.valuesSum[row]! += one.valuesSum[row]!;
      all.highest[row] = Math.max(all.highest[row]!, one.highest[row]!);
    }
  }
  return all;
}

function judgeCounter(
  { acknowledged, unknown, valuesSum, highest }: CounterFacts,
  row: number,
  count: number,
): string | null {
  if (Number.isNaN(count)) return 'is missing';
  const least = acknowledged[row]!;
  const most = least + unknown[row]!;
  if (count < least || count > most) {
    return `has ${count}, with ${least} increments acknowledged and ${unknown[row]} of unknown outcome`;
  }
  if (highest[row]! > count) return `has ${count}, and ${highest[row]} was answered`;
  const sum = (least * (least + 1)) / 2;
  return most === least && valuesSum[row] !== sum
    ? `was answered with values that come to ${valuesSum[row]}, not ${sum}`
    : null;
}
