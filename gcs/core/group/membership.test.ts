import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { GroupView } from '../types.ts';
import { foundingView, memberNamed, memberOf, withLearner, without, withVoter } from '../views.ts';
import { GROUP_PROTOCOL_VERSION, type Introduction } from './handshake.ts';
import { type Applicant, type LeaderView, Membership } from './membership.ts';

const OPTIONS = {
  unreachableAfterMs: 2000,
  memberExpelTimeoutMs: 5000,
  promotionLagMax: 10,
  consensus: { heartbeatMs: 75 },
};

function member(name: string) {
  return { memberId: name, groupAddress: `${name}:1`, host: name, port: 1 };
}

function viewOf(...names: string[]): GroupView {
  return foundingView(0, names.map(member));
}

/** What the leader, member 0, knows: all answer at `nowMs` but those whose last answer is told. */
function at(
  nowMs: number,
  view: GroupView,
  { answeredMs = {} as Record<number, number | null>, ...more } = {} as Partial<LeaderView> & {
    answeredMs?: Record<number, number | null>;
    ready?: readonly number[];
  },
): LeaderView {
  return {
    nowMs,
    self: 0,
    view,
    chosenUpTo: 100,
    peers: view.members.slice(1).map(({ ordinal, isVoter }) => ({
      peer: ordinal,
      connected: true,
      lastHeardMs: null,
      isVoter,
      matchedUpTo: 95,
      answeredMs: answeredMs[ordinal] === undefined ? nowMs : answeredMs[ordinal]!,
      ready: false,
    })),
    heardMs: () => nowMs,
    busyMs: () => null,
    hasBelonged: () => true,
    ...more,
  };
}

class TestApplicant implements Applicant {
  readonly introduction: Introduction;
  readonly heard: string[] = [];

  constructor(name: string, facts: Partial<Introduction> = {}) {
    this.introduction = {
      protocolVersion: GROUP_PROTOCOL_VERSION,
      messageBytesMax: 1000,
      incarnation: 1,
      groupId: null,
      ordinal: null,
      viewNumber: 0,
      isLeader: false,
      formation: 'seeds',
      ...member(name),
      ...facts,
    };
  }

  wait(leader: string | null): void {
    this.heard.push(`wait for ${leader}`);
  }

  refuse(reason: string): void {
    this.heard.push(`refused: ${reason}`);
  }

  admit(ordinal: number): void {
    this.heard.push(`admitted as ${ordinal}`);
  }
}

function newView(membership: Membership, leader: LeaderView): GroupView {
  const decision = membership.decide(leader);
  assert.equal(decision?.kind, 'change');
  return (decision as Extract<typeof decision, { kind: 'change' }>).view;
}

describe('expelling', () => {
  test('a member that has not answered for both times is removed, and not before', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    assert.equal(membership.decide(at(17_000, view, { answeredMs: { 1: 10_000 } })), null);
    assert.deepEqual(newView(membership, at(17_001, view, { answeredMs: { 1: 10_000 } })), without(view, 1));
  });

  test('silence counts from the election, and from the end of a standstill of the leader itself', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    membership.countFrom(10_000);
    assert.equal(membership.decide(at(17_000, view, { answeredMs: { 1: null } })), null);
    assert.notEqual(membership.decide(at(17_001, view, { answeredMs: { 1: null } })), null);
    membership.countFrom(17_001);
    assert.equal(membership.decide(at(24_001, view, { answeredMs: { 1: null } })), null);
  });

  test('one that says that it is busy with its state is not silent', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    const busyMs = (peer: number): number | null => (peer === 1 ? 19_000 : null);
    assert.equal(membership.decide(at(20_000, view, { answeredMs: { 1: 10_000 }, busyMs })), null);
    assert.notEqual(membership.decide(at(26_001, view, { answeredMs: { 1: 10_000 }, busyMs })), null);
  });

  test('nobody goes where those that answer would be no majority of those that remain', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c', 'd', 'e');
    const silent = { 2: 1, 3: 1, 4: 1 };
    assert.equal(membership.decide(at(20_000, view, { answeredMs: silent })), null);
    const two = newView(membership, at(20_000, view, { answeredMs: { 3: 1, 4: 1 } }));
    assert.deepEqual(two, without(view, 3));
  });

  test('nobody goes while one of those that are needed without it has been silent for some heartbeats', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    const { heartbeatMs } = OPTIONS.consensus;
    const late = { 1: 1, 2: 20_000 - 3 * heartbeatMs - 1 };
    assert.equal(membership.decide(at(20_000, view, { answeredMs: late })), null);
    const well = { 1: 1, 2: 20_000 - 3 * heartbeatMs };
    assert.deepEqual(newView(membership, at(20_000, view, { answeredMs: well })), without(view, 1));
  });

  test('a silent learner goes before a silent voter', () => {
    const membership = new Membership(OPTIONS);
    const view = withLearner(viewOf('a', 'b', 'c'), member('d'));
    assert.deepEqual(newView(membership, at(20_000, view, { answeredMs: { 1: 1, 3: 1 } })), without(view, 3));
  });
});

