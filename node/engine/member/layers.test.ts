/** Layers of commits in a whole group: what is slow shows in its layer, and the layers are the time from request to answer. */
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import type { CommitLayers } from '../replica.ts';
import { type SimulatedMember, SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';

const TABLE = 'bank.account';

let world: SimulatedWorld;
let follower: SimulatedMember;
let client: SimulatedMemberClient;
let row = 0;

before(() => {
  world = new SimulatedWorld(11);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  follower = members.find(({ member }) => member.group.status?.role === 'follower')!;
  client = new SimulatedMemberClient(world, follower);
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
});

/** Layers of one write, held against the time that the world says it took. */
function put(message: object = {}): CommitLayers {
  const fromUs = world.nowUs;
  const { layers } = client.do('put', { table: TABLE, row: { id: ++row, ...message }, profile: true });
  const { l2Ms, l1Ms, l0Ms } = layers as CommitLayers;
  const tookMs = (world.nowUs - fromUs) / 1000;
  assert.ok(Math.abs(l2Ms + l1Ms + l0Ms - tookMs) < 0.01, `${l2Ms} + ${l1Ms} + ${l0Ms} is ${tookMs}`);
  assert.ok(l2Ms >= 0 && l1Ms >= 0 && l0Ms >= 0);
  return layers;
}

test('on a slow network the order takes most', () => {
  const { conditions } = world.network;
  world.network.conditions = { ...conditions, latencyMinUs: 30_000, latencyMaxUs: 31_000 };
  const { l2Ms, l1Ms, l0Ms } = put();
  assert.ok(l2Ms >= 60 && l0Ms < 5 && l1Ms < 5, `${l2Ms} ${l1Ms} ${l0Ms}`);
  world.network.conditions = conditions;
});

test('where its own disk is slow, and those of a majority are not, versions and disk take most', () => {
  const { disk } = follower.host;
  const { conditions } = disk;
  put();
  disk.conditions = { syncMinUs: 150_000, syncMaxUs: 151_000 };
  const { l2Ms, l1Ms, l0Ms } = put();
  assert.ok(l0Ms >= 100 && l2Ms < 30 && l1Ms < 5, `${l2Ms} ${l1Ms} ${l0Ms}`);
  disk.conditions = conditions;
});

test('where earlier batches are under way, and no more may be, the queue to the group takes its time', () => {
  const { conditions } = world.network;
  put();
  world.network.conditions = { ...conditions, latencyMinUs: 30_000, latencyMaxUs: 30_500 };
  const clients = Array.from({ length: 2 }, () => new SimulatedMemberClient(world, follower));
  let asked = 0;
  // Two batches are under way, handed over at two times; the third waits for the first of them.
  for (const each of clients) {
    each.send('put', { table: TABLE, row: { id: 1000 + asked++ } });
    world.runUntil(world.nowUs + 5000, () => false);
  }
  const { l2Ms, l1Ms } = put();
  assert.ok(l1Ms >= 40 && l2Ms >= 60, `${l2Ms} ${l1Ms}`);
  world.network.conditions = conditions;
});

test('members tell the averages of their layers, and the histograms count each commit in each layer', () => {
  const stats = follower.member.memberStats().find(({ memberId }) => memberId === follower.memberId)!;
  const { count, layers } = stats.commitLatencyMs;
  assert.ok(count >= 7 && layers.l2Ms > 0 && layers.l0Ms > 0 && layers.l1Ms > 0);
  const { commitLatencies } = follower.member;
  const all = commitLatencies.sinceStart();
  const parts = (['l2', 'l1', 'l0'] as const).map((layer) => commitLatencies.layerSinceStart(layer));
  assert.ok(parts.every((part) => part.count === all.count));
  assert.ok(Math.abs(parts.reduce((sum, { sumMs }) => sum + sumMs, 0) - all.sumMs) < 0.001);
});
