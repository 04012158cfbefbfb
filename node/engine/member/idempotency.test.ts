/** Idempotency keys in a group of members (H16): at other members, after a restart, and when they are forgotten. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS } from './index.ts';

const TABLE = 'a.b';

function group(seed: number) {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, {
    options: {
      group: { ...MEMBER_DEFAULTS.group, fragmentBytesMax: 1024, messageBytesMax: 1_000_000 },
      outbox: { ...MEMBER_DEFAULTS.outbox, batchBytesMax: 800 },
      slices: { largeBytes: 800, items: 7, bytes: 2000 },
    },
  });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const clients = members.map((member) => new SimulatedMemberClient(world, member));
  clients[0]!.do('createTable', { table: TABLE, primaryKey: ['k'] });
  return { world, members, clients };
}

test('a request that is repeated at another member answers the first outcome there; large ones, too', () => {
  const { world, members, clients } = group(51);
  const { sequenceNumber: made } = clients[0]!.do('put', { table: TABLE, row: { k: 0 } });
  until(world, () => members.every(({ member }) => member.appliedUpTo >= made));
  for (const [key, rows] of [
    ['small', 1],
    ['large', 60],
  ] as const) {
    const steps = Array.from({ length: rows }, (_, k) => ({ op: 'put', table: TABLE, row: { k, v: key } }));
    const first = clients[0]!.do('transact', { steps, idempotencyKey: key });
    until(world, () => members.every(({ member }) => member.appliedUpTo >= first.sequenceNumber));
    for (const client of clients) {
      assert.deepEqual(client.do('transact', { steps, idempotencyKey: key }), { ...first, replayed: true });
    }
  }
  const digests = members.map(({ member }) => member.certifier!.digest);
  assert.equal(new Set(digests).size, 1);
});

test('H16: a large commit that waits behind its own first sending answers the first outcome', () => {
  const { world, members, clients } = group(52);
  const both = [0, 1].map(() => new SimulatedMemberClient(world, members[0]!));
  for (const client of both) {
    client.do('begin', { tx: 't', idempotencyKey: 'large' });
    for (let k = 0; k < 60; k++) client.do('put', { tx: 't', table: TABLE, row: { k, v: 'large' } });
  }
  const ids = both.map((client) => client.send('commit', { tx: 't' }));
  until(world, () => both.every((client, at) => client.hasAnswer(ids[at]!)));
  const [first, second] = both.map((client, at) => client.answerTo(ids[at]!).result);
  assert.deepEqual(second, { ...first, replayed: true });
  assert.equal(clients[0]!.do('outcome', { idempotencyKey: 'large' }).gtid, first.gtid);
});
