import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Restarts } from './restarts.ts';

test('runs follow each other at once at first, then with a wait that doubles, and not for ever', () => {
  const restarts = new Restarts(3);
  const waits: (number | null)[] = [];
  for (let i = 0; i < 31; i++) waits.push(restarts.next(false));
  assert.deepEqual(waits.slice(0, 6), [0, 0, 0, 100, 200, 400]);
  assert.equal(waits[20], 10_000);
  assert.equal(waits[30], null);
});

test('a member that came ONLINE in between begins to count anew', () => {
  const restarts = new Restarts(3);
  for (let i = 0; i < 10; i++) restarts.next(false);
  restarts.cameOnline();
  assert.equal(restarts.next(false), 0);
});

test('a member that is expelled again and again before it came ONLINE stays out after so many tries', () => {
  const restarts = new Restarts(2);
  assert(restarts.rejoins);
  restarts.next(true);
  assert(restarts.rejoins, 'the second try');
  restarts.next(true);
  assert(!restarts.rejoins);
  restarts.wasTold();
  assert(restarts.rejoins);
  assert(!new Restarts(0).rejoins);
});

test('who may ask to be let in again often does so as often, each time after the longest wait', () => {
  const restarts = new Restarts(2016);
  for (let tries = 0; tries < 2016; tries++) {
    assert(restarts.rejoins);
    const wait = restarts.next(true);
    assert(wait !== null && (tries < 20 || wait === 10_000), `${tries}: ${wait}`);
    // Let in, it receives the state, and is expelled again.
    assert.notEqual(restarts.next(false), null);
    assert.notEqual(restarts.next(false), null);
  }
  assert(!restarts.rejoins);
});
