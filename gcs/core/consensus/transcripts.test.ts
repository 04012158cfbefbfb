import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withLearner, without, withVoter } from '../views.ts';
import { addressOf, TestCluster } from './testing/cluster.ts';
import { textOf } from './testing/describe.ts';
import { appendOf, diskWith, message, noop } from './testing/entries.ts';
import { expectTranscript } from './testing/expect-transcript.ts';
import { everyone, led, texts } from './testing/scenes.ts';

test('a leader is elected by pre-vote and vote, and a broadcast of another member is chosen and delivered everywhere', () => {
  const cluster = new TestCluster({ members: 3 });
  cluster.elect(0);
  cluster.settle();
  cluster.propose(1, 'x');
  cluster.settle();
  for (const { delivered } of cluster.members) assert.deepEqual(delivered.map(textOf), ['x']);
  expectTranscript('election-and-first-broadcast', cluster);
});

test('R2: an entry of an old term on a majority is not chosen by counting, and may still be replaced (Raft, Figure 8)', () => {
  const old = message({ index: 2, term: 2 }, { origin: 0, messageNumber: 1 }, 'old');
  const other = message({ index: 2, term: 3 }, { origin: 4, messageNumber: 1 }, 'other');
  const cluster = new TestCluster({
    members: 5,
    options: { appendEntriesMax: 1 },
    disks: [
      diskWith(3, null, noop(1, 1), old),
      diskWith(2, 0, noop(1, 1), old),
      diskWith(3, 4, noop(1, 1)),
      diskWith(3, 4, noop(1, 1)),
      diskWith(3, 4, noop(1, 1), other),
    ],
  });
  cluster.cut(0, 4);
  cluster.cut(0, 3);
  cluster.elect(0);
  // Members 1 and 2 have the old entry on disk and say so; the entry of the new term reaches no disk but the leader's.
  cluster.sync(0);
  for (let round = 0; round < 4; round++) {
    cluster.arriveAll(({ from, to }) => from + to === 1);
    cluster.arriveAll(({ from, to }) => from + to === 2);
    cluster.sync(2, 1);
    const { peers, chosenUpTo } = cluster.core(0).status();
    assert.equal(chosenUpTo, 0);
    if (peers[0]!.matchedUpTo === 2 && peers[1]!.matchedUpTo === 2) break;
  }
  const { peers, durableUpTo } = cluster.core(0).status();
  assert.deepEqual([durableUpTo, peers[0]!.matchedUpTo, peers[1]!.matchedUpTo], [3, 2, 2]);
  for (const ordinal of [0, 1, 2]) cluster.crash(ordinal);
  cluster.packets = [];
  cluster.start(1);
  cluster.start(2);
  cluster.elect(4);
  cluster.settle();
  assert.deepEqual(cluster.chosen.map(textOf), ['noop', 'other', 'noop']);
  expectTranscript('old-term-entry-not-chosen-by-counting', cluster);
});

test('R11: an append that arrives late, after those behind it, does not shorten the log', () => {
  const cluster = new TestCluster({ members: 3 });
  cluster.elect(0);
  cluster.settle();
  cluster.cut(0, 2);
  cluster.propose(0, 'a');
  cluster.arrive(({ to, message: sent }) => to === 1 && sent.kind === 'append' && sent.entries.length > 0, true);
  cluster.propose(0, 'b');
  cluster.arrive(({ message: sent }) => sent.kind === 'append' && sent.previousIndex === 2);
  assert.equal(cluster.core(1).status().lastIndex, 3);
  cluster.arrive(({ message: sent }) => sent.kind === 'append' && sent.previousIndex === 1);
  assert.equal(cluster.core(1).status().lastIndex, 3);
  cluster.settle();
  assert.deepEqual(cluster.member(1).delivered.map(textOf), ['a', 'b']);
  expectTranscript('late-append-does-not-shorten', cluster);
});

test('R10: the disk answering for an entry that was replaced says nothing of its equal that came later (A, B, A)', () => {
  const cluster = new TestCluster({ members: 3 });
  const first = noop(1, 1);
  const a = message({ index: 2, term: 1 }, { origin: 0, messageNumber: 1 }, 'a');
  const b = noop(2, 2, 2);
  cluster.feed({ from: 0, to: 1, message: appendOf({ term: 1, entries: [first, a] }) });
  cluster.feed({ from: 2, to: 1, message: appendOf({ term: 2, previousIndex: 1, previousTerm: 1, entries: [b] }) });
  // Member 0, whose log ends with the first entry in term 1, may lead again: the second never reached a majority.
  const heartbeat = appendOf({ term: 3, previousIndex: 1, previousTerm: 1 });
  cluster.feed({ from: 0, to: 1, message: heartbeat });
  cluster.feed({ from: 0, to: 1, message: { ...heartbeat, entries: [a] } });
  assert.equal(cluster.member(1).pending.length, 4);
  cluster.sync(1, 3);
  assert.equal(cluster.core(1).status().durableUpTo, 1);
  cluster.feed({ from: 0, to: 1, message: { ...heartbeat, previousIndex: 2 } });
  assert.deepEqual(matchedSaid(cluster), [0, 1, 1]);
  cluster.sync(1);
  assert.deepEqual(matchedSaid(cluster), [0, 1, 1, 2]);
  expectTranscript('disk-answers-for-a-replaced-entry', cluster);
});

