import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import type { Append, AppendAnswer, PeerMessage } from './peer-message.ts';
import { MemoryLog, type Packet, TestCluster, textOf } from './testing/cluster.ts';
import { appendOf, diskWith, message, noop } from './testing/entries.ts';

function led(members: number, options: ConstructorParameters<typeof TestCluster>[0]['options'] = {}): TestCluster {
  const cluster = new TestCluster({ members, options });
  cluster.elect(0);
  cluster.settle();
  cluster.elapse(75, ...cluster.members.map(({ ordinal }) => ordinal));
  cluster.settle();
  return cluster;
}

function texts(cluster: TestCluster, ordinal: number): string[] {
  return cluster.member(ordinal).delivered.map(textOf);
}

function everyone(cluster: TestCluster, ms: number): void {
  const running = cluster.members.filter(({ core }) => core !== null).map(({ ordinal }) => ordinal);
  for (let passed = 0; passed < ms; passed += 25) {
    cluster.elapse(25, ...running);
    cluster.settle();
  }
}

function sent(packets: readonly Packet[], kind: PeerMessage['kind']): Packet[] {
  return packets.filter((packet) => packet.message.kind === kind);
}

describe('what is promised is durable (R1)', () => {
  test('R1: a candidate asks for votes only when its term and its own vote are durable', () => {
    const cluster = new TestCluster({ members: 3 });
    while (cluster.core(0).status().role !== 'candidate') {
      cluster.elapse(25, 0);
      cluster.arriveAll(() => true);
    }
    assert.deepEqual(cluster.packets, []);
    cluster.sync(0);
    assert.equal(sent(cluster.packets, 'vote-request').length, 2);
  });

  test('R1: a vote is granted aloud only when it is durable, and a crash before that leaves it ungiven', () => {
    const cluster = new TestCluster({ members: 3 });
    const request = { kind: 'vote-request', term: 1, preVote: false, lastIndex: 0, lastTerm: 0 } as const;
    assert.deepEqual(cluster.feed({ from: 0, to: 1, message: request }).send, []);
    cluster.crash(1);
    cluster.start(1);
    assert.deepEqual(cluster.feed({ from: 2, to: 1, message: request }).send, []);
    cluster.sync(1);
    assert.deepEqual(
      cluster.packets.map(({ to, message: answer }) => [to, answer.kind === 'vote-answer' && answer.granted]),
      [[2, true]],
    );
  });

  test('a vote of an earlier term makes nobody leader in a later one', () => {
    const cluster = new TestCluster({ members: 5 });
    const vote = (term: number, preVote = false) =>
      ({ kind: 'vote-answer', term, preVote, granted: true, wallMs: 0 }) as const;
    const stand = (): void => {
      do cluster.elapse(25, 0);
      while (cluster.core(0).status().role !== 'pre-candidate');
      const { term } = cluster.core(0).status();
      for (const from of [1, 2]) cluster.feed({ from, to: 0, message: vote(term + 1, true) });
      assert.equal(cluster.core(0).status().role, 'candidate');
      cluster.sync(0);
    };
    stand();
    const earlier = cluster.core(0).status().term;
    cluster.feed({ from: 1, to: 0, message: vote(earlier) });
    stand();
    const later = cluster.core(0).status().term;
    assert.ok(later > earlier);
    for (const from of [1, 2, 3, 4]) cluster.feed({ from, to: 0, message: vote(earlier) });
    assert.equal(cluster.core(0).status().role, 'candidate');
    for (const from of [1, 2]) cluster.feed({ from, to: 0, message: vote(later) });
    assert.equal(cluster.core(0).status().role, 'leader');
  });

  test('R1: a vote that was given is remembered after a restart', () => {
    const cluster = new TestCluster({ members: 3 });
    const request = { kind: 'vote-request', term: 1, preVote: false, lastIndex: 0, lastTerm: 0 } as const;
    cluster.feed({ from: 0, to: 1, message: request });
    cluster.sync(1);
    cluster.crash(1);
    cluster.start(1);
    const [answer] = cluster.feed({ from: 2, to: 1, message: request }).send;
    assert.equal(answer?.message.kind === 'vote-answer' && answer.message.granted, false);
  });

  test('R1: a follower answers for entries only when they are durable', () => {
    const cluster = led(3);
    cluster.propose(0, 'x');
    cluster.arriveAll(({ to }) => to === 1);
    assert.deepEqual(sent(cluster.packets, 'append-answer'), []);
    cluster.sync(1);
    const [answer] = sent(cluster.packets, 'append-answer');
    assert.equal((answer!.message as AppendAnswer).matchedUpTo, 2);
  });

  test('a leader sends before its own disk has the entry, and an entry can be chosen without that disk', () => {
    const cluster = led(3);
    cluster.propose(0, 'x');
    cluster.arriveAll(({ to }) => to !== 0);
    cluster.sync(1);
    cluster.arriveAll(() => true);
    assert.equal(cluster.core(0).status().chosenUpTo, 1);
    cluster.sync(2);
    cluster.arriveAll(() => true);
    assert.equal(cluster.core(0).status().chosenUpTo, 2);
    assert.deepEqual(texts(cluster, 0), [], 'nothing is delivered that is not durable here');
    cluster.sync(0);
    assert.deepEqual(texts(cluster, 0), ['x']);
  });
});

