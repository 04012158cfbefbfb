import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AppliedWaiters } from './applied-waiters.ts';

test('each waiter is called once, when its sequence number is visible and not before', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 60 }), fc.array(fc.nat(10), { maxLength: 12 }), (wanted, steps) => {
      const waiters = new AppliedWaiters();
      const called = new Array<number>(wanted.length).fill(0);
      for (const [i, sequenceNumber] of wanted.entries()) waiters.add(sequenceNumber, () => called[i]!++);
      let appliedUpTo = 0;
      for (const step of steps) {
        appliedUpTo += step;
        waiters.applied(appliedUpTo);
        for (const [i, sequenceNumber] of wanted.entries()) {
          assert.equal(called[i], sequenceNumber <= appliedUpTo ? 1 : 0);
        }
      }
    }),
  );
});

test('a cancelled waiter is never called', () => {
  const waiters = new AppliedWaiters();
  const called: string[] = [];
  const first = waiters.add(5, () => called.push('first'));
  waiters.add(5, () => called.push('second'));
  first.cancel();
  waiters.applied(5);
  assert.deepEqual(called, ['second']);
});
