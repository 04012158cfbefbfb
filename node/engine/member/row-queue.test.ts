import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS } from './index.ts';

const TABLE = 'a.b';

test('without a quorum those who queue for a row are refused when they have waited so long, not one after the other', () => {
  const world = new SimulatedWorld(8);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const client = new SimulatedMemberClient(world, members[0]!);
  client.do('createTable', { table: TABLE, primaryKey: ['k'] });
  for (const { host } of members.slice(1)) host.crash('power-lost');
  until(world, () => !members[0]!.member.hasQuorum, 60);
  const { noQuorumWaitMs } = MEMBER_DEFAULTS.outbox;
  const sentMs = new Map<number, number>();
  const waitedMs = new Map<number, number>();
  const nowMs = () => world.nowUs / 1000;
  const send = (v: number) => sentMs.set(client.send('put', { table: TABLE, row: { k: 1, v } }), nowMs());
  for (let v = 0; v < 10; v++) send(v);
  const lateMs = nowMs() + noQuorumWaitMs / 2;
  until(world, () => nowMs() >= lateMs);
  for (let v = 10; v < 15; v++) send(v);
  until(
    world,
    () => {
      for (const [id, atMs] of sentMs) {
        if (waitedMs.has(id) || !client.hasAnswer(id)) continue;
        assert.equal(client.answerTo(id).error?.code, 'NO_QUORUM');
        waitedMs.set(id, nowMs() - atMs);
      }
      return waitedMs.size === sentMs.size;
    },
    60,
  );
  const waited = [...sentMs.keys()].map((id) => waitedMs.get(id)!);
  for (const ms of waited) assert(ms >= noQuorumWaitMs, `${ms} ms is less than it is given`);
  for (const ms of waited.slice(0, 10)) assert(ms < 1.5 * noQuorumWaitMs, `${ms} ms`);
  for (const ms of waited.slice(10)) assert(ms < 2 * noQuorumWaitMs, `${ms} ms`);
});
