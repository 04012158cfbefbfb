/** Partitions of all shapes, clogged links and narrow lines. All of them end. */
import type { SimulatedHost } from '../world/index.ts';
import { later, namesOf, othersThan, type Strike, shuffled } from './strike.ts';

type Link = readonly [SimulatedHost, SimulatedHost];

export function partition(strike: Strike, side: readonly SimulatedHost[], durationMs?: number): void {
  const others = strike.targets.members.filter((each) => !side.includes(each));
  if (side.length === 0 || others.length === 0) return;
  strike.count(`partition: ${namesOf(side)} | ${namesOf(others)}`);
  blockFor(strike, between(side, others), durationMs ?? strike.random.between(50, 4000));
}

export function partitionInHalves(strike: Strike): void {
  const members = shuffled(strike.random, strike.targets.members);
  partition(strike, members.slice(0, Math.floor(members.length / 2)));
}

export function partitionOneWay(strike: Strike, member: SimulatedHost): void {
  const others = othersThan(strike, member);
  if (others.length === 0) return;
  const isMute = strike.random.chance(50);
  strike.count(`partition one-way: ${member.name} ${isMute ? 'is not heard' : 'hears nobody'}`);
  const links = others.map((other): Link => (isMute ? [member, other] : [other, member]));
  blockFor(strike, links, strike.random.between(50, 4000));
}

/** It comes and goes, faster than anybody is elected. */
export function flap(strike: Strike, member: SimulatedHost): void {
  const others = othersThan(strike, member);
  if (others.length === 0) return;
  const periodMs = strike.random.pick([10, 40, 150]);
  let times = strike.random.between(5, 40);
  strike.count(`a partition of ${member.name} flaps every ${periodMs} ms`);
  const again = (): void => {
    if (times-- === 0) return;
    blockFor(strike, between([member], others), periodMs);
    later(strike, 2 * periodMs, again);
  };
  again();
}

/** Two halves see each other only through one member. */
export function bridge(strike: Strike): void {
  const [middle, ...rest] = shuffled(strike.random, strike.targets.members);
  if (middle === undefined || rest.length < 2) return;
  const half = Math.ceil(rest.length / 2);
  const [left, right] = [rest.slice(0, half), rest.slice(half)];
  strike.count(`a bridge: ${namesOf(left)} | ${middle.name} | ${namesOf(right)}`);
  blockFor(strike, between(left, right), strike.random.between(200, 4000));
}

/** Each sees a majority, and no two see the same. */
export function ringOfMajorities(strike: Strike): void {
  const ring = shuffled(strike.random, strike.targets.members);
  const { length } = ring;
  if (length < 4) return bridge(strike);
  const reach = Math.floor(length / 4) + (length % 4 === 0 ? 0 : 1);
  const links: Link[] = [];
  for (let i = 0; i < length; i++) {
    for (let j = 0; j < length; j++) {
      const distance = Math.min((i - j + length) % length, (j - i + length) % length);
      if (distance > reach) links.push([ring[i]!, ring[j]!]);
    }
  }
  strike.count(`a ring of majorities: ${namesOf(ring)}`);
  blockFor(strike, links, strike.random.between(200, 4000));
}

export function clog(strike: Strike, member: SimulatedHost): void {
  const others = othersThan(strike, member);
  if (others.length === 0) return;
  const other = strike.random.pick(others);
  strike.count(`the link between ${member.name} and ${other.name} is clogged`);
  blockFor(strike, between([member], [other]), strike.random.between(5, 500));
}

export function narrow(strike: Strike, member: SimulatedHost): void {
  const { network } = strike.world;
  const bytesPerSecond = strike.random.pick([20_000, 125_000, 1_000_000]);
  strike.count(`the line of ${member.name} takes ${bytesPerSecond} bytes a second`);
  network.limitBandwidth(member, bytesPerSecond);
  later(strike, strike.random.between(200, 4000), () => network.limitBandwidth(member, null));
}

/** Both directions. */
function between(side: readonly SimulatedHost[], others: readonly SimulatedHost[]): readonly Link[] {
  return side.flatMap((one) =>
    others.flatMap((other): Link[] => [
      [one, other],
      [other, one],
    ]),
  );
}

function blockFor(strike: Strike, links: readonly Link[], durationMs: number): void {
  const { network } = strike.world;
  const blocked = links.filter(([from, to]) => !network.isBlocked(from, to));
  for (const [from, to] of blocked) network.block(from, to);
  later(strike, durationMs, () => {
    for (const [from, to] of blocked) network.unblock(from, to);
  });
}
