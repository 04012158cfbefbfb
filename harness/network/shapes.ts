/**
 * Partitions by name: which flows between members, and between clients and members, are lost. Members are told by their
 * places, from 0.
 */
import type { FlowName } from './flow.ts';

/** The node of all clients. */
export const CLIENTS = 'clients';

/** `P`: how members are told. */
export type Shape<P = number> =
  /** One hears no other and is heard by none. */
  | { readonly name: 'isolated'; readonly member: P }
  /** Each is alone. */
  | { readonly name: 'apart' }
  /** The first half, the larger one if they cannot be equal, and the rest. */
  | { readonly name: 'halves' }
  /** Only those of one group reach each other; who is in none is alone. */
  | { readonly name: 'groups'; readonly groups: readonly (readonly P[])[] }
  /** Two halves that do not reach each other, and one that reaches all. */
  | { readonly name: 'bridge'; readonly member: P }
  /** In a ring, each reaches its neighbours, just enough for a majority; no two see the same one. Four members or more. */
  | { readonly name: 'ring' }
  /** What one sends does not reach the other; the opposite way is open. */
  | { readonly name: 'oneWay'; readonly from: P; readonly to: P }
  /** One is heard, and hears nobody. */
  | { readonly name: 'deaf'; readonly member: P }
  /** One hears, and is heard by nobody. */
  | { readonly name: 'mute'; readonly member: P }
  /** Clients do not reach these members, which reach each other. */
  | { readonly name: 'clients'; readonly members: readonly P[] };

/** @throws RangeError if the shape needs more members, or names one that there is not */
export function lostFlows(shape: Shape, memberCount: number): FlowName[] {
  if (shape.name === 'clients') {
    const places = shape.members.map((member) => inRange(member, memberCount));
    return places.flatMap((place): FlowName[] => [`${CLIENTS}>${place}`, `${place}>${CLIENTS}`]);
  }
  const isLost = lostBetweenMembers(shape, memberCount);
  const places = Array.from({ length: memberCount }, (_, place) => place);
  return places.flatMap((from) =>
    places.filter((to) => to !== from && isLost(from, to)).map((to): FlowName => `${from}>${to}`),
  );
}

function lostBetweenMembers(
  shape: Exclude<Shape, { name: 'clients' }>,
  count: number,
): (from: number, to: number) => boolean {
  const half = Math.ceil(count / 2);
  switch (shape.name) {
    case 'apart':
      return () => true;
    case 'halves':
      return (from, to) => from < half !== to < half;
    case 'isolated': {
      const member = inRange(shape.member, count);
      return (from, to) => from === member || to === member;
    }
    case 'groups': {
      const groupOf = new Map(
        shape.groups.flatMap((group, i) => group.map((member) => [inRange(member, count), i] as const)),
      );
      return (from, to) => groupOf.get(from) === undefined || groupOf.get(from) !== groupOf.get(to);
    }
    case 'bridge': {
      const bridge = inRange(shape.member, count);
      // Places among the others: the bridge belongs to no half.
      const others = (place: number) => (place > bridge ? place - 1 : place);
      const otherHalf = Math.floor(count / 2);
      return (from, to) => from !== bridge && to !== bridge && others(from) < otherHalf !== others(to) < otherHalf;
    }
    case 'ring': {
      if (count < 4) throw new RangeError(`a ring of majorities needs four members, not ${count}`);
      const reach = Math.ceil(Math.floor(count / 2) / 2);
      return (from, to) => Math.min((from - to + count) % count, (to - from + count) % count) > reach;
    }
    case 'oneWay': {
      inRange(shape.from, count);
      inRange(shape.to, count);
      return (from, to) => from === shape.from && to === shape.to;
    }
    case 'deaf': {
      const member = inRange(shape.member, count);
      return (_from, to) => to === member;
    }
    case 'mute': {
      const member = inRange(shape.member, count);
      return (from) => from === member;
    }
  }
}

function inRange(place: number, count: number): number {
  if (Number.isInteger(place) && place >= 0 && place < count) return place;
  throw new RangeError(`there is no member at place ${place}: the group has ${count}, counted from 0`);
}
