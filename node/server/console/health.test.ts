import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Group, WatchedMember } from './group-watch.js';
import { healthOf } from './health.js';

const nowMs = Date.parse('2026-11-20T03:00:00Z');
const address = '10.0.0.1:7001';
const open = { kind: 'open' } as const;

type Changes = Partial<Omit<WatchedMember, 'name'>>;

function memberAt(place: number, changes: Changes = {}): WatchedMember {
  const full = `10.0.0.${place + 1}:7001`;
  return {
    memberId: `id-${place + 1}`,
    name: { full, short: full, place },
    page: `http://${full}/`,
    url: `ws://${full}/v1`,
    isSelf: place === 0,
    state: 'ONLINE',
    role: 'PRIMARY',
    leads: false,
    isLearner: false,
    hasRoom: true,
    reaches: [],
    transfer: null,
    sinceMs: nowMs - 12_000,
    isSinceExact: true,
    stats: null,
    commitsPerSecond: 100,
    conflictsPerSecond: 0,
    behind: { transactions: 0, ms: 0 },
    ...changes,
  };
}

function groupOf(members: readonly WatchedMember[], changes: Partial<Group> = {}): Group {
  return {
    members,
    names: new Map(members.map(({ memberId, name }) => [memberId, name])),
    appliedUpTo: 5000,
    commitsPerSecond: 12_345,
    conflictsPerSecond: 3,
    latencyMs: null,
    digests: { kind: 'equal', upTo: 4321, seenMs: nowMs - 1_000 },
    viewId: 'view',
    ...changes,
  };
}

function threeWith(changes: Changes, ...more: Changes[]): readonly WatchedMember[] {
  const all = [changes, ...more];
  return [0, 1, 2].map((place) => memberAt(place, all[place - (3 - all.length)] ?? {}));
}

const health = (group: Group) => healthOf({ connection: open, group, address, nowMs });

