import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LeaderFacts, LeaderWatch } from './leader-watch.ts';

const STUCK = { hasLeader: false, claim: { term: 3, index: 70 }, members: 3, heard: 3, claiming: 3 } as const;
const look = (watch: LeaderWatch, nowMs: number, facts: Partial<LeaderFacts> = {}): string | null =>
  watch.look({ nowMs, ...STUCK, ...facts });

test('that nobody can lead is told once, after some seconds, with what to do', () => {
  const watch = new LeaderWatch();
  assert.deepEqual([look(watch, 0), look(watch, 4999)], [null, null]);
  assert.match(look(watch, 5000)!, /up to index 70 of term 3; so it is with 3 of the 3 members heard.*restore/);
  assert.equal(look(watch, 60_000), null);
});

test('where members are down they are to be started', () => {
  const watch = new LeaderWatch();
  look(watch, 0, { heard: 2, claiming: 1 });
  assert.match(look(watch, 5000, { heard: 2, claiming: 1 })!, /start the members that are down/);
});

test('as long as there is a leader, or this member could be one, nothing is told; afterwards the time counts anew', () => {
  const watch = new LeaderWatch();
  look(watch, 0);
  assert.equal(look(watch, 6000, { hasLeader: true }), null);
  assert.deepEqual([look(watch, 7000), look(watch, 11_000)], [null, null]);
  assert.equal(look(watch, 12_000, { claim: null }), null);
  assert.deepEqual([look(watch, 13_000), look(watch, 17_000), look(watch, 18_000) === null], [null, null, false]);
});
