import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testWorld } from '../testing/solo-replica.ts';

test('what is asked of the membership goes to the member, and is answered with the view when it is done', () => {
  const { client, replica } = testWorld();
  assert.deepEqual(client.do('expel', { memberId: 'second' }), { viewId: '1:1' });
  client.do('transferLeadership', { memberId: 'second' });
  client.do('transferLeadership');
  client.do('leave');
  client.do('join');
  assert.deepEqual(replica.administered, [
    { kind: 'expel', memberId: 'second' },
    { kind: 'transfer-leadership', memberId: 'second' },
    { kind: 'transfer-leadership', memberId: null },
    { kind: 'leave' },
    { kind: 'join' },
  ]);
});

test('what cannot be done says why, and which argument is to blame', () => {
  const { client, replica } = testWorld();
  replica.administrationOutcome = { kind: 'refused', problem: 'no member is called so' };
  const { code, argument, problem } = client.fail('expel', { memberId: 'stranger' });
  assert.deepEqual([code, argument, problem], ['INVALID_ARGUMENT', 'memberId', 'no member is called so']);
  assert.equal(client.fail('leave').argument, 'op');
  assert.equal(client.fail('expel').code, 'INVALID_ARGUMENT');
  assert.equal(client.fail('expel', { memberId: 7 }).code, 'INVALID_ARGUMENT');
  assert.equal(client.fail('expel', { memberId: 'second', force: true }).code, 'INVALID_ARGUMENT');
});

test('what the group did not do in time, or cannot do without a quorum, is told as that', () => {
  const { client, replica } = testWorld();
  replica.administrationOutcome = { kind: 'unknown' };
  const { code, waitedFor } = client.fail('expel', { memberId: 'second' });
  assert.deepEqual([code, waitedFor], ['TIMEOUT', 'view']);
  replica.administrationOutcome = { kind: 'no-quorum' };
  assert.equal(client.fail('leave').code, 'NO_QUORUM');
});
