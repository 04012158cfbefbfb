import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MemberRow, MemberStatsRow } from '../../engine/replica.ts';
import { GroupWatch } from './group-watch.js';

const startMs = 1_000_000;

function rowOf(memberId: string, state: MemberRow['state'] = 'ONLINE'): MemberRow {
  const port = 7000 + Number(memberId);
  const reachable = state !== 'UNREACHABLE';
  const role = state === 'ONLINE' ? 'PRIMARY' : 'SECONDARY';
  return {
    memberId,
    host: '127.0.0.1',
    port,
    state,
    role,
    version: '1',
    viewId: 'v',
    weight: 50,
    reachable,
    leads: false,
    learner: false,
    hasRoom: true,
    claims: false,
    reaches: [],
    transfer: null,
  };
}

function statsOf(memberId: string, figures: Partial<MemberStatsRow> = {}): MemberStatsRow {
  return {
    memberId,
    viewId: 'v',
    countTransactionsInQueue: 0,
    countTransactionsChecked: 0,
    countConflictsDetected: 0,
    countTransactionsRowsValidating: 0,
    transactionsCommittedAllMembers: 0,
    lastConflictFreeTransaction: null,
    countTransactionsRemoteInApplierQueue: 0,
    countTransactionsRemoteApplied: 0,
    countTransactionsLocalProposed: 0,
    countTransactionsLocalRollback: 0,
    countConflictsLocal: 0,
    appliedUpTo: 0,
    purgeFloor: 0,
    digest: 'none',
    digestEqualUpTo: 0,
    past: { from: 0, fromTime: null, transactions: 0, versions: 0, bytes: 0 },
    commitLatencyMs: { count: 0, p50: 0, p95: 0, p99: 0, max: 0, layers: { l2Ms: 0, l1Ms: 0, l0Ms: 0 } },
    ...figures,
  };
}