describe('health in words', () => {
  test('a full disk says what still works, and what to do', () => {
    const { level, headline, details } = health(groupOf(threeWith({ hasRoom: false })));
    assert.equal(level, 'attention');
    assert.equal(headline, 'Member 10.0.0.3:7001 has a full disk: it answers reads only');
    assert.match(details[0]!, /Make room there/);
  });

  test('a learner counts for no majority', () => {
    const members = [...threeWith({ state: 'UNREACHABLE' }, { isLearner: true, state: 'RECOVERING' })];
    const { headline } = health(groupOf(members));
    assert.match(headline, /No majority: 1 of 2 members reached from here/);
  });

  test('all well is one sentence, and nothing more', () => {
    const { level, headline, details, spoken } = health(groupOf(threeWith({})));
    assert.equal(headline, 'All 3 members are ONLINE, 12,345 commits/s, data equal at 4,321');
    assert.deepEqual([level, details, spoken], ['good', [], 'All 3 members are ONLINE.']);
  });

  test('what is not known is not claimed', () => {
    const quiet = groupOf(threeWith({}), { digests: { kind: 'unknown' }, commitsPerSecond: null });
    assert.equal(health(quiet).headline, 'All 3 members are ONLINE, commits/s not known yet');
    assert.equal(
      health(groupOf(threeWith({}), { commitsPerSecond: 0 })).headline,
      'All 3 members are ONLINE, no commits at present, data equal at 4,321',
    );
    const compared = { kind: 'equal', upTo: 4321, seenMs: nowMs - 60_000 } as const;
    assert.equal(
      health(groupOf(threeWith({}), { digests: compared })).headline,
      'All 3 members are ONLINE, 12,345 commits/s',
      'a comparison of a minute ago says nothing of now',
    );
    const alone = groupOf([memberAt(0)], { appliedUpTo: 0, commitsPerSecond: 0, digests: { kind: 'unknown' } });
    assert.equal(health(alone).headline, 'The only member is ONLINE, no commits yet');
  });

  test('an unreachable member: since when, whether the group goes on, and what one more would mean', () => {
    const { level, headline, details, spoken } = health(groupOf(threeWith({ state: 'UNREACHABLE' })));
    assert.equal(level, 'attention');
    assert.equal(headline, 'Member 10.0.0.3:7001 has been unreachable for 12 s; the group goes on with 2 of 3');
    assert.equal(details[0], 'If one more goes, nothing can commit: 2 of 3 are needed.');
    assert.equal(spoken, 'Member 10.0.0.3:7001 is unreachable; the group goes on with 2 of 3.');
  });

  test('of five, two may go before anybody is warned of the next', () => {
    const members = [0, 1, 2, 3, 4].map((place) => memberAt(place, place === 4 ? { state: 'UNREACHABLE' } : {}));
    assert.doesNotMatch(health(groupOf(members)).details.join(), /one more/);
  });

  test('a state that was there before anybody looked has lasted at least so long', () => {
    const members = threeWith({ state: 'UNREACHABLE', isSinceExact: false });
    assert.match(health(groupOf(members)).headline, /unreachable for at least 12 s/);
  });

  test('without a majority nothing can commit, and that comes first', () => {
    const { level, headline, details } = health(groupOf(threeWith({ state: 'UNREACHABLE' }, { state: 'UNREACHABLE' })));
    assert.equal(level, 'bad');
    assert.equal(headline, 'No majority: 1 of 3 members reached from here, so nothing can commit');
    assert.match(
      details.join('\n'),
      /10\.0\.0\.2:7001 has been unreachable.*\n.*10\.0\.0\.3:7001 has been unreachable/,
    );
    assert.doesNotMatch(details.join('\n'), /goes on with|one more/);
  });

  test('data that differ come before everything else', () => {
    const digests = { kind: 'different', at: 4000, memberIds: ['id-2'], isMinority: true } as const;
    const members = threeWith({ state: 'UNREACHABLE' }, { state: 'UNREACHABLE' });
    const { level, headline } = health(groupOf(members, { digests }));
    assert.deepEqual([level, headline], ['bad', 'The data of 10.0.0.2:7001 differ from the others’ at 4,000']);
    const split = { kind: 'different', at: 4000, memberIds: ['id-1', 'id-2', 'id-3'], isMinority: false } as const;
    assert.match(
      health(groupOf(threeWith({}), { digests: split })).headline,
      /^The data of 10\.0\.0\.1:7001, 10\.0\.0\.2:7001 and 10\.0\.0\.3:7001 differ from each other/,
    );
  });

  test('a member that stopped serving, catches up, or lags is named', () => {
    const first = (changes: Changes) => health(groupOf(threeWith(changes)));
    assert.deepEqual(
      [first({ state: 'ERROR' }).level, first({ state: 'ERROR' }).headline],
      ['bad', 'Member 10.0.0.3:7001 has stopped serving: ERROR'],
    );
    const recovering = first({ state: 'RECOVERING', behind: { transactions: 1234, ms: null } });
    assert.equal(
      recovering.headline,
      'Member 10.0.0.3:7001 is catching up (RECOVERING), 1,234 transactions behind, for 12 s',
    );
    assert.equal(
      first({ behind: { transactions: 9000, ms: 6_000 } }).headline,
      'Member 10.0.0.3:7001 is 9,000 transactions (6 s) behind',
    );
    assert.equal(first({ behind: { transactions: 9000, ms: 4_000 } }).level, 'good');
  });

  test('a page whose member is gone says so, as of when, and where to go on', () => {
    const group = groupOf(threeWith({}));
    const lost = healthOf({ connection: { kind: 'lost', sinceMs: nowMs - 65_000 }, group, address, nowMs });
    assert.equal(lost.headline, 'This page’s member, 10.0.0.1:7001, has not answered for 1 min 5 s');
    assert.equal(lost.level, 'bad');
    assert.ok(lost.offersOtherMembers);
    // What is read out stays the same while the seconds go by.
    const later = healthOf({ connection: { kind: 'lost', sinceMs: nowMs - 66_000 }, group, address, nowMs });
    assert.equal(later.spoken, lost.spoken);
  });

  test('a page that finds nobody says so after a while', () => {
    const after = (ms: number) =>
      healthOf({ connection: { kind: 'connecting', sinceMs: nowMs - ms }, group: null, address, nowMs });
    assert.deepEqual([after(100).level, after(100).headline], ['waiting', 'Connecting to 10.0.0.1:7001…']);
    assert.deepEqual([after(5_000).level, after(5_000).headline], ['bad', 'No member answers at 10.0.0.1:7001']);
  });

  test('a member without a group says what it waits for', () => {
    assert.match(health(groupOf([])).headline, /waits for its group to be formed/);
  });
});
