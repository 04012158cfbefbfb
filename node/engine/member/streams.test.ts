import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import {
  type SimulatedGroupOptions,
  type SimulatedMember,
  SimulatedMemberClient,
  startGroup,
  until,
} from '../testing/simulated-group.ts';
import type { TestEvent } from '../testing/solo-replica.ts';

const TABLE = 'shop.stock';

function startShop(seed: number, options: SimulatedGroupOptions = {}) {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, options);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const clientOf = (member: SimulatedMember) => new SimulatedMemberClient(world, member);
  clientOf(members[0]!).do('createTable', { table: TABLE, primaryKey: ['id'] });
  until(world, () => members.every(({ member }) => member.appliedUpTo === 1));
  return { world, members, clientOf };
}

/** What is the same for all who follow. */
function told(events: readonly TestEvent[]): readonly object[] {
  return events.map(({ subscription: _subscription, ...facts }) => facts);
}

test('all members tell the same changes in the same order, whoever wrote them', () => {
  const { world, members, clientOf } = startShop(11);
  const followers = members.map(clientOf);
  for (const follower of followers) follower.do('subscribe', { stream: 'changes', from: 0 });
  const writers = members.map(clientOf);
  for (let i = 0; i < 60; i++) {
    const steps = [
      { op: 'put', table: TABLE, row: { id: i % 5, by: i } },
      { op: 'delete', table: TABLE, key: (i + 2) % 5 },
    ];
    writers[i % 3]!.do('transact', { steps });
  }
  until(world, () => followers.every(({ events }) => events.at(-1)?.sequenceNumber === 61));
  const [first, ...others] = followers.map(({ events }) => told(events));
  assert.deepEqual(
    followers[0]!.events.map(({ sequenceNumber }) => sequenceNumber),
    Array.from({ length: 61 }, (_, i) => i + 1),
  );
  for (const other of others) assert.deepEqual(other, first);
  const writtenAt = new Set(followers[0]!.events.map(({ member }) => member));
  assert.deepEqual([...writtenAt].sort(), ['id-0', 'id-1', 'id-2']);
});

test('when its member dies, a follower goes on at another one, and none is missing or told twice', () => {
  const { world, members, clientOf } = startShop(12);
  const [dying, other, third] = members;
  const before = clientOf(dying!);
  before.do('subscribe', { stream: 'changes', from: 1 });
  const writer = clientOf(third!);
  for (let id = 0; id < 20; id++) writer.do('put', { table: TABLE, row: { id } });
  until(world, () => before.events.length >= 5);
  dying!.host.crash('power-lost');
  for (let id = 20; id < 40; id++) writer.do('put', { table: TABLE, row: { id } });
  const after = clientOf(other!);
  after.do('subscribe', { stream: 'changes', from: before.events.at(-1)!.sequenceNumber });
  until(world, () => after.events.at(-1)?.sequenceNumber === 41);
  assert.deepEqual(
    [...before.events, ...after.events].map(({ rows }) => rows[0].key),
    Array.from({ length: 40 }, (_, id) => id),
  );
});

test('what is held is told after a restart as before it, with every row as it was', () => {
  const { world, members, clientOf } = startShop(13, {
    options: {
      versions: { flushIntervalMs: 20, flushBytes: 1000, overlayBytesMax: 1e7 },
      history: { transactionsMax: 10, rowsMax: 100, bytesMax: 1e6 },
      historyUnfollowed: { transactionsMax: 10, rowsMax: 100, bytesMax: 1e6 },
    },
  });
  const [first] = members;
  const writer = clientOf(first!);
  for (let i = 0; i < 30; i++) writer.do('put', { table: TABLE, row: { id: i % 4, i } });
  until(world, () => first!.member.store!.flushedUpTo === 21);
  const before = clientOf(first!);
  before.do('subscribe', { stream: 'changes', from: 21 });
  until(world, () => before.events.length === 10);
  first!.host.crash('power-lost');
  first!.restart();
  until(world, () => first!.member.state === 'ONLINE');
  const after = clientOf(first!);
  after.do('subscribe', { stream: 'changes', from: 21 });
  until(world, () => after.events.length === 10);
  assert.deepEqual(told(after.events), told(before.events));
  assert.deepEqual(after.events[0]!.rows, [
    { table: TABLE, key: 0, before: { id: 0, i: 16 }, after: { id: 0, i: 20 } },
  ]);
});

test('a member that is cut off is told as unreachable to whoever follows the views', () => {
  const { world, members, clientOf } = startShop(14);
  const follower = clientOf(members[0]!);
  follower.do('subscribe', { stream: 'views' });
  const stateOfThird = () => follower.events.at(-1)?.members[2].state;
  until(world, () => stateOfThird() === 'ONLINE');
  members[2]!.host.crash('power-lost');
  until(world, () => stateOfThird() === 'UNREACHABLE');
  members[2]!.restart();
  until(world, () => stateOfThird() === 'ONLINE');
  const texts = follower.events.map(({ members: rows }) => JSON.stringify(rows));
  for (let i = 1; i < texts.length; i++) assert.notEqual(texts[i], texts[i - 1], 'only what has changed is told');
});

test('all members hold more of the past while a client of one of them follows the changes, and for a while after that', () => {
  const { world, members, clientOf } = startShop(14, {
    options: {
      history: { transactionsMax: 1_000, rowsMax: 1_000, bytesMax: 1e6 },
      historyUnfollowed: { transactionsMax: 5, rowsMax: 1_000, bytesMax: 1e6 },
      followedForMs: 3_000,
    },
  });
  const [first, other] = members;
  const writer = clientOf(first!);
  let written = 1;
  const write = () => {
    for (let i = 0; i < 30; i++) writer.do('put', { table: TABLE, row: { id: i } });
    written += 30;
    until(world, () => members.every(({ member }) => member.appliedUpTo === written));
  };
  const pass = (seconds: number) => world.runUntil(world.nowUs + seconds * 1_000_000);
  write();
  assert.ok(other!.member.heldFrom > 10, 'nobody follows');
  const follower = clientOf(first!);
  follower.do('subscribe', { stream: 'changes' });
  pass(2);
  const heldFrom = other!.member.heldFrom;
  write();
  pass(2);
  write();
  assert.equal(other!.member.heldFrom, heldFrom, 'a client of another member follows');
  follower.do('unsubscribe', { subscription: 'subscription-1' });
  pass(2);
  write();
  assert.equal(other!.member.heldFrom, heldFrom, 'it may come back');
  pass(3);
  write();
  for (const { member } of members) assert.ok(member.heldFrom > written - 20, 'nobody follows any more');
});