describe('a watched group', () => {
  test('commits are counted at the member that executed them, conflicts at the one that lost', () => {
    const watch = new GroupWatch();
    const members = [rowOf('1'), rowOf('2')];
    // Of 90 a second, 60 are executed at member 1 and 30 at member 2; 4 a second are refused at member 2,
    // one of them before the group was asked.
    const at = (second: number) => {
      const appliedUpTo = 90 * second;
      const one = statsOf('1', { appliedUpTo, countTransactionsRemoteApplied: 30 * second });
      const two = statsOf('2', {
        appliedUpTo,
        countTransactionsRemoteApplied: 60 * second,
        countTransactionsLocalRollback: 3 * second,
        countConflictsLocal: second,
      });
      return watch.take({ members, memberStats: [one, two], selfId: '1' }, startMs + 1000 * second);
    };
    assert.equal(at(0).commitsPerSecond, null);
    const group = at(1);
    assert.deepEqual(
      group.members.map(({ commitsPerSecond, conflictsPerSecond }) => [commitsPerSecond, conflictsPerSecond]),
      [
        [60, 0],
        [30, 4],
      ],
    );
    assert.deepEqual([group.commitsPerSecond, group.conflictsPerSecond], [90, 4]);
  });

  test('a restarted member makes no leap in the rates', () => {
    const watch = new GroupWatch();
    const take = (second: number, state: MemberRow['state'], figures: Partial<MemberStatsRow>) => {
      const answer = { members: [rowOf('1', state)], memberStats: [statsOf('1', figures)], selfId: '2' };
      return watch.take(answer, startMs + 1000 * second).commitsPerSecond;
    };
    take(0, 'ONLINE', { appliedUpTo: 5000, countTransactionsRemoteApplied: 4000 });
    assert.equal(take(1, 'ONLINE', { appliedUpTo: 5010, countTransactionsRemoteApplied: 4000 }), 10);
    assert.equal(take(2, 'UNREACHABLE', { appliedUpTo: 5010, countTransactionsRemoteApplied: 4000 }), null);
    assert.equal(take(3, 'RECOVERING', { appliedUpTo: 5010 }), null);
    assert.equal(take(4, 'ONLINE', { appliedUpTo: 6000, countTransactionsRemoteApplied: 990 }), null);
    assert.equal(take(5, 'ONLINE', { appliedUpTo: 6020, countTransactionsRemoteApplied: 1000 }), 10);
  });

  test('since when a member is in its state is exact if the change was seen', () => {
    const watch = new GroupWatch();
    const look = (atMs: number, state: MemberRow['state']) => {
      const answer = { members: [rowOf('1', state)], memberStats: [], selfId: '1' };
      const { sinceMs, isSinceExact } = watch.take(answer, atMs).members[0]!;
      return [sinceMs, isSinceExact];
    };
    assert.deepEqual(look(1_000, 'UNREACHABLE'), [1_000, false]);
    assert.deepEqual(look(2_000, 'UNREACHABLE'), [1_000, false]);
    assert.deepEqual(look(3_000, 'ONLINE'), [3_000, true]);
    assert.deepEqual(look(90_000, 'UNREACHABLE'), [90_000, false], 'nobody looked for over a minute');
  });

  test('figures that are half a second old are no lag; standing still while others go on is', () => {
    const watch = new GroupWatch();
    const look = (second: number, one: number, two: number) => {
      const memberStats = [statsOf('1', { appliedUpTo: one }), statsOf('2', { appliedUpTo: two })];
      const answer = { members: [rowOf('1'), rowOf('2')], memberStats, selfId: '1' };
      return watch.take(answer, startMs + 1000 * second).members[1]!.behind;
    };
    for (let second = 0; second < 10; second++) {
      assert.deepEqual(look(second, 1000 * second + 1000, 1000 * second + 500), { transactions: 0, ms: 0 });
    }
    for (let second = 10; second < 20; second++) look(second, 1000 * second + 1000, 9_500);
    assert.deepEqual(look(20, 21_000, 9_500), { transactions: 11_500, ms: 11_000 });
  });

  test('the latency shown is that of the slowest member; one that answered no commit has none', () => {
    const watch = new GroupWatch();
    const latency = (p50: number, p95: number, p99: number, count = 10) => ({
      count,
      p50,
      p95,
      p99,
      max: p99,
      layers: { l2Ms: p50, l1Ms: 0, l0Ms: 0 },
    });
    const members = ['1', '2', '3', '4'].map((id) => rowOf(id, id === '4' ? 'UNREACHABLE' : 'ONLINE'));
    const memberStats = [
      statsOf('1', { commitLatencyMs: latency(1, 5, 20) }),
      statsOf('2', { commitLatencyMs: latency(2, 4, 30) }),
      statsOf('3', { commitLatencyMs: latency(0, 0, 0, 0) }),
      statsOf('4', { commitLatencyMs: latency(100, 200, 300) }),
    ];
    assert.deepEqual(watch.take({ members, memberStats, selfId: '1' }, startMs).latencyMs, { p50: 2, p95: 5, p99: 30 });
    assert.equal(new GroupWatch().take({ members, memberStats: [], selfId: '1' }, startMs).latencyMs, null);
  });

  test('members that are not heard are not compared', () => {
    const watch = new GroupWatch();
    const members = [rowOf('1'), rowOf('2'), rowOf('3', 'UNREACHABLE')];
    const memberStats = [
      statsOf('1', { appliedUpTo: 9, digest: 'x' }),
      statsOf('2', { appliedUpTo: 9, digest: 'x' }),
      statsOf('3', { appliedUpTo: 5, digest: 'old' }),
    ];
    const { digests } = watch.take({ members, memberStats, selfId: '1' }, startMs);
    assert.deepEqual(digests, { kind: 'equal', upTo: 9, seenMs: startMs });
  });

  test('what the members have compared themselves counts as equal, also while they run on', () => {
    const watch = new GroupWatch();
    const members = [rowOf('1'), rowOf('2'), rowOf('3')];
    const memberStats = [
      statsOf('1', { appliedUpTo: 90, digest: 'x', digestEqualUpTo: 90 }),
      statsOf('2', { appliedUpTo: 80, digest: 'y', digestEqualUpTo: 75 }),
      statsOf('3', { appliedUpTo: 70, digest: 'z', digestEqualUpTo: 60 }),
    ];
    const { digests } = watch.take({ members, memberStats, selfId: '1' }, startMs);
    assert.deepEqual(digests, { kind: 'equal', upTo: 60, seenMs: startMs });
  });

  test('a page off this machine is linked by address, one that listens everywhere not at all', () => {
    const members = [rowOf('1'), { ...rowOf('2'), host: '0.0.0.0' }, { ...rowOf('3'), host: 'fe80::1' }];
    const { members: watched } = new GroupWatch().take({ members, memberStats: [], selfId: '1' }, startMs);
    assert.deepEqual(
      watched.map(({ page, url }) => [page, url]),
      [
        ['http://127.0.0.1:7001/', 'ws://127.0.0.1:7001/v1'],
        [null, null],
        ['http://[fe80::1]:7003/', 'ws://[fe80::1]:7003/v1'],
      ],
    );
  });
});
