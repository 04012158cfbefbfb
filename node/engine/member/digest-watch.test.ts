import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewOf } from '../testing/views.ts';
import { DigestWatch, type Judgement } from './digest-watch.ts';

/** Of the member 0 of a group with so many voters, and learners behind them. */
function watchOf(voters = 3, learners = 0): DigestWatch {
  const watch = new DigestWatch();
  const ordinals = Array.from({ length: voters + learners }, (_, ordinal) => ordinal);
  watch.viewChanged(0, viewOf(1, ordinals, ordinals.slice(voters)));
  return watch;
}

function watchAt(logIndex: number, digest: string, voters = 3): DigestWatch {
  const watch = watchOf(voters);
  watch.toTell({ logIndex, digest, sequenceNumber: 10 * logIndex });
  return watch;
}

test('equal digests at one log index are no reason to stop', () => {
  const watch = watchAt(10, 'a');
  assert.equal(watch.told(1, [{ logIndex: 10, digest: 'a' }]), 'equal');
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'a' }]), 'equal');
});

test('digests at different log indexes are not compared', () => {
  const watch = watchAt(10, 'a');
  assert.equal(watch.told(1, [{ logIndex: 11, digest: 'b' }]), 'equal');
});

test('a member that differs from a majority is in the minority', () => {
  const watch = watchAt(10, 'a');
  assert.equal(watch.told(1, [{ logIndex: 10, digest: 'b' }]), 'equal', 'one against one: the third may still tell');
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'b' }]), 'minority');
});

test('a member that agrees with a majority goes on beside one that differs', () => {
  const watch = watchAt(10, 'a');
  assert.equal(watch.told(1, [{ logIndex: 10, digest: 'b' }]), 'equal');
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'a' }]), 'equal');
});

test('where everybody differs, no majority agrees', () => {
  const watch = watchAt(10, 'a');
  watch.told(1, [{ logIndex: 10, digest: 'b' }]);
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'c' }]), 'no-majority');
});

test('of two members that differ, neither goes on', () => {
  assert.equal(watchAt(10, 'a', 2).told(1, [{ logIndex: 10, digest: 'b' }]), 'no-majority');
});

test('a learner that differs has no voice, and one that is the odd one out learns of it', () => {
  const watch = watchOf(2, 1);
  watch.toTell({ logIndex: 10, digest: 'a', sequenceNumber: 100 });
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'b' }]), 'equal', 'the learner has no voice');
  assert.equal(watch.told(1, [{ logIndex: 10, digest: 'a' }]), 'equal');
  const learner = new DigestWatch();
  learner.viewChanged(2, viewOf(1, [0, 1, 2], [2]));
  learner.toTell({ logIndex: 10, digest: 'b', sequenceNumber: 100 });
  assert.equal(learner.told(0, [{ logIndex: 10, digest: 'a' }]), 'equal', 'one of two voters');
  assert.equal(learner.told(1, [{ logIndex: 10, digest: 'a' }]), 'minority');
});

test('what a member told that left is forgotten, and a majority is that of the view in force', () => {
  const watch = watchAt(10, 'a', 3);
  assert.equal(watch.told(1, [{ logIndex: 10, digest: 'b' }]), 'equal', 'one against one of three');
  watch.viewChanged(0, viewOf(2, [0, 2]));
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'a' }]), 'equal');
  assert.equal(watch.equalUpTo(1), 0);
});

test('a divergence shows at a checkpoint behind the newest point', () => {
  const watch = watchOf();
  watch.delivered({ logIndex: 256, digest: 'a', sequenceNumber: 2560 });
  watch.delivered({ logIndex: 257, digest: 'unused', sequenceNumber: 2570 });
  const told = watch.toTell({ logIndex: 300, digest: 'x', sequenceNumber: 3000 });
  assert.deepEqual(told, [
    { logIndex: 256, digest: 'a' },
    { logIndex: 300, digest: 'x' },
  ]);
  watch.told(1, [{ logIndex: 256, digest: 'b' }]);
  assert.equal(watch.told(2, [{ logIndex: 256, digest: 'b' }]), 'minority');
});