function matchedSaid(cluster: TestCluster): number[] {
  return cluster.packets.flatMap(({ message: sent }) => (sent.kind === 'append-answer' ? [sent.matchedUpTo] : []));
}

test('a member joins as a learner, is brought up to date, says that it is ready, and becomes a voter', () => {
  const cluster = led(3);
  cluster.propose(1, 'x');
  cluster.settle();
  cluster.transcript.length = 0;
  cluster.join();
  cluster.changeView(0, withLearner(cluster.core(0).view, addressOf(3)));
  cluster.settle();
  cluster.step(3, { kind: 'ready', ready: true });
  everyone(cluster, 100);
  cluster.changeView(0, withVoter(cluster.core(0).view, 3));
  cluster.settle();
  assert.deepEqual(cluster.member(3).delivered.map(textOf), ['x', 'view2(0 1 2 3?)', 'view3(0 1 2 3)']);
  expectTranscript('learner-becomes-voter', cluster);
});

test('R4: a leader that is cut off removes a member, and the change is undone with its entry', () => {
  const cluster = led(3);
  cluster.transcript.length = 0;
  for (const other of [1, 2]) cluster.cut(0, other);
  cluster.changeView(0, without(cluster.core(0).view, 2));
  cluster.sync(0);
  cluster.elect(1);
  cluster.settle();
  cluster.heal(0, 1);
  cluster.settle();
  assert.equal(cluster.core(0).view.number, 1);
  expectTranscript('view-undone-with-its-entry', cluster);
});

test('R5: a removed member that never heard of it asks in vain, and deposes nobody', () => {
  const cluster = led(3);
  for (const other of [0, 1]) cluster.cut(2, other);
  cluster.changeView(0, without(cluster.core(0).view, 2));
  cluster.settle();
  cluster.transcript.length = 0;
  while (cluster.core(2).role === 'follower') cluster.elapse(25, 2);
  for (const other of [0, 1]) cluster.heal(2, other);
  cluster.settle();
  assert.deepEqual(
    cluster.members.map(({ core }) => core!.role),
    ['leader', 'follower', 'pre-candidate'],
  );
  expectTranscript('removed-member-asks-in-vain', cluster);
});

test('R9: a member comes back when what it needs is no longer kept, takes the state of another, and goes on', () => {
  const cluster = led(3);
  cluster.crash(2);
  for (const text of ['a', 'b', 'c']) cluster.propose(0, text);
  cluster.settle();
  cluster.transcript.length = 0;
  cluster.truncate(0, 3);
  cluster.start(2);
  cluster.settle();
  for (let told = 0; told < 2; told++) {
    cluster.elapse(75, 0);
    cluster.settle();
  }
  assert.equal(cluster.core(2).isBehind, true);
  cluster.crash(2);
  cluster.transferState(1, 2);
  cluster.start(2);
  cluster.propose(0, 'd');
  cluster.settle();
  cluster.elapse(75, 0);
  cluster.settle();
  assert.deepEqual(texts(cluster, 2), ['d']);
  expectTranscript('behind-and-state-transfer', cluster);
});

test('R13: what a member acknowledged and lost cannot be voted away by it, and comes back (PAR)', () => {
  const cluster = led(3);
  cluster.cut(0, 2);
  cluster.propose(0, 'x');
  cluster.settle();
  for (const ordinal of [0, 1]) cluster.crash(ordinal);
  cluster.damage(1, 2);
  cluster.heal(0, 2);
  cluster.transcript.length = 0;
  cluster.start(1);
  while (cluster.core(2).role === 'follower') cluster.elapse(25, 2);
  cluster.settle();
  assert.equal(cluster.leader, undefined, 'member 2 has no vote of member 1');
  cluster.start(0);
  cluster.elect(0);
  cluster.settle();
  assert.deepEqual(texts(cluster, 1), ['x']);
  expectTranscript('lost-entry-not-voted-away', cluster);
});

test('R13: a leader hears from a follower that it lost what it had acknowledged in this reign', () => {
  const cluster = led(3);
  for (const text of ['a', 'b']) cluster.propose(0, text);
  cluster.settle();
  cluster.crash(1);
  cluster.damage(1, 2);
  cluster.transcript.length = 0;
  cluster.start(1);
  cluster.elapse(75, 0);
  cluster.settle();
  assert.equal(cluster.core(1).claim, null);
  expectTranscript('loss-told-from-an-old-refusal', cluster);
});

test('R6: leadership goes to another as soon as that one has everything', () => {
  const cluster = led(3);
  cluster.propose(0, 'x');
  cluster.transcript.length = 0;
  cluster.step(0, { kind: 'transfer-leadership', to: 2 });
  cluster.settle();
  assert.equal(cluster.core(2).role, 'leader');
  expectTranscript('leadership-transfer', cluster);
});

test('R7: a follower asks for a read index, which a round of the leader answers', () => {
  const cluster = led(3);
  cluster.propose(0, 'x');
  cluster.settle();
  cluster.transcript.length = 0;
  cluster.step(1, { kind: 'read-index', ticket: 1 });
  cluster.settle();
  assert.deepEqual(cluster.member(1).reads, [{ ticket: 1, index: 2 }]);
  expectTranscript('read-index-of-a-follower', cluster);
});
