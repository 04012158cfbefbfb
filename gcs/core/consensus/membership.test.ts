import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import { foundingView, withLearner, without, withVoter } from '../views.ts';
import { addressOf, TestCluster } from './testing/cluster.ts';
import { textOf } from './testing/describe.ts';
import { appendOf, diskWith, noop, viewEntry } from './testing/entries.ts';
import { everyone, led, sent, texts } from './testing/scenes.ts';

const three = foundingView(1, [0, 1, 2].map(addressOf));
const withFourth = withLearner(three, addressOf(3));

/** Member 3 is a learner, and everybody knows. */
function withLearnerThree(): TestCluster {
  const cluster = led(3);
  cluster.join();
  cluster.changeView(0, withLearner(cluster.core(0).view, addressOf(3)));
  everyone(cluster, 200);
  return cluster;
}

function roles(cluster: TestCluster): string {
  return cluster.running.map(({ core }) => core!.role).join();
}

describe('which view counts', () => {
  test('R4: a view is in force when its entry is in the log, before it is chosen', () => {
    const cluster = led(3);
    cluster.changeView(0, withFourth);
    assert.equal(cluster.core(0).view.number, 2);
    assert.equal(cluster.core(0).chosenView.number, 1);
    cluster.settle();
    assert.equal(cluster.core(0).chosenView.number, 2);
    assert.equal(cluster.core(2).view.number, 2);
    assert.deepEqual(cluster.member(2).delivered.map(textOf), ['view2(0 1 2 3?)']);
  });

  test('R4: a view that is cut from the log again gives way to the one before', () => {
    const cluster = new TestCluster({ members: 3 });
    const entries = [noop(1, 1), viewEntry(2, 1, withFourth)];
    cluster.feed({ from: 0, to: 1, message: appendOf({ term: 1, entries }) });
    assert.equal(cluster.core(1).view.number, 2);
    const other = appendOf({ term: 2, previousIndex: 1, previousTerm: 1, entries: [noop(2, 2)] });
    cluster.feed({ from: 2, to: 1, message: other });
    assert.equal(cluster.core(1).view.number, 1);
    assert.deepEqual(
      cluster
        .core(1)
        .status()
        .peers.map(({ peer }) => peer),
      [0, 2],
    );
  });

  test('R4: after a restart the latest view of the log is in force, chosen or not, else that of its base', () => {
    const disk = diskWith(1, null, noop(1, 1), viewEntry(2, 1, withFourth), viewEntry(3, 1, withVoter(withFourth, 3)));
    const cluster = new TestCluster({ members: 3, disks: [disk] });
    assert.equal(cluster.core(0).view.number, 3);
    assert.equal(cluster.core(0).chosenView.number, 1);
    cluster.crash(0);
    cluster.member(0).knownChosenUpTo = 2;
    cluster.start(0);
    assert.equal(cluster.core(0).view.number, 3);
    assert.equal(cluster.core(0).chosenView.number, 2);
    cluster.crash(0);
    disk.truncate(2);
    cluster.start(0);
    assert.equal(cluster.core(0).view.number, 3);
    assert.equal(cluster.core(0).chosenView.number, 2);
    disk.lose(3);
    cluster.crash(0);
    cluster.start(0);
    assert.equal(cluster.core(0).view.number, 2);
  });

  test('R4: a majority is one of the voters of the latest view, from the entry on that makes it', () => {
    const cluster = withLearnerThree();
    cluster.changeView(0, withVoter(cluster.core(0).view, 3));
    for (const other of [2, 3]) cluster.cut(0, other);
    cluster.settle();
    assert.equal(cluster.core(0).chosenView.number, 2, 'two of three voters, but not three of four');
    cluster.heal(0, 3);
    everyone(cluster, 100);
    assert.equal(cluster.core(0).chosenView.number, 3);
  });

  test('R3: the view changes only when an entry of the reign is chosen, and one change after the other', () => {
    const cluster = new TestCluster({ members: 3 });
    cluster.elect(0);
    assert.equal(cluster.core(0).canChangeView, false);
    assert.throws(() => cluster.changeView(0, withFourth), InvariantViolation);
    cluster.settle();
    assert.equal(cluster.core(0).canChangeView, true);
    cluster.changeView(0, withFourth);
    assert.equal(cluster.core(0).canChangeView, false);
    assert.throws(() => cluster.changeView(0, withVoter(withFourth, 3)), InvariantViolation);
    cluster.settle();
    assert.equal(cluster.core(0).canChangeView, true);
    assert.equal(cluster.core(1).canChangeView, false, 'a follower changes nothing');
  });

  test('R3: a view with two voters more or less, or without any, or with an ordinal given again is refused', () => {
    const cluster = led(3);
    const { view } = cluster.core(0);
    const wrong = [
      without({ ...without(view, 1), number: 1 }, 2),
      { ...withFourth, number: 3 },
      { ...withFourth, members: [] },
      { ...without(view, 1), nextOrdinal: 0 },
      { ...withFourth, nextOrdinal: 5, members: [...view.members, { ...addressOf(3), ordinal: 7, isVoter: false }] },
    ];
    for (const next of wrong)
      assert.throws(() => cluster.changeView(0, next), InvariantViolation, JSON.stringify(next));
  });
});