test('what peers tell is kept for a bounded number of log indexes', () => {
  const watch = watchAt(1, 'a');
  for (let logIndex = 2; logIndex < 1000; logIndex++) watch.told(1, [{ logIndex, digest: 'b' }]);
  // Index 2 was told so long ago that it is forgotten: one more voice for it is not a majority.
  watch.toTell({ logIndex: 2, digest: 'a', sequenceNumber: 20 });
  assert.equal(watch.told(2, [{ logIndex: 2, digest: 'b' }]), 'equal');
});

test('up to where each peer was seen to be equal is known, and never goes back', () => {
  const watch = watchOf();
  watch.delivered({ logIndex: 256, digest: 'a', sequenceNumber: 2560 });
  watch.delivered({ logIndex: 512, digest: 'b', sequenceNumber: 5120 });
  assert.equal(watch.equalUpTo(1), 0);
  watch.told(1, [{ logIndex: 512, digest: 'b' }]);
  watch.told(1, [{ logIndex: 256, digest: 'a' }]);
  assert.equal(watch.equalUpTo(1), 5120);
  watch.told(2, [
    { logIndex: 256, digest: 'a' },
    { logIndex: 512, digest: 'other' },
    { logIndex: 768, digest: 'not here yet' },
  ]);
  assert.equal(watch.equalUpTo(2), 2560);
});

test('a member is confirmed when a majority of the voters agrees with it, whatever learners say', () => {
  const learner = new DigestWatch();
  learner.viewChanged(3, viewOf(1, [0, 1, 2, 3, 4], [3, 4]));
  learner.toTell({ logIndex: 10, digest: 'a', sequenceNumber: 100 });
  learner.told(4, [{ logIndex: 10, digest: 'a' }]);
  learner.told(0, [{ logIndex: 10, digest: 'a' }]);
  learner.told(1, [{ logIndex: 9, digest: 'a' }]);
  assert(!learner.isConfirmed);
  learner.told(2, [{ logIndex: 10, digest: 'a' }]);
  assert(learner.isConfirmed);
});

test('H22: who received the state of one that had gone astray unnoticed does not outvote, with it, the one that is right', () => {
  // Member 1 went astray while member 2 was away; member 2 received its state from it.
  const right = watchAt(10, 'right');
  assert.equal(right.told(1, [{ logIndex: 10, digest: 'wrong' }]), 'equal', 'the third has not told');
  assert.equal(right.told(2, [{ logIndex: 10, digest: 'wrong' }], 'm1'), 'no-majority');
  const astray = watchAt(10, 'wrong');
  astray.told(1, [{ logIndex: 10, digest: 'right' }]);
  assert.equal(astray.told(2, [{ logIndex: 10, digest: 'wrong' }], 'm0'), 'no-majority', 'nor do they go on');
  const received = new DigestWatch('m1');
  received.viewChanged(0, viewOf(1, [0, 1, 2]));
  received.toTell({ logIndex: 10, digest: 'wrong', sequenceNumber: 100 });
  assert.equal(received.told(1, [{ logIndex: 10, digest: 'wrong' }]), 'equal');
  assert.equal(received.told(2, [{ logIndex: 10, digest: 'right' }]), 'no-majority');
});

test('H22: who received a state is a witness of its own as soon as a majority beside it agrees with it', () => {
  const received = new DigestWatch('m1');
  received.viewChanged(0, viewOf(1, [0, 1, 2]));
  received.toTell({ logIndex: 10, digest: 'a', sequenceNumber: 100 });
  received.told(1, [{ logIndex: 10, digest: 'a' }]);
  assert.equal(received.stateFrom, 'm1');
  received.told(2, [{ logIndex: 10, digest: 'a' }]);
  assert.equal(received.stateFrom, null);
  const watch = watchAt(10, 'wrong');
  watch.told(1, [{ logIndex: 10, digest: 'a' }]);
  assert.equal(watch.told(2, [{ logIndex: 10, digest: 'a' }], null), 'minority');
});