describe('elections', () => {
  test('a vote goes to a log that is at least as far: by last term first, then by last index', () => {
    const outcomes = [
      [2, 2, true],
      [1, 3, true],
      [1, 2, false],
      [9, 1, false],
    ] as const;
    for (const [lastIndex, lastTerm, expected] of outcomes) {
      const cluster = new TestCluster({
        members: 3,
        disks: [new MemoryLog(), diskWith(2, null, noop(1, 1), noop(2, 2))],
      });
      for (const preVote of [true, false]) {
        const effects = cluster.feed({
          from: 0,
          to: 1,
          message: { kind: 'vote-request', term: 4, preVote, lastIndex, lastTerm },
        });
        if (effects.send.length === 0) cluster.sync(1);
        const answer = cluster.packets.at(-1)!.message;
        assert.equal(answer.kind === 'vote-answer' && answer.granted, expected, `${lastIndex}@${lastTerm}`);
      }
    }
  });

  test('R5: a member cut off for long raises no term and deposes nobody when it comes back', () => {
    const cluster = led(3);
    cluster.cut(0, 2);
    cluster.cut(1, 2);
    everyone(cluster, 5_000);
    assert.equal(cluster.core(2).status().role, 'pre-candidate');
    cluster.heal(0, 2);
    cluster.heal(1, 2);
    everyone(cluster, 2_000);
    const { role, term } = cluster.core(0).status();
    assert.deepEqual([role, term], ['leader', 1]);
    assert.equal(cluster.core(2).status().leader, 0);
  });

  test('R5: with one link of three broken, the leader stays and the third member does not disturb it', () => {
    const cluster = led(3);
    cluster.cut(0, 2);
    everyone(cluster, 5_000);
    const { role, term } = cluster.core(0).status();
    assert.deepEqual([role, term], ['leader', 1]);
    cluster.propose(1, 'x');
    cluster.settle();
    assert.deepEqual(texts(cluster, 1), ['x']);
  });

  test('R5: a leader that hears no majority has no quorum and steps down, and the others elect one', () => {
    const cluster = led(3);
    cluster.cut(0, 1, false);
    cluster.cut(0, 2, false);
    everyone(cluster, 600);
    assert.equal(cluster.core(0).status().hasQuorum, false);
    everyone(cluster, 100);
    assert.notEqual(cluster.core(0).status().role, 'leader');
    everyone(cluster, 2_000);
    const leaders = cluster.members.filter(({ core }) => core!.status().role === 'leader');
    assert.equal(leaders.length, 1);
    assert.equal(leaders[0]!.core!.status().hasQuorum, true);
  });

  test('a closed link to the leader hurries its follower to a pre-vote within 300 ms', () => {
    const cluster = led(3);
    cluster.crash(0);
    everyone(cluster, 325);
    const roles = [1, 2].map((ordinal) => cluster.core(ordinal).status().role);
    assert.ok(roles.includes('leader'), roles.join());
  });

  test('a follower that hears its leader refuses pre-votes and ignores votes', () => {
    const cluster = led(3);
    const request = { kind: 'vote-request', term: 7, preVote: true, lastIndex: 9, lastTerm: 6 } as const;
    const [answer] = cluster.feed({ from: 2, to: 1, message: request }).send;
    assert.equal(answer?.message.kind === 'vote-answer' && answer.message.granted, false);
    assert.deepEqual(cluster.feed({ from: 2, to: 1, message: { ...request, preVote: false } }).send, []);
    assert.equal(cluster.core(1).status().term, 1);
  });

  test('R20: a leader that slept wakes without a quorum, its appends are refused, and it follows', () => {
    const cluster = led(3);
    for (const other of [1, 2]) cluster.cut(0, other, false);
    for (let passed = 0; passed < 3_000; passed += 25) {
      cluster.elapse(25, 1, 2);
      cluster.settle();
    }
    for (const other of [1, 2]) cluster.heal(0, other);
    cluster.packets = [];
    assert.equal(cluster.core(0).status().hasQuorum, false);
    cluster.propose(0, 'late');
    assert.equal(cluster.core(0).status().role, 'leader');
    cluster.settle();
    assert.equal(cluster.core(0).status().role, 'follower');
    everyone(cluster, 1_500);
    for (const { ordinal } of cluster.members) assert.deepEqual(texts(cluster, ordinal), ['late']);
  });

  test('R24: a member that stood still does not hold its own silence against the others, but only once in a row', () => {
    const cluster = led(3);
    cluster.nowMs += 2_000;
    cluster.step(0, { kind: 'tick' });
    cluster.step(1, { kind: 'tick' });
    assert.equal(cluster.core(0).status().role, 'leader');
    assert.equal(cluster.core(1).status().role, 'follower');
    cluster.nowMs += 2_000;
    cluster.step(0, { kind: 'tick' });
    cluster.step(1, { kind: 'tick' });
    assert.equal(cluster.core(0).status().role, 'follower');
    assert.equal(cluster.core(1).status().role, 'pre-candidate');
  });

  test('R21: a single member leads itself, and what it broadcasts is chosen as soon as it is durable', () => {
    const cluster = new TestCluster({ members: 1 });
    cluster.step(0, { kind: 'tick' });
    cluster.settle();
    cluster.propose(0, 'x');
    assert.deepEqual(texts(cluster, 0), []);
    cluster.sync(0);
    assert.deepEqual(texts(cluster, 0), ['x']);
    const { caughtUp, hasQuorum, receivedByAll } = cluster.core(0).status();
    assert.deepEqual([caughtUp, hasQuorum, receivedByAll], [true, true, 2]);
  });

  test('R21: when all members restart together, the group comes back with what was chosen', () => {
    const cluster = led(3);
    cluster.propose(2, 'x');
    cluster.settle();
    for (const { ordinal } of cluster.members) cluster.crash(ordinal);
    cluster.packets = [];
    for (const { ordinal } of cluster.members) cluster.start(ordinal);
    assert.equal(cluster.core(0).status().caughtUp, false);
    everyone(cluster, 3_000);
    for (const { ordinal, core } of cluster.members) {
      assert.deepEqual(texts(cluster, ordinal), ['x']);
      assert.equal(core!.status().caughtUp, true);
    }
  });

  test('R23: a term or an index beyond 2^53 - 1 is never used', () => {
    const cluster = new TestCluster({ members: 1, disks: [diskWith(Number.MAX_SAFE_INTEGER, null)] });
    assert.throws(() => cluster.step(0, { kind: 'tick' }), InvariantViolation);
    const next = new TestCluster({ members: 1, disks: [diskWith(Number.MAX_SAFE_INTEGER - 1, null)] });
    next.step(0, { kind: 'tick' });
    next.settle();
    assert.equal(next.core(0).status().term, Number.MAX_SAFE_INTEGER);
  });
});