describe('learners', () => {
  test('a learner gets the log, is delivered everything, and counts for nothing', () => {
    const cluster = withLearnerThree();
    cluster.propose(3, 'from the learner');
    cluster.settle();
    for (const ordinal of [0, 3]) assert.deepEqual(texts(cluster, ordinal), ['from the learner']);
    for (const other of [1, 2]) cluster.cut(0, other, false);
    cluster.propose(0, 'not chosen');
    everyone(cluster, 300);
    assert.deepEqual(texts(cluster, 0), ['from the learner']);
    everyone(cluster, 500);
    assert.notEqual(cluster.core(0).role, 'leader', 'the answers of a learner keep no leader');
  });

  test('a learner never stands, however long it hears nobody', () => {
    const cluster = withLearnerThree();
    for (const other of [0, 1, 2]) cluster.crash(other);
    cluster.packets = [];
    everyone(cluster, 10_000);
    assert.deepEqual([cluster.core(3).role, cluster.core(3).term, cluster.core(3).leader], ['follower', 1, null]);
    assert.deepEqual(cluster.packets, []);
  });

  test('one that is in no view yet is a learner, too', () => {
    const cluster = led(3);
    cluster.join();
    everyone(cluster, 3_000);
    assert.equal(roles(cluster), 'leader,follower,follower,follower');
    assert.equal(cluster.core(3).status().lastIndex, 0);
  });

  test('received by all waits for learners, too', () => {
    const cluster = withLearnerThree();
    cluster.cut(0, 3);
    cluster.propose(0, 'x');
    everyone(cluster, 200);
    const { chosenUpTo, receivedByAll } = cluster.core(0).status();
    assert.deepEqual([chosenUpTo, receivedByAll], [3, 2]);
    cluster.heal(0, 3);
    everyone(cluster, 200);
    assert.equal(cluster.core(3).status().receivedByAll, 3);
  });

  test('the leader knows of each learner how far it is, and what its owner says of itself', () => {
    const cluster = withLearnerThree();
    const statusOfThree = () =>
      cluster
        .core(0)
        .status()
        .peers.find(({ peer }) => peer === 3)!;
    assert.deepEqual([statusOfThree().isVoter, statusOfThree().matchedUpTo, statusOfThree().ready], [false, 2, false]);
    cluster.step(3, { kind: 'ready', ready: true });
    everyone(cluster, 200);
    assert.equal(statusOfThree().ready, true);
    assert.ok(statusOfThree().answeredMs! > cluster.nowMs - 100);
    assert.equal(
      cluster
        .core(1)
        .status()
        .peers.find(({ peer }) => peer === 3)!.answeredMs,
      null,
    );
  });

  test('R21: a learner that was promoted, but does not know it, votes by the logs alone', () => {
    const cluster = withLearnerThree();
    cluster.crash(1);
    cluster.cut(0, 3);
    cluster.changeView(0, withVoter(cluster.core(0).view, 3));
    cluster.settle();
    assert.equal(cluster.core(2).view.number, 3);
    assert.equal(cluster.core(3).view.number, 2, 'the learner has not heard of its promotion');
    cluster.crash(0);
    cluster.start(1);
    everyone(cluster, 3_000);
    assert.equal(cluster.core(2).role, 'leader', 'three of four: members 1 and 3 voted');
    assert.equal(cluster.core(3).chosenView.number, 3);
  });

  test('R21: a learner has nothing that is not chosen, so that a leader whose view makes it a voter gets its vote', () => {
    const cluster = withLearnerThree();
    for (const other of [1, 2, 3]) cluster.cut(0, other);
    cluster.changeView(0, withVoter(cluster.core(0).view, 3));
    cluster.sync(0);
    cluster.elect(2);
    cluster.cut(2, 1);
    everyone(cluster, 300);
    assert.equal(cluster.core(2).role, 'leader');
    assert.equal(cluster.core(2).status().lastIndex, 3, 'it begins its reign by an entry, which nobody else counts');
    assert.equal(cluster.core(3).status().lastIndex, 2);
    cluster.crash(2);
    for (const other of [1, 3]) cluster.heal(0, other);
    everyone(cluster, 5_000);
    assert.equal(cluster.core(0).role, 'leader', 'three of four, and two of the three before');
    assert.equal(cluster.core(3).chosenView.number, 3);
  });

  test('a promoted learner stands itself', () => {
    const cluster = withLearnerThree();
    cluster.changeView(0, withVoter(cluster.core(0).view, 3));
    everyone(cluster, 200);
    cluster.crash(0);
    cluster.elect(3);
    cluster.settle();
    assert.equal(cluster.core(3).role, 'leader');
  });

  test('R21: a single voter with learners leads itself again after a restart', () => {
    const cluster = led(1);
    cluster.join();
    cluster.changeView(0, withLearner(cluster.core(0).view, addressOf(1)));
    everyone(cluster, 200);
    cluster.crash(0);
    cluster.start(0);
    everyone(cluster, 50);
    assert.equal(cluster.core(0).role, 'leader');
    cluster.propose(1, 'x');
    cluster.settle();
    assert.deepEqual(texts(cluster, 1), ['x']);
  });
});

