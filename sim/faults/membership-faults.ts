/** Members come and go, of themselves or because they are told to, while other faults strike. */
import type { SimulatedHost } from '../world/index.ts';
import { partition } from './network-faults.ts';
import { crashOne, pause } from './process-faults.ts';
import type { Strike } from './strike.ts';

export const VOTERS_MIN = 1;
export const MEMBERS_MAX = 7;

export function join(strike: Strike, count: number): void {
  if (strike.targets.join(count)) strike.count(`${count === 1 ? 'a new member' : `${count} new members`} would join`);
}

export function leave(strike: Strike, member: SimulatedHost): void {
  if (!hasVotersToSpare(strike, member)) return;
  if (!strike.targets.leave(member)) return;
  strike.budget.askedToGo(member);
  strike.count(`${member.name} is asked to leave`);
}

export function expel(strike: Strike, member: SimulatedHost): void {
  if (!hasVotersToSpare(strike, member)) return;
  if (!strike.targets.expel(member, strike.random)) return;
  strike.budget.askedToGo(member);
  strike.count(`the others are asked to expel ${member.name}`);
}

/** Away so long that it is expelled; then it is back, with all that it had. */
export function absence(strike: Strike, member: SimulatedHost): void {
  if (!hasVotersToSpare(strike, member) || member.process === null) return;
  // Of a leader, only from the next one's election on.
  const times = strike.targets.leader() === member ? 2 : 1;
  const durationMs = times * strike.targets.expelledAfterMs + strike.random.between(100, 3000);
  const how = strike.random.pick(['crash', 'pause', 'partition'] as const);
  if (how === 'pause') return pause(strike, member, durationMs);
  if (how === 'partition') return partition(strike, [member], durationMs);
  strike.count(`${member.name} is down for ${durationMs} ms`);
  crashOne(strike, member, 'killed', durationMs);
}

export function transferLeadership(strike: Strike, member: SimulatedHost): void {
  const to = strike.random.chance(50) ? null : member;
  if (strike.targets.transferLeadership(to)) strike.count(`${to?.name ?? 'the fittest'} is to lead`);
}

export function intrude(strike: Strike): void {
  if (strike.targets.intrude(strike.random)) strike.count('a stranger comes');
}

/** Those that are left stay a majority of what they were, though some of them may be damaged. */
function hasVotersToSpare({ targets, budget }: Strike, member: SimulatedHost): boolean {
  if (!targets.voters.includes(member)) return true;
  return targets.votersLeast > VOTERS_MIN + 1 && budget.isWhole;
}
