/** Who is meant, at the time when a fault strikes. */
import assert from 'node:assert/strict';
import type { LocalGroup } from '../group/local-group.ts';
import type { FlowName } from '../network/flow.ts';
import { CLIENTS, type Shape } from '../network/shapes.ts';
import { waitUntil } from '../wait-until.ts';
import type { Flows, Place, Places } from './fault.ts';

const LEADER_MS_MAX = 10_000;

export async function placesOf(group: LocalGroup, places: Places): Promise<readonly number[]> {
  const { members } = group;
  if (places === 'all') return [...members.keys()];
  if (places === 'followers') {
    const leader = await placeOf(group, 'leader');
    return [...members.keys()].filter((place) => place !== leader);
  }
  if (typeof places !== 'object') return [await placeOf(group, places)];
  return Promise.all(places.map((place) => placeOf(group, place)));
}

export async function placeOf(group: LocalGroup, place: Place): Promise<number> {
  if (typeof place === 'number') {
    assert(place in group.members, `there is no member at place ${place}: the group has ${group.members.length}`);
    return place;
  }
  const leader = await waitUntil('a leader is known', LEADER_MS_MAX, () => newestLeader(group));
  if (place === 'leader') return leader.place;
  const follower = [...group.members.keys()].find((other) => other !== leader.place);
  assert(follower !== undefined, 'a group of one has no follower');
  return follower;
}

/** Of the newest term that any member has told of; members need not agree now. */
function newestLeader(group: LocalGroup): { readonly place: number } | null {
  let newest: { readonly place: number; readonly term: number } | null = null;
  for (const member of group.members) {
    if (!member.isRunning) continue;
    const { leader, term } = member.latestLeader ?? { leader: null, term: 0 };
    if (leader === null || term <= (newest?.term ?? 0)) continue;
    const place = group.members.findIndex((other) => other.isRunning && other.memberId === leader);
    if (place >= 0) newest = { place, term };
  }
  return newest;
}

export async function flowsOf(group: LocalGroup, flows: Flows): Promise<readonly FlowName[]> {
  if (typeof flows === 'string') return group.network.flows(flows);
  const nodesOf = async (places: Places | typeof CLIENTS): Promise<readonly string[]> =>
    places === CLIENTS ? [CLIENTS] : (await placesOf(group, places)).map(String);
  const [from, to] = [await nodesOf(flows.from), await nodesOf(flows.to)];
  return from.flatMap((one) => to.filter((other) => other !== one).map((other): FlowName => `${one}>${other}`));
}

export async function shapeOf(group: LocalGroup, shape: Shape<Place>): Promise<Shape> {
  const place = (one: Place) => placeOf(group, one);
  switch (shape.name) {
    case 'apart':
    case 'halves':
    case 'ring':
      return shape;
    case 'isolated':
    case 'bridge':
    case 'deaf':
    case 'mute':
      return { name: shape.name, member: await place(shape.member) };
    case 'oneWay':
      return { name: 'oneWay', from: await place(shape.from), to: await place(shape.to) };
    case 'groups':
      return { name: 'groups', groups: await Promise.all(shape.groups.map((each) => Promise.all(each.map(place)))) };
    case 'clients':
      return { name: 'clients', members: await Promise.all(shape.members.map(place)) };
  }
}
