/** Slow, full, failing, rotting and lost disks. */
import type { DamageKind, DurablePlace, SimulatedHost } from '../world/index.ts';
import { later, othersThan, type Strike, shuffled } from './strike.ts';

export function slowDown(
  strike: Strike,
  { disk }: SimulatedHost,
  { factor, forMs }: { readonly factor: number; readonly forMs: number },
): void {
  disk.conditions = { syncMinUs: 100 * factor, syncMaxUs: 2000 * factor };
  later(strike, forMs, () => {
    disk.conditions = { syncMinUs: 100, syncMaxUs: 2000 };
  });
}

export function slowDisk(strike: Strike, member: SimulatedHost): void {
  const factor = strike.random.pick([10, 30, 100]);
  strike.count(`the disk of ${member.name} is ${factor} times slower`);
  slowDown(strike, member, { factor, forMs: strike.random.between(100, 3000) });
}

/** The next operation of some kind fails, and all after it; then the disk is mended. */
export function failDisk(strike: Strike, member: SimulatedHost): void {
  const { random } = strike;
  const operation = random.pick(['read', 'write', 'write', 'create'] as const);
  strike.count(`the disk of ${member.name} will fail at a ${operation}`);
  member.disk.breakAt(operation);
  const mendMs = random.between(500, 4000);
  const mend = (): void => {
    // Whoever still runs, or is paused, has not met the error yet, or does not stop on it.
    if (member.disk.isBroken && member.process !== null) return later(strike, mendMs, mend);
    member.disk.mend();
    strike.restartIfDown(member);
  };
  later(strike, mendMs, mend);
}

/** Nothing larger than a few bytes can be made for a while. */
export function fillDisk(strike: Strike, member: SimulatedHost): void {
  const { disk } = member;
  const roomBytes = strike.random.pick([0, 0, 2000, 20_000]);
  const refusals = disk.refusals;
  strike.count(`the disk of ${member.name} has room for ${roomBytes} bytes`);
  disk.roomBytes = disk.usedBytes + roomBytes;
  later(strike, strike.random.between(500, 8000), () => {
    disk.roomBytes = Number.POSITIVE_INFINITY;
    if (disk.refusals > refusals) strike.world.coverage.add('disk full and back');
    strike.world.tell(`the disk of ${member.name} has room again`);
  });
}

/** While a member is down, this one if possible, some of what it had durably changes. */
export function rot(strike: Strike, first: SimulatedHost): void {
  const { random, targets, budget } = strike;
  const target = random.pick(['log', 'log', 'verdicts', 'verdicts', 'lane'] as const);
  for (const member of [first, ...shuffled(random, othersThan(strike, first))]) {
    if (target === 'lane' && budget.take(member)) {
      member.crash('killed');
      if (targets.damageLane(member, random)) {
        strike.count(`a lane of ${member.name} is damaged`);
        return later(strike, random.between(1, 2000), () => strike.restartIfDown(member));
      }
      strike.restartIfDown(member);
    }
    for (const each of target === 'verdicts' ? (['verdicts', 'log'] as const) : (['log'] as const)) {
      const places = placesOf(member, each);
      if (places.length > 0 && budget.take(member)) return rotIn(strike, member, { target: each, places });
    }
  }
}

function rotIn(
  strike: Strike,
  member: SimulatedHost,
  { target, places }: { readonly target: 'log' | 'verdicts'; readonly places: readonly DurablePlace[] },
): void {
  const { random, world } = strike;
  member.crash('killed');
  for (let times = random.pick([1, 1, 1, 3, 10]); times > 0; times--) {
    const place = random.pick(random.chance(50) ? places.slice(-10) : places);
    const kind = random.pick<DamageKind>(['bit flip', 'bit flip', 'zeroed sector', 'misdirected sector']);
    member.disk.damage(place, kind, random);
    strike.count(`${member.name} is down, and a ${kind} damages ${place.name} within ${place.offset}+${place.length}`);
    world.coverage.add(`damage to the ${target}`);
  }
  later(strike, random.between(1, 2000), () => strike.restartIfDown(member));
}

/** Nobody can tell the last block from a torn write. */
function placesOf(member: SimulatedHost, target: 'log' | 'verdicts'): readonly DurablePlace[] {
  const prefix = target === 'log' ? 'log-' : 'verdicts-';
  return member.disk.durablePlaces((name) => name.startsWith(prefix)).slice(0, -1);
}

/** A new member comes in its place. */
export function loseDisk(strike: Strike, member: SimulatedHost): void {
  if (!strike.targets.voters.includes(member) || !strike.budget.take(member)) return;
  strike.count(`${member.name} loses its disk`);
  member.crash('power-lost');
  member.disk.wipe();
  strike.targets.forget(member);
  later(strike, strike.random.between(1, 3000), () => strike.restartIfDown(member));
}
