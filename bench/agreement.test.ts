import assert from 'node:assert/strict';
import { test } from 'node:test';
import { awaitAgreement, isAgreed, readAgreed } from './agreement.ts';
import { MemberConnection } from './member-connection.ts';
import { FakeGroup, type Misbehaviour } from './testing/fake-group.ts';

async function positionsOf(misbehaviour: Misbehaviour, msMax: number) {
  const group = await FakeGroup.start(3, misbehaviour);
  try {
    const members = await Promise.all(group.urls.map((url) => MemberConnection.open(url, 'msgpack')));
    await members[0]!.request('createTable', { table: 'bench.micro', primaryKey: ['id'] });
    return await awaitAgreement({ members, progress: () => {} }, msMax);
  } finally {
    group.stop();
  }
}

test('members agree when their digests are equal at one sequence number', async () => {
  const positions = await positionsOf({}, 30_000);
  assert.equal(isAgreed(positions), true);
  assert.deepEqual(
    positions.map(({ memberId, appliedUpTo }) => [memberId, appliedUpTo]),
    [
      ['member-1', 1],
      ['member-2', 1],
      ['member-3', 1],
    ],
  );
});

test('members whose digests stay different are waited for no longer than was said', async () => {
  assert.equal(isAgreed(await positionsOf({ digestsDiffer: true }, 0)), false);
});

test('members are read again where a rise of the purge floor came between them', async () => {
  // Three positions before, three behind the reading: the floor rises between the last two.
  const group = await FakeGroup.start(3, { digestChangesAt: 6 });
  try {
    const members = await Promise.all(group.urls.map((url) => MemberConnection.open(url, 'msgpack')));
    let readings = 0;
    const states = await readAgreed({ members, progress: () => {} }, async () => ({ reading: ++readings }));
    assert.equal(isAgreed(states), true);
    assert.equal(readings, 6);
  } finally {
    group.stop();
  }
});