describe('the log', () => {
  test('R11: an entry that is chosen is never cut, whoever asks', () => {
    const cluster = led(3);
    const conflicting = appendOf({ term: 9, entries: [noop(1, 9)] });
    assert.throws(() => cluster.feed({ from: 2, to: 1, message: conflicting }), InvariantViolation);
  });

  test('two leaders of one term are an error of the program, not of the network', () => {
    const cluster = led(3);
    assert.throws(() => cluster.feed({ from: 2, to: 1, message: appendOf({ term: 1 }) }), InvariantViolation);
    assert.throws(() => cluster.feed({ from: 2, to: 0, message: appendOf({ term: 1 }) }), InvariantViolation);
  });

  test('R18: a new leader keeps what its log holds and puts its noop behind it', () => {
    const x = message({ index: 2, term: 1 }, { origin: 2, messageNumber: 1 }, 'x');
    const cluster = new TestCluster({
      members: 3,
      disks: [diskWith(1, null, noop(1, 1), x), diskWith(1, null, noop(1, 1)), diskWith(1, null)],
    });
    cluster.elect(0);
    const established = () => sent(cluster.packets, 'append').map((packet) => (packet.message as Append).established);
    assert.deepEqual(established(), [false, false], 'it does not know yet what was chosen before it');
    cluster.settle();
    assert.deepEqual(cluster.chosen.map(textOf), ['noop', 'x', 'noop']);
    for (const { ordinal } of cluster.members) assert.deepEqual(texts(cluster, ordinal), ['x']);
  });

  test('a follower whose log parted long ago is found by whole terms, not entry by entry', () => {
    const ours = [noop(1, 1), ...Array.from({ length: 40 }, (_, i) => noop(i + 2, 5))];
    const theirs = [noop(1, 1), ...Array.from({ length: 40 }, (_, i) => noop(i + 2, i < 20 ? 2 : 3))];
    const cluster = new TestCluster({ members: 3, disks: [diskWith(5, null, ...ours), diskWith(5, null, ...theirs)] });
    cluster.elect(0);
    cluster.settle();
    assert.equal(cluster.core(1).status().lastIndex, 42);
    const rejections = cluster.transcript.filter((line) => line.includes('1 sends 0: rejected'));
    assert.ok(rejections.length <= 3, rejections.join('\n'));
  });

  test('R22: what a silent peer has in flight is bounded, and it catches up from where it was', () => {
    const cluster = led(3, { windowMessagesMax: 3 });
    for (let i = 0; i < 50; i++) cluster.propose(0, `m${i}`);
    assert.equal(sent(cluster.packets, 'append').filter(({ to }) => to === 2).length, 3);
    everyone(cluster, 500);
    assert.equal(texts(cluster, 2).length, 50);
  });

  test('R22: the window is bounded in bytes, too', () => {
    const cluster = led(3, { windowBytesMax: 1000 });
    for (let i = 0; i < 50; i++) cluster.propose(0, 'x'.repeat(400));
    assert.equal(sent(cluster.packets, 'append').filter(({ to }) => to === 2).length, 3);
  });

  test('an append is bounded in entries and bytes, and one step sends a peer at most one', () => {
    const cluster = new TestCluster({ members: 3, options: { appendEntriesMax: 4, appendBytesMax: 300 } });
    cluster.propose(0, 'large'.repeat(100));
    for (let i = 0; i < 30; i++) cluster.propose(0, `m${i}`);
    cluster.elect(0);
    cluster.settle();
    everyone(cluster, 500);
    assert.equal(texts(cluster, 1).length, 31);
    for (const line of cluster.transcript.filter((each) => each.includes('0 sends 1: append'))) {
      assert.ok(line.split('=').length - 1 <= 4, line);
    }
  });

  test('a lost append shows up at the next one and is sent again', () => {
    const cluster = led(3);
    cluster.propose(0, 'lost');
    cluster.packets = [];
    cluster.propose(0, 'next');
    cluster.settle();
    assert.deepEqual(texts(cluster, 2), ['lost', 'next']);
  });

  test('old entries are read back from the disk when a peer needs them', () => {
    const cluster = led(3, { tailBytesMax: 1 });
    cluster.crash(2);
    for (let i = 0; i < 20; i++) cluster.propose(0, `m${i}`);
    cluster.settle();
    cluster.start(2);
    everyone(cluster, 500);
    assert.equal(texts(cluster, 2).length, 20);
  });

  test('received by all is what is durable on every member, told to all', () => {
    const cluster = led(3);
    cluster.cut(0, 2);
    cluster.propose(0, 'x');
    everyone(cluster, 200);
    assert.deepEqual(
      [0, 1].map((ordinal) => cluster.core(ordinal).status().receivedByAll),
      [1, 1],
    );
    cluster.heal(0, 2);
    everyone(cluster, 200);
    assert.deepEqual(
      [0, 1, 2].map((ordinal) => cluster.core(ordinal).status().receivedByAll),
      [2, 2, 2],
    );
  });
});

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
    const payload = (text: string) => new TextEncoder().encode(text);
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
        message: { kind: 'propose', incarnation: 1, firstNumber: 1, payloads: [new Uint8Array(1)] },
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
        message: { kind: 'append-answer', term: 1, matchedUpTo: 1, rejected: null, wallMs },
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
});