describe('removing on request', () => {
  test('one asked for is removed; the leader itself lets another lead first', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    membership.remove(2, 0, assert.fail);
    assert.deepEqual(newView(membership, at(1, view)), without(view, 2));
    membership.chosen(without(view, 2), () => true);
    membership.remove(0, 1, assert.fail);
    assert.deepEqual(membership.decide(at(2, without(view, 2))), { kind: 'transfer-leadership' });
  });

  test('one who wishes it no more is not removed later', () => {
    const membership = new Membership(OPTIONS);
    membership.remove(2, 0, assert.fail);
    assert.equal(membership.decide(at(10_000, viewOf('a', 'b', 'c'))), null);
  });

  test('a leader that could not be removed in the end does not let another lead for that', () => {
    const membership = new Membership(OPTIONS);
    const problems: string[] = [];
    membership.remove(0, 9_000, (problem) => problems.push(problem));
    const view = viewOf('a', 'b', 'c', 'd', 'e');
    assert.equal(membership.decide(at(9_000, view, { answeredMs: { 3: 6_000, 4: 6_000 } })), null);
    assert.equal(problems.length, 1);
  });

  test('of two that are to go the one that does not lead goes first', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    membership.remove(0, 0, assert.fail);
    membership.remove(2, 0, assert.fail);
    assert.deepEqual(newView(membership, at(1, view)), without(view, 2));
  });

  test('it is refused where the others would be stuck, or nobody would be left', () => {
    const membership = new Membership(OPTIONS);
    const problems: string[] = [];
    membership.remove(1, 9_000, (problem) => problems.push(problem));
    assert.equal(membership.decide(at(9_000, viewOf('a', 'b', 'c'), { answeredMs: { 2: 6_000 } })), null);
    membership.remove(0, 9_000, (problem) => problems.push(problem));
    assert.equal(membership.decide(at(9_000, withLearner(viewOf('a'), member('b')))), null);
    assert.deepEqual(problems, [
      'the members that answer would be no majority of those that remain',
      'it is the only member that votes',
    ]);
  });
});

describe('promoting', () => {
  const view = withLearner(withLearner(viewOf('a'), member('b')), member('c'));
  const peers = (facts: Record<number, { ready: boolean; matchedUpTo: number | null }>): LeaderView =>
    at(20_000, view, {
      peers: at(20_000, view).peers.map((peer) => ({ ...peer, ...facts[peer.peer] })),
    });

  test('R21: the oldest learner that is ready and near the end becomes a voter', () => {
    const membership = new Membership(OPTIONS);
    const ready = { ready: true, matchedUpTo: 90 };
    assert.deepEqual(newView(membership, peers({ 1: ready, 2: ready })), withVoter(view, 1));
    assert.deepEqual(newView(membership, peers({ 1: { ...ready, matchedUpTo: 89 }, 2: ready })), withVoter(view, 2));
    assert.equal(membership.decide(peers({ 1: { ready: false, matchedUpTo: 100 } })), null);
    assert.equal(membership.decide(peers({ 1: { ready: true, matchedUpTo: null } })), null);
  });

  test('a learner that answers no more would leave two voters without a majority: it stays one', () => {
    const membership = new Membership(OPTIONS);
    const silent = peers({ 1: { ready: true, matchedUpTo: 100 } });
    const answers = silent.peers.map((peer) => ({ ...peer, answeredMs: 17_000 }));
    assert.equal(membership.decide({ ...silent, peers: answers }), null);
  });
});

