import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { OrderedWork, type Slices } from './ordered-work.ts';

/** What is to be done in the next turn. */
let next: (() => void)[];
let done: string[];
let work: OrderedWork;

beforeEach(() => {
  next = [];
  done = [];
  work = new OrderedWork({
    clock: {
      monotonicMs: () => 0,
      wallMs: () => 0,
      schedule: (_delayMs, callback) => {
        next.push(callback);
        return { cancel: () => next.splice(next.indexOf(callback), 1) };
      },
    },
    busyChanged: (isBusy) => done.push(isBusy ? 'busy' : 'idle'),
    guard: (slice) => {
      try {
        slice();
      } catch (error) {
        done.push(String(error));
        work.stop();
      }
    },
  });
});

function small(name: string): void {
  work.take(() => {
    done.push(name);
    return null;
  });
}

function* slicesOf(name: string, count: number): Slices {
  for (let slice = 1; slice <= count; slice++) {
    if (slice > 1) yield;
    done.push(`${name}${slice}`);
  }
}

/** One turn of the event loop. */
function turn(): string {
  done = [];
  for (const callback of next.splice(0)) callback();
  return done.join(' ');
}

test('what is small is done in the turn in which it comes', () => {
  small('a');
  work.take(() => slicesOf('L', 1));
  small('b');
  assert.equal(done.join(' '), 'a L1 b');
});

test('what is large takes a turn a slice, and what comes behind it waits', () => {
  work.take(() => slicesOf('L', 3));
  small('a');
  work.take(() => slicesOf('M', 2));
  small('b');
  assert.equal(done.join(' '), 'L1 busy');
  assert.deepEqual([turn(), turn(), turn(), turn()], ['L2', 'L3 a M1', 'M2 b idle', '']);
  small('c');
  assert.equal(done.join(' '), 'c');
});

test('when it is stopped nothing more is done', () => {
  work.take(() => slicesOf('L', 3));
  small('a');
  work.stop();
  small('b');
  assert.equal(turn(), '');
});

test('what is thrown in a later turn comes to the guard, and what waits is not done', () => {
  work.take(function* () {
    yield;
    throw new Error('broken');
  });
  small('a');
  assert.equal(turn(), 'Error: broken');
  assert.equal(turn(), '');
});

test('C24: it is busy as long as something waits behind what was large', () => {
  const busy: boolean[] = [];
  work.take(() => slicesOf('L', 2));
  for (const name of ['a', 'b']) {
    work.take(() => {
      busy.push(work.isBusy);
      done.push(name);
      return null;
    });
  }
  assert.equal(turn(), 'L2 a b idle');
  assert.deepEqual(busy, [true, false], 'who looks in the turn of the first sees that the second is to come');
});