describe('delivery', () => {
  test('it comes in slices of deliverBytesMax, and continue asks for the next', () => {
    const cluster = led(1, { deliverBytesMax: 200 });
    for (let i = 0; i < 5; i++) cluster.propose(0, `m${i}`);
    cluster.sync(0);
    assert.deepEqual([texts(cluster, 0).length, cluster.member(0).moreToDeliver], [3, true]);
    cluster.step(0, { kind: 'continue' });
    assert.deepEqual([texts(cluster, 0).length, cluster.member(0).moreToDeliver], [5, false]);
  });

  test('while it is paused nothing is delivered, and afterwards it goes on where it was', () => {
    const cluster = led(3);
    cluster.step(1, { kind: 'delivery-paused', paused: true });
    cluster.propose(0, 'x');
    cluster.settle();
    assert.deepEqual([texts(cluster, 1), cluster.member(1).moreToDeliver], [[], false]);
    assert.equal(cluster.core(1).status().chosenUpTo, 2);
    cluster.step(1, { kind: 'delivery-paused', paused: false });
    assert.deepEqual(texts(cluster, 1), ['x']);
  });

  test('a noop is not delivered and moves deliveredUpTo', () => {
    const cluster = led(3);
    assert.deepEqual(texts(cluster, 0), []);
    assert.equal(cluster.core(0).status().deliveredUpTo, 1);
  });

  test('after a restart it goes on behind deliveredUpTo', () => {
    const cluster = led(3);
    for (const text of ['a', 'b', 'c']) cluster.propose(0, text);
    cluster.settle();
    cluster.crash(2);
    cluster.member(2).knownChosenUpTo = 3;
    cluster.start(2, 2);
    assert.equal(cluster.core(2).status().caughtUp, false);
    everyone(cluster, 200);
    assert.deepEqual(texts(cluster, 2), ['b', 'c']);
    assert.equal(cluster.core(2).status().caughtUp, true);
  });

  test('a member is not caught up by the word of a leader that has yet to learn what was chosen before it', () => {
    const cluster = new TestCluster({ members: 3 });
    const first: Append = appendOf({ term: 2, entries: [noop(1, 1), noop(2, 2)] });
    cluster.feed({ from: 0, to: 1, message: first });
    cluster.sync(1);
    assert.equal(cluster.core(1).status().caughtUp, false);
    const chosen = appendOf({ term: 2, previousIndex: 2, previousTerm: 2, chosenUpTo: 2, established: true });
    cluster.feed({ from: 0, to: 1, message: chosen });
    assert.equal(cluster.core(1).status().caughtUp, true);
  });
});
