import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBatch, encodeBatch } from '../../../certifier/index.ts';
import type { CommitTime } from '../../../certifier/types.ts';
import { ManualClock } from '../testing/solo-replica.ts';
import { TimeWaiters } from './time-waiters.ts';

const at = (physicalMs: number, logical = 0): CommitTime => ({ physicalMs, logical });

function setup() {
  const clock = new ManualClock();
  const proposed: (() => void)[] = [];
  let reached: CommitTime | null = at(0);
  const waiters = new TimeWaiters({
    clock,
    reached: () => reached,
    propose: (encoded, _deadlineMs, answered) => {
      const batch = decodeBatch(encodeBatch([encoded]));
      assert.deepEqual(batch, { kind: 'batch', messages: [{ kind: 'time-mark' }] });
      proposed.push(answered);
    },
  });
  return {
    clock,
    waiters,
    proposed,
    /** A record is delivered, stamped so. */
    stamped: (time: CommitTime) => {
      reached = time;
      waiters.look();
    },
  };
}

test('who waits is told once time has come to what it names, and nothing is ordered for what has come', () => {
  const { waiters, proposed, stamped } = setup();
  stamped(at(100, 2));
  const done: string[] = [];
  waiters.add(at(100, 2), () => done.push('here'));
  assert.deepEqual([done, proposed.length, waiters.size], [['here'], 0, 0]);
  for (const ms of [300, 200, 101]) waiters.add(at(ms), () => done.push(`${ms}`));
  assert.equal(proposed.length, 1, 'one mark for all');
  stamped(at(101));
  stamped(at(250));
  assert.deepEqual(done, ['here', '101', '200']);
  stamped(at(300, 1));
  assert.deepEqual([done.at(-1), waiters.size], ['300', 0]);
});

test('a mark that came too early, or was refused, is followed by another one when it is time; the last waiter ends that', () => {
  const { clock, waiters, proposed, stamped } = setup();
  stamped(at(1000));
  const waiter = waiters.add(at(1200), () => assert.fail('time has not come'));
  proposed[0]!();
  clock.advance(200);
  assert.equal(proposed.length, 1);
  clock.advance(1);
  assert.equal(proposed.length, 2);
  // Refused, for want of a quorum; one that asks meanwhile for a later time does not have it ordered at once.
  proposed[1]!();
  waiters.add(at(1300), () => {}).cancel();
  assert.equal(proposed.length, 2);
  clock.advance(201);
  assert.equal(proposed.length, 3);
  proposed[2]!();
  waiter.cancel();
  assert.deepEqual([clock.scheduled, waiters.size], [0, 0]);
  stamped(at(5000));
  assert.equal(proposed.length, 3);
});

test('who asks for an earlier time than those that wait has a mark ordered at once, and the others have theirs later', () => {
  const { clock, waiters, proposed, stamped } = setup();
  const done: string[] = [];
  stamped(at(1000));
  waiters.add(at(31_000), () => done.push('far'));
  proposed[0]!();
  clock.advance(500);
  assert.equal(proposed.length, 1);
  waiters.add(at(1400), () => done.push('near'));
  assert.equal(proposed.length, 2);
  waiters.add(at(1300), () => done.push('nearer'));
  assert.equal(proposed.length, 2, 'one at a time');
  stamped(at(1500));
  assert.deepEqual(done, ['near', 'nearer']);
  proposed[1]!();
  clock.advance(999);
  assert.equal(proposed.length, 2);
  clock.advance(1);
  assert.equal(proposed.length, 3);
});