describe('letting in', () => {
  test('an applicant becomes a learner, and is told its ordinal once the view with it is chosen', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b');
    const applicant = new TestApplicant('c');
    membership.apply(applicant, 0);
    const next = newView(membership, at(1, view));
    assert.deepEqual(next, withLearner(view, member('c')));
    // Appended, and not chosen: it asks again, and nothing happens twice.
    membership.apply(applicant, 2);
    assert.equal(membership.decide(at(3, next, { hasBelonged: () => false })), null);
    membership.chosen(view, () => false);
    assert.deepEqual(applicant.heard, []);
    membership.chosen(next, () => false);
    assert.deepEqual(applicant.heard, ['admitted as 2']);
  });

  test('who asks again for a stay that it did not get to know is told the same one', () => {
    const membership = new Membership(OPTIONS);
    const view = withLearner(viewOf('a', 'b'), member('c'));
    const applicant = new TestApplicant('c');
    membership.apply(applicant, 0);
    membership.chosen(view, () => false);
    assert.deepEqual(applicant.heard, ['admitted as 2']);
  });

  test('R17: who had its stay on its disk and comes without it is removed first, and comes back as another', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    for (const applicant of [
      new TestApplicant('c'),
      new TestApplicant('other', { groupAddress: 'c:1' }),
      new TestApplicant('c', { groupAddress: 'new:1' }),
      // An old copy of its directory, from before it joined again.
      new TestApplicant('c', { groupId: 'g', ordinal: 1, formation: 'rejoin' }),
    ]) {
      membership.sendAway(null);
      membership.apply(applicant, 10_000);
      const unheard = { heardMs: () => 9_000, answeredMs: { 2: 9_000 } };
      membership.chosen(view, () => true);
      assert.deepEqual(applicant.heard.slice(1), []);
      assert.equal(membership.decide(at(10_500, view, unheard)), null, 'it may still be there');
      const next = newView(membership, at(11_001, view, unheard));
      assert.deepEqual(next, without(view, 2));
      const last = newView(membership, at(11_100, next, unheard));
      assert.equal(memberNamed(last, applicant.introduction.memberId)?.ordinal, 3);
    }
  });

  test('an address or a member id of one that can be reached is refused', () => {
    const membership = new Membership(OPTIONS);
    const view = viewOf('a', 'b', 'c');
    const thief = new TestApplicant('thief', { groupAddress: 'c:1' });
    membership.apply(thief, 10_000);
    assert.equal(membership.decide(at(10_900, view)), null);
    assert.deepEqual(thief.heard, []);
    assert.equal(membership.decide(at(11_001, view)), null);
    assert.match(thief.heard[0]!, /refused: the group address c:1 is that of member c, which can be reached/);
    const copy = new TestApplicant('c', { groupAddress: 'd:1' });
    membership.apply(copy, 10_000);
    assert.equal(membership.decide(at(11_001, view)), null);
    assert.match(copy.heard[0]!, /refused: the member id c is that of a member at c:1/);
    const leader = new TestApplicant('a', { groupAddress: 'd:1' });
    membership.apply(leader, 10_000);
    assert.equal(membership.decide(at(10_000, view)), null);
    assert.match(leader.heard[0]!, /refused/);
  });

  test('a member that was expelled gets a new ordinal, and the same one if it asks twice', () => {
    const membership = new Membership(OPTIONS);
    const view = without(viewOf('a', 'b', 'c'), 2);
    const applicant = new TestApplicant('c', { groupId: 'g', ordinal: 2, formation: 'rejoin' });
    membership.apply(applicant, 0);
    const next = newView(membership, at(1, view));
    assert.equal(memberOf(next, 3)?.memberId, 'c');
    membership.chosen(next, (ordinal) => ordinal !== 3);
    membership.apply(applicant, 2);
    membership.chosen(next, (ordinal) => ordinal !== 3);
    assert.deepEqual(applicant.heard, ['admitted as 3', 'admitted as 3']);
  });

  test('who gave up asking is not let in later, and a leader that leads no more sends all to the next', () => {
    const membership = new Membership(OPTIONS);
    const applicant = new TestApplicant('c');
    membership.apply(applicant, 0);
    assert.equal(membership.decide(at(10_000, viewOf('a', 'b'))), null);
    membership.apply(applicant, 10_000);
    membership.sendAway('b:1');
    assert.deepEqual(applicant.heard, ['wait for b:1']);
    assert.equal(membership.decide(at(10_001, viewOf('a', 'b'))), null);
  });

  test('applicants are bounded', () => {
    const membership = new Membership(OPTIONS);
    const applicants = Array.from({ length: 40 }, (_, i) => new TestApplicant(`n${i}`));
    for (const applicant of applicants) membership.apply(applicant, 0);
    assert.equal(applicants.filter(({ heard }) => heard.length > 0).length, 8);
  });
});
