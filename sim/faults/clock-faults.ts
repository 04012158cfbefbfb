/** What operators and time servers do to clocks. */
import type { SimulatedHost } from '../world/index.ts';
import type { Strike } from './strike.ts';

const JUMP_MS_MAX = 300_000;

/** Spread over the magnitudes, up to five minutes, in both directions. */
export function jump(strike: Strike, member: SimulatedHost): void {
  const { random } = strike;
  const byMs = random.pick([-1, 1]) * Math.min(JUMP_MS_MAX, 2 ** random.below(20));
  strike.count(`the clock of ${member.name} jumps by ${byMs} ms`);
  member.clock.jump(byMs);
}

/** To and fro, for a while. */
export function strobe(strike: Strike, member: SimulatedHost): void {
  const { random } = strike;
  const byMs = 2 ** random.between(2, 18);
  const periodMs = random.pick([1, 10, 100, 1000]);
  let times = 2 * random.between(1, 50);
  strike.count(`the clock of ${member.name} jumps by ${byMs} ms to and fro every ${periodMs} ms`);
  const again = (): void => {
    if (times-- === 0) return;
    member.clock.jump(times % 2 === 0 ? -byMs : byMs);
    // Also when the faults have ended: it ends where it began.
    strike.world.schedule(periodMs * 1000, again);
  };
  again();
}

/** A tenth too fast or too slow at most. */
export function drift(strike: Strike, member: SimulatedHost): void {
  const rate = strike.random.between(900, 1100) / 1000;
  strike.count(`the clock of ${member.name} runs at ${rate}`);
  member.clock.drift(rate);
}
