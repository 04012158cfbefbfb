import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import { TestCluster } from './testing/cluster.ts';
import { everyone, led, texts } from './testing/scenes.ts';

describe('broadcasts', () => {
  test('R19: a broadcast sent again after a change of leader is delivered once', () => {
    const cluster = led(3);
    cluster.propose(2, 'x');
    cluster.arrive(({ to, message: each }) => to === 0 && each.kind === 'propose');
    cluster.arriveAll(({ to, message: each }) => to === 1 && each.kind === 'append');
    cluster.sync(1);
    cluster.packets = [];
    cluster.crash(0);
    cluster.elect(1);
    cluster.settle();
    assert.ok(cluster.transcript.includes('  2 sends 1: propose 1:1 x'), 'it is sent again');
    assert.deepEqual(texts(cluster, 2), ['x']);
    assert.equal(cluster.core(2).status().pendingMessages, 0);
  });

  test('H15: duplicates, gaps and earlier incarnations are not appended', () => {
    const cluster = led(3);
    const payload = (text: string) =>
      ({ kind: 'message', isCompressed: false, payload: new TextEncoder().encode(text) }) as const;
    const from2 = (incarnation: number, firstNumber: number, ...contents: string[]) =>
      cluster.feed({
        from: 2,
        to: 0,
        message: { kind: 'propose', incarnation, firstNumber, payloads: contents.map(payload) },
      });
    from2(5, 2, 'gap');
    from2(5, 1, 'a', 'b');
    from2(5, 1, 'a', 'b', 'c');
    from2(5, 5, 'gap');
    from2(6, 2, 'gap');
    from2(6, 1, 'd');
    from2(5, 4, 'late');
    cluster.cut(0, 2);
    cluster.settle();
    assert.deepEqual(texts(cluster, 1), ['a', 'b', 'c', 'd']);
  });

  test('H15: what is known of each member survives a restart, below and above the point known to be chosen', () => {
    const cluster = led(3);
    for (const text of ['a', 'b', 'c']) cluster.propose(0, text);
    cluster.settle();
    for (const known of [2, 4]) {
      cluster.member(0).knownChosenUpTo = known;
      cluster.crash(0);
      cluster.start(0, 1);
      cluster.elect(0);
      cluster.feed({
        from: 2,
        to: 0,
        message: {
          kind: 'propose',
          incarnation: 1,
          firstNumber: 1,
          payloads: [{ kind: 'message', isCompressed: false, payload: new Uint8Array(1) }],
        },
      });
      everyone(cluster, 200);
      assert.deepEqual(texts(cluster, 0).slice(0, 3), ['a', 'b', 'c']);
    }
  });

  test('a member that is no leader ignores proposals, and they reach the leader when it is known', () => {
    const cluster = new TestCluster({ members: 3 });
    cluster.propose(1, 'early');
    cluster.propose(0, 'early too');
    assert.deepEqual(cluster.packets, []);
    cluster.elect(0);
    cluster.settle();
    assert.deepEqual(texts(cluster, 2), ['early too', 'early']);
  });

  test('a lost proposal is sent again after resendMs', () => {
    const cluster = led(3);
    cluster.propose(1, 'lost');
    cluster.packets = [];
    everyone(cluster, 400);
    assert.deepEqual(texts(cluster, 1), []);
    everyone(cluster, 200);
    assert.deepEqual(texts(cluster, 1), ['lost']);
  });

  test('own broadcasts are bounded until they are delivered', () => {
    const cluster = led(3, { pendingMessagesMax: 2 });
    cluster.propose(1, 'a');
    cluster.propose(1, 'b');
    assert.equal(cluster.core(1).canPropose(), false);
    assert.throws(() => cluster.propose(1, 'c'), InvariantViolation);
    cluster.settle();
    assert.equal(cluster.core(1).canPropose(), true);
  });

  test('H13: a stamp lies near the median of the clocks, whatever the clock of the leader says', () => {
    const cluster = led(3);
    const answer = (from: number, wallMs: number) =>
      cluster.feed({
        from,
        to: 0,
        message: { kind: 'append-answer', term: 1, matchedUpTo: 1, rejected: null, round: 0, ready: false, wallMs },
      });
    const ownMs = 1_700_000_000_000 + cluster.nowMs;
    const stamp = () => cluster.member(0).log.held.at(-1)!.stampMs;
    cluster.propose(0, 'agreed');
    assert.equal(stamp(), ownMs);
    answer(1, ownMs + 60_000);
    answer(2, ownMs + 90_000);
    cluster.propose(0, 'leader behind');
    assert.equal(stamp(), ownMs + 60_000 - 500);
    answer(1, ownMs - 60_000);
    answer(2, ownMs - 90_000);
    cluster.propose(0, 'leader ahead');
    assert.equal(stamp(), ownMs - 60_000 + 500);
  });

  test('H13: a leader whose clock jumps, and one that hears nobody any more, goes by what it heard before', () => {
    const cluster = led(3);
    const wallMs = 1_700_000_000_000 + cluster.nowMs;
    for (const from of [1, 2]) {
      const message = {
        kind: 'append-answer',
        term: 1,
        matchedUpTo: 1,
        rejected: null,
        round: 0,
        ready: false,
      } as const;
      cluster.feed({ from, to: 0, message: { ...message, wallMs } });
    }
    const stamp = () => cluster.member(0).log.held.at(-1)!.stampMs;
    cluster.wallAheadMs = 300_000;
    cluster.propose(0, 'jumped');
    assert.equal(stamp(), wallMs + 500);
    cluster.nowMs += 60_000;
    cluster.propose(0, 'alone');
    assert.equal(stamp(), wallMs + 60_000 + 500);
  });
});
