/** Crashes at all moments, restarts, pauses and stalls. What goes down comes up again. */
import type { SimulatedHost } from '../world/index.ts';
import { slowDown } from './disk-faults.ts';
import { FAILPOINTS } from './failpoints.ts';
import type { Failpoint } from './occasions.ts';
import { later, type Strike } from './strike.ts';

type Crash = 'killed' | 'power-lost';

export function crash(strike: Strike, member: SimulatedHost, how?: Crash): void {
  if (member.process === null) return;
  const crashed = how ?? strike.random.pick<Crash>(['killed', 'power-lost']);
  strike.count(`${member.name} crashes (${crashed}; ${strike.kind})`);
  crashOne(strike, member, crashed);
}

export function crashAll(strike: Strike): void {
  strike.count('power is lost everywhere');
  for (const each of strike.targets.members) crashOne(strike, each, 'power-lost');
}

export function crashOne(strike: Strike, member: SimulatedHost, how: Crash, downMs?: number): void {
  const { random } = strike;
  member.crash(how);
  const delayMs = downMs ?? (random.chance(30) ? random.between(1, 30) : random.between(30, 3000));
  later(strike, delayMs, () => strike.restartIfDown(member));
}

export function crashWithin(strike: Strike, member: SimulatedHost, durationUs: number): void {
  const { process } = member;
  later(strike, strike.random.below(durationUs + 1) / 1000, () => {
    if (member.process === process) crash(strike, member);
  });
}

/** In one that can be torn, if there is one soon. */
export function crashInWrite(strike: Strike, member: SimulatedHost, smallWritesLeft: number): void {
  member.disk.writeBegan = ({ durationUs, sectors }) => {
    if (sectors === 1 && smallWritesLeft > 0) return crashInWrite(strike, member, smallWritesLeft - 1);
    member.disk.writeBegan = () => {};
    crashWithin(strike, member, durationUs);
  };
}

/** The leader falls, votes take long to be written, so that there are several candidates, and whoever votes crashes. */
export function crashAtVotes(strike: Strike): void {
  const { random, targets } = strike;
  const leader = targets.leader();
  if (leader !== null && random.chance(70)) crashOne(strike, leader, 'killed');
  const slownessMs = random.pick([1, 5, 20]);
  for (const each of targets.members) {
    slowDown(strike, each, { factor: slownessMs, forMs: 1000 });
    targets.onNext(each, 'vote', () => crashAtVote(strike, each));
  }
}

/** Up again at once, while the others still count. */
function crashAtVote(strike: Strike, member: SimulatedHost): void {
  const { process } = member;
  later(strike, strike.random.below(400) / 1000, () => {
    if (process === null || member.process !== process) return;
    strike.count(`${member.name} crashes (crash at a vote)`);
    crashOne(strike, member, strike.random.pick<Crash>(['killed', 'power-lost']), strike.random.below(5000) / 1000);
  });
}

/** Between one step of the protocol and the next. */
export function crashAtFrame(strike: Strike, member: SimulatedHost, framesLeft: number): void {
  strike.targets.onNext(member, 'frame', () => {
    if (framesLeft > 1) crashAtFrame(strike, member, framesLeft - 1);
    else crashWithin(strike, member, strike.random.pick([0, 100, 1000]));
  });
}

/** In the very call, in the middle of a turn: nothing that the turn would do afterwards happens. */
export function crashAtFailpoint(strike: Strike, member: SimulatedHost): void {
  const { random, targets, world } = strike;
  const point = random.pick(FAILPOINTS);
  let left = random.pick([1, 1, 2, 5, 20]);
  const wait = (): void =>
    targets.onNext(member, point, () => {
      if (strike.isOver()) return;
      if (--left > 0) return wait();
      if (member.process === null) return;
      world.coverage.add(`crash ${point}`);
      strike.count(`${member.name} crashes ${point}`);
      crashOne(strike, member, random.pick<Crash>(['killed', 'power-lost']));
    });
  wait();
}

const OF_A_TRANSFER: readonly Failpoint[] = [
  'after send of ask-state',
  'before send of chunk',
  'after send of chunk',
  'after send of chunk',
  'before send of acknowledge',
  'after send of acknowledge',
];

/** Whoever next sends or takes a part of a state, of one kind of step. */
export function crashInTransfer(strike: Strike): void {
  const { random, targets, world } = strike;
  const point = random.pick(OF_A_TRANSFER);
  const delaysUs = random.pick([0, 0, 300, 2000]);
  let isDone = false;
  for (const member of targets.members) {
    targets.onNext(member, point, () => {
      if (isDone || strike.isOver()) return;
      isDone = true;
      if (delaysUs > 0) return crashWithin(strike, member, delaysUs);
      if (member.process === null) return;
      world.coverage.add(`crash ${point}`);
      crash(strike, member);
    });
  }
}

export function restartLoop(strike: Strike, member: SimulatedHost): void {
  strike.count(`${member.name} goes into a restart loop`);
  let times = strike.random.between(3, 6);
  const again = (): void => {
    if (times-- === 0) return;
    member.crash('killed');
    strike.restartIfDown(member);
    later(strike, strike.random.between(1, 150), again);
  };
  again();
}

export function stopCleanly(strike: Strike, member: SimulatedHost): void {
  const { process } = member;
  if (process === null || process.isPaused) return;
  strike.count(`${member.name} is asked to stop`);
  strike.targets.stop(member, () => {
    if (member.process !== process) return;
    strike.world.tell(`${member.name} has stopped`);
    member.crash('killed');
    if (strike.isOver()) strike.restartIfDown(member);
    else later(strike, strike.random.between(1, 1000), () => strike.restartIfDown(member));
  });
}

export function pause(strike: Strike, member: SimulatedHost, durationMs: number): void {
  const { process } = member;
  if (process === null || process.isPaused) return;
  strike.count(`${member.name} is paused for ${durationMs} ms (${strike.kind})`);
  process.pause();
  later(strike, durationMs, () => process.resume());
}

/** The machine is suspended: its monotonic clock stands still, too. */
export function suspend(strike: Strike, member: SimulatedHost): void {
  if (member.process === null || member.process.isPaused) return;
  const durationMs = strike.random.between(100, 20_000);
  const { process } = member;
  strike.count(`${member.name} is suspended for ${durationMs} ms`);
  process.pause();
  member.clock.freeze();
  later(strike, durationMs, () => {
    if (member.process !== process) return;
    member.clock.thaw();
    process.resume();
  });
}

/** Some turns take long, one after the other. */
export function stall(strike: Strike, member: SimulatedHost): void {
  const { process } = member;
  let times = strike.random.between(1, 5);
  const again = (): void => {
    if (times-- === 0 || process === null || !process.isAlive || process.isPaused) return;
    const durationMs = strike.random.pick([10, 50, 200, 700, 2000]);
    strike.count(`a turn of ${member.name} takes ${durationMs} ms`);
    process.pause();
    later(strike, durationMs, () => {
      process.resume();
      later(strike, strike.random.between(1, 100), again);
    });
  };
  again();
}