test('of two members of which one has the state of the other neither is outvoted, and a learner can be confirmed by them', () => {
  const watch = watchAt(10, 'a', 2);
  assert.equal(watch.told(1, [{ logIndex: 10, digest: 'a' }], 'm0'), 'equal');
  const learner = new DigestWatch('m0');
  learner.viewChanged(2, viewOf(1, [0, 1, 2], [2]));
  learner.toTell({ logIndex: 10, digest: 'a', sequenceNumber: 100 });
  learner.told(0, [{ logIndex: 10, digest: 'a' }], 'm1');
  learner.told(1, [{ logIndex: 10, digest: 'a' }], 'm0');
  assert(learner.isConfirmed);
});

/** Voters 0 and up that tell each other where they stand; `stateFrom`: of each. */
class Group {
  readonly watches: readonly DigestWatch[];

  constructor(stateFrom: readonly (string | null)[]) {
    this.watches = stateFrom.map((donor) => new DigestWatch(donor));
    const ordinals = stateFrom.map((_, ordinal) => ordinal);
    for (const [ordinal, watch] of this.watches.entries()) watch.viewChanged(ordinal, viewOf(1, ordinals));
  }

  get stateFrom(): readonly (string | null)[] {
    return this.watches.map((watch) => watch.stateFrom);
  }

  /** Each tells all others its digest at `logIndex`, null: it is silent. What each comes to in the end. */
  tell(logIndex: number, digests: readonly (string | null)[]): readonly Judgement[] {
    const points = this.watches.map((watch, i) => {
      const digest = digests[i]!;
      return digest === null ? null : watch.toTell({ logIndex, digest, sequenceNumber: logIndex });
    });
    return this.watches.map((watch, i) => {
      let last: Judgement = 'equal';
      for (const [from, told] of points.entries()) {
        if (from === i || told === null) continue;
        const judgement = watch.told(from, told, this.watches[from]!.stateFrom);
        if (judgement !== 'equal') last = judgement;
      }
      return last;
    });
  }
}

const ALL_STOP = ['no-majority', 'no-majority', 'no-majority', 'no-majority', 'no-majority'];
const ONE_STOPS = ['equal', 'equal', 'equal', 'equal', 'minority'];

test('H22: all have the state of one member, all were equal, and one goes astray: it stops alone, also the donor', () => {
  const group = new Group([null, 'm0', 'm0', 'm0', 'm0']);
  assert.deepEqual(group.tell(10, ['a', 'a', 'a', 'a', 'a']), ['equal', 'equal', 'equal', 'equal', 'equal']);
  assert.deepEqual(group.stateFrom, [null, null, null, null, null]);
  assert.deepEqual(group.tell(11, ['b', 'b', 'b', 'b', 'x']), ONE_STOPS);
  const ofDonor = new Group(['m4', 'm4', 'm4', 'm4', null]);
  ofDonor.tell(10, ['a', 'a', 'a', 'a', 'a']);
  assert.deepEqual(ofDonor.tell(11, ['b', 'b', 'b', 'b', 'x']), ONE_STOPS);
});

test('H22: as long as one has not told, those with the state of one member stay one witness', () => {
  const group = new Group([null, 'm0', 'm0', 'm0', 'm0']);
  group.tell(10, ['a', 'a', 'a', 'a', null]);
  assert.deepEqual(group.stateFrom, [null, 'm0', 'm0', 'm0', 'm0']);
  // It is the one that is right, as far as anybody knows.
  assert.deepEqual(group.tell(11, ['b', 'b', 'b', 'b', 'x']), ALL_STOP);
});

test('H22: equal at different places, or in part only, is not equal at one', () => {
  const group = new Group([null, 'm0', 'm0']);
  group.watches[1]!.toTell({ logIndex: 10, digest: 'a', sequenceNumber: 10 });
  group.watches[1]!.told(0, [{ logIndex: 10, digest: 'a' }]);
  group.watches[1]!.told(2, [{ logIndex: 11, digest: 'a' }], 'm0');
  group.watches[1]!.told(2, [{ logIndex: 10, digest: 'b' }], 'm0');
  assert.equal(group.watches[1]!.stateFrom, 'm0');
});