describe('members that leave', () => {
  test('H15: from the entry on that removes a member its messages are not accepted, and again when that entry is cut', () => {
    const cluster = led(3);
    cluster.propose(2, 'in time');
    cluster.settle();
    cluster.cut(0, 1);
    cluster.changeView(0, without(cluster.core(0).view, 2));
    const { lastIndex } = cluster.core(0).status();
    cluster.propose(2, 'late');
    cluster.arrive(({ message }) => message.kind === 'propose');
    assert.equal(cluster.core(0).status().lastIndex, lastIndex, 'not accepted');
    cluster.cut(0, 2);
    cluster.elect(1);
    cluster.settle();
    for (const other of [1, 2]) cluster.heal(0, other);
    everyone(cluster, 500);
    assert.equal(cluster.core(0).view.number, 1, 'the entry was cut');
    assert.deepEqual(texts(cluster, 0), ['in time', 'late']);
  });

  test('one that is removed while it is connected is told so, and then is sent nothing', () => {
    const cluster = led(3);
    cluster.changeView(0, without(cluster.core(0).view, 2));
    everyone(cluster, 300);
    assert.deepEqual(cluster.member(2).delivered.map(textOf), ['view2(0 1)']);
    const before = cluster.transcript.length;
    everyone(cluster, 1_000);
    const sentToIt = cluster.transcript.slice(before).filter((line) => line.startsWith('  0 sends 2'));
    assert.deepEqual(sentToIt, []);
  });

  test('R5: a removed member that never heard of it raises no term and deposes nobody', () => {
    const cluster = led(3);
    for (const other of [0, 1]) cluster.cut(2, other);
    cluster.changeView(0, without(cluster.core(0).view, 2));
    everyone(cluster, 5_000);
    for (const other of [0, 1]) cluster.heal(2, other);
    everyone(cluster, 5_000);
    assert.deepEqual([roles(cluster), cluster.core(0).term], ['leader,follower,pre-candidate', 1]);
  });

  test('R5: a removed member with a high term is not answered, in whatever it says', () => {
    const cluster = led(3);
    cluster.changeView(0, without(cluster.core(0).view, 2));
    everyone(cluster, 1_000);
    cluster.packets = [];
    const request = { kind: 'vote-request', term: 9, preVote: false, lastIndex: 99, lastTerm: 8 } as const;
    for (const to of [0, 1]) cluster.feed({ from: 2, to, message: { ...request, isTransfer: true } });
    const rejected = { previousIndex: 1, hintIndex: 0, hintTerm: 0 };
    const answer = { kind: 'append-answer', term: 9, matchedUpTo: 0, rejected, round: 0, ready: false } as const;
    cluster.feed({ from: 2, to: 0, message: { ...answer, wallMs: 0 } });
    const refusal = { kind: 'vote-answer', term: 9, preVote: true, granted: false, wallMs: 0 } as const;
    cluster.feed({ from: 2, to: 0, message: refusal });
    assert.deepEqual([roles(cluster), cluster.core(0).term, cluster.core(1).term], ['leader,follower,follower', 1, 1]);
    assert.deepEqual(sent(cluster.packets, 'vote-answer'), []);
  });

  test('R21: a leader that is no voter any more leads until that is chosen, does not count itself, and steps down', () => {
    const cluster = led(3);
    cluster.changeView(0, without(cluster.core(0).view, 0));
    cluster.sync(0);
    cluster.arriveAll(({ to }) => to === 1);
    cluster.sync(1);
    cluster.arriveAll(({ from }) => from === 1);
    assert.deepEqual([cluster.core(0).role, cluster.core(0).chosenView.number], ['leader', 1]);
    cluster.settle();
    assert.deepEqual([cluster.core(0).role, cluster.core(0).chosenView.number], ['follower', 2]);
    everyone(cluster, 3_000);
    assert.equal(cluster.running.filter(({ core }) => core!.role === 'leader').length, 1);
    assert.notEqual(cluster.core(0).role, 'leader');
    assert.equal(cluster.core(1).view.number, 2);
  });

  test('R21: one whose removal only its own log holds stands all the same: the others may need that log', () => {
    const disk = diskWith(1, null, noop(1, 1), noop(2, 1), viewEntry(3, 1, without(three, 0)));
    const shorter = [noop(1, 1), noop(2, 1)];
    const cluster = new TestCluster({
      members: 3,
      disks: [disk, diskWith(1, null, ...shorter), diskWith(1, null, ...shorter)],
    });
    cluster.elect(0);
    cluster.settle();
    assert.equal(cluster.core(1).chosenView.number, 2);
    assert.equal(cluster.core(0).role, 'follower', 'and leaves when that is chosen');
  });

  test('R21: when all restart together, those of the latest view come back, and who left does not disturb', () => {
    const cluster = withLearnerThree();
    cluster.changeView(0, withVoter(cluster.core(0).view, 3));
    cluster.settle();
    cluster.changeView(0, without(cluster.core(0).view, 1));
    cluster.propose(0, 'x');
    everyone(cluster, 300);
    for (const { ordinal } of cluster.members) cluster.crash(ordinal);
    cluster.packets = [];
    for (const { ordinal } of cluster.members) cluster.start(ordinal);
    everyone(cluster, 3_000);
    for (const ordinal of [0, 2, 3]) assert.deepEqual(texts(cluster, ordinal), ['x']);
    assert.equal(cluster.leader!.core!.view.number, 4);
    assert.notEqual(cluster.leader!.ordinal, 1);
  });
});
