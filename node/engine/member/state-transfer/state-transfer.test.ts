import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Loss } from '../../../../applier/testing/fault-disk.ts';
import { encodeBatch, encodeGroupMessage } from '../../../../certifier/index.ts';
import { SeededRandom } from '../../../../gcs/base/index.ts';
import type { LogEntry, StateSource } from '../../../../gcs/core/index.ts';
import { openState, readMarker, StateReceiver } from './index.ts';
import { copyOf, factsOf, GROUP_ID, type MemberFiles, newFiles, Run, reference } from './testing/member-files.ts';

const CHUNK_BYTES = 700;

/** A member that has taken the first `upTo` entries through, has flushed some of them, and has given up what it could. */
function donorOf(entries: readonly LogEntry[], upTo: number, laneCount = 2): Run {
  const run = new Run(newFiles('donor', laneCount));
  for (let at = 10; at <= upTo; at += 10) {
    run.take(entries.slice(0, at));
    if (at % 20 === 0) run.flush();
    run.makeVerdictsDurable();
    run.truncate();
  }
  run.take(entries.slice(0, upTo));
  return run;
}

function chunksOf(source: StateSource, bytesMax = CHUNK_BYTES): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (;;) {
    const chunk = source.next(bytesMax);
    if (chunk === null) break;
    assert.ok(chunk.length >= 1 && chunk.length <= bytesMax);
    chunks.push(chunk);
  }
  source.close();
  return chunks;
}

/** Hands the chunks over, one after the other. The error, or null when the state is whole. */
function receive(run: Run, receiver: StateReceiver, chunks: readonly Uint8Array[]): Error | null {
  const sink = receiver.begin();
  let answer: Error | null | undefined;
  for (const chunk of chunks) {
    answer = undefined;
    sink.take(chunk, (error) => {
      answer = error;
    });
    for (let i = 0; i < 200 && answer === undefined; i++) run.settle();
    assert.notEqual(answer, undefined, 'a chunk is answered');
    if (answer !== null) {
      sink.aborted('refused');
      return answer ?? null;
    }
  }
  answer = undefined;
  receiver.finish((error) => {
    answer = error;
  });
  run.settle();
  assert.notEqual(answer, undefined);
  return answer ?? null;
}

/** Receives it all in one go, and comes back as the next run. */
function received(files: MemberFiles, chunks: readonly Uint8Array[]): Run {
  const run = new Run(files);
  const receiver = new StateReceiver(run.receiverSetup());
  assert.equal(receive(run, receiver, chunks), null);
  receiver.close(() => {});
  run.settle();
  return new Run(copyOf(files));
}

test('C6: who receives a state judges everything behind it as the donor does, with lanes of its own number', () => {
  for (const seed of [1, 2, 3, 7]) {
    const { entries, facts } = reference(seed, 90);
    const donor = donorOf(entries, 60);
    const at = donor.state.deliveredUpTo;
    const run = received(
      newFiles('receiver', 1 + (seed % 4)),
      chunksOf(openState({ state: donor.state, log: donor.log })),
    );
    assert.equal(readMarker(run.files.disk).kind, 'complete');
    assert.deepEqual(factsOf(run.state), facts[at], `seed ${seed}`);
    assert.equal(run.log.lastIndex, at);
    for (let upTo = at + 1; upTo <= entries.length; upTo++) {
      run.take(entries.slice(0, upTo));
      assert.deepEqual(factsOf(run.state), facts[upTo], `seed ${seed}, entry ${upTo}`);
    }
    // And it can be restarted, truncated, and be a donor itself.
    run.flush();
    run.truncate();
    const third = received(newFiles('third', 2), chunksOf(openState({ state: run.state, log: run.log })));
    assert.deepEqual(factsOf(third.state), factsOf(run.state));
    assert.deepEqual(third.log.lastMessagesAt(third.log.lastIndex), run.log.lastMessagesAt(third.log.lastIndex));
  }
});

test('C6: a state is that of the moment at which it was opened, however much is written meanwhile', () => {
  const { entries, facts } = reference(2, 100);
  const donor = donorOf(entries, 50);
  const at = donor.state.deliveredUpTo;
  const source = openState({ state: donor.state, log: donor.log });
  const chunks: Uint8Array[] = [];
  for (let upTo = 51; ; upTo++) {
    const chunk = source.next(300);
    if (chunk === null) break;
    chunks.push(chunk);
    if (upTo > entries.length) continue;
    donor.take(entries.slice(0, upTo));
    donor.state.forgetHistory();
    donor.state.store.flushNow(() => {});
    donor.settle();
    donor.truncate();
  }
  const { firstIndex } = donor.log;
  source.close();
  const run = received(newFiles('receiver', 3), chunks);
  assert.deepEqual(factsOf(run.state), facts[at]);
  donor.flush();
  donor.truncate();
  assert.ok(donor.log.firstIndex > firstIndex, 'the log is let go of when the source is closed');
});

test('H3: log and verdicts are kept for who receives them, however slow that is', () => {
  const { entries, facts } = reference(2, 100);
  const donor = donorOf(entries, 50);
  const at = donor.state.deliveredUpTo;
  const source = openState(partsOf(donor));
  for (let upTo = 51; upTo <= entries.length; upTo += 5) {
    donor.take(entries.slice(0, upTo));
    donor.makeVerdictsDurable();
    donor.state.forgetHistory();
    donor.state.store.flushNow(() => {});
    donor.settle();
    donor.truncate();
  }
  assert.deepEqual(factsOf(received(newFiles('receiver', 1), chunksOf(source)).state), facts[at]);
});

test('an empty group, and one without a transaction, can be received', () => {
  const { entries, facts } = reference(1, 30);
  for (const upTo of [0, 1]) {
    const donor = new Run(newFiles('donor', 1));
    if (upTo > 0) donor.take(entries.slice(0, upTo));
    const at = donor.state.deliveredUpTo;
    const run = received(newFiles('receiver', 2), chunksOf(openState({ state: donor.state, log: donor.log })));
    assert.deepEqual(factsOf(run.state), facts[at]);
    run.take(entries);
    assert.deepEqual(factsOf(run.state), facts[entries.length]);
  }
});

test('a donor that has to end its snapshot says so, and nothing is taken of that', () => {
  const { entries } = reference(2, 60);
  const donor = donorOf(entries, 50);
  let end = (): void => {};
  const { store } = donor.state;
  const acquire = store.acquireSnapshotAt.bind(store);
  store.acquireSnapshotAt = (sequenceNumber, ended) => {
    end = ended;
    return acquire(sequenceNumber, ended);
  };
  const source = openState({ state: donor.state, log: donor.log });
  const chunks = [source.next(CHUNK_BYTES)!];
  end();
  chunks.push(...chunksOf(source));
  const run = new Run(newFiles('receiver', 1));
  const error = receive(run, new StateReceiver(run.receiverSetup()), chunks);
  assert.match(error?.message ?? '', /snapshot/);
  assert.equal(readMarker(run.files.disk).kind, 'receiving');
});

/** A receiver with a past: another state, which is replaced. */
function filesWithPast(entries: readonly LogEntry[], laneCount: number): MemberFiles {
  const run = new Run(newFiles('receiver', laneCount));
  run.take(entries.slice(0, 25));
  run.flush();
  run.take(entries.slice(0, 33));
  run.makeVerdictsDurable();
  return copyOf(run.files);
}

const LOSSES: readonly Loss[] = [
  { sector: () => false, replaced: false, created: 'no', removedAreBack: false },
  { sector: () => true, replaced: true, created: 'whole', removedAreBack: true },
  { sector: (sector) => sector % 2 === 0, replaced: false, created: 'empty', removedAreBack: true },
];

test('R9, R12: the power goes at every step of a transfer: the old state is there, or the new one, or it begins anew', () => {
  const { entries, facts } = reference(3, 80);
  const donor = donorOf(entries, 60);
  const at = donor.state.deliveredUpTo;
  const chunks = chunksOf(openState({ state: donor.state, log: donor.log }));
  const before = filesWithPast(entries, 2);
  const outcomes = { old: 0, anew: 0, whole: 0 };
  for (let steps = 0; ; steps++) {
    let isThrough = false;
    for (const [number, loss] of LOSSES.entries()) {
      const run = new Run(copyOf(before));
      const receiver = new StateReceiver(run.receiverSetup());
      isThrough = runSteps(run, receiver, chunks, steps);
      const after = copyOf(run.files, loss);
      const marker = readMarker(after.disk);
      if (marker.kind === 'receiving') {
        outcomes.anew++;
        assert.deepEqual(factsOf(received(after, chunks).state), facts[at], `step ${steps}, loss ${number}`);
        continue;
      }
      const again = new Run(after);
      const isNew = again.log.lastIndex === at;
      if (isNew) outcomes.whole++;
      else outcomes.old++;
      assert.deepEqual(factsOf(again.state), facts[isNew ? at : 33], `step ${steps}, loss ${number}`);
    }
    if (isThrough) break;
  }
  assert.ok(outcomes.old > 0 && outcomes.anew > 30 && outcomes.whole > 0, JSON.stringify(outcomes));
});

/** Lets so many operations of the disk and turns of the clock happen. True: it was through before that. */
function runSteps(run: Run, receiver: StateReceiver, chunks: readonly Uint8Array[], steps: number): boolean {
  const sink = receiver.begin();
  let next = 0;
  let isWaiting = false;
  let isFinished = false;
  for (let step = 0; step < steps; step++) {
    if (!isWaiting && next < chunks.length) {
      isWaiting = true;
      sink.take(chunks[next++]!, (error) => {
        assert.equal(error, null);
        isWaiting = false;
      });
    } else if (!isWaiting) {
      isWaiting = true;
      receiver.finish((error) => {
        assert.equal(error, null);
        isFinished = true;
      });
    }
    if (isFinished) return true;
    if (!run.files.disk.finishOne()) run.clock.advance(1);
  }
  return false;
}

test('R9: a transfer that breaks off in the middle is followed by another, also from another donor', () => {
  const { entries, facts } = reference(7, 80);
  const first = chunksOf(openState(partsOf(donorOf(entries, 50))));
  const second = chunksOf(openState(partsOf(donorOf(entries, 70, 1))));
  const at = donorOf(entries, 70).state.deliveredUpTo;
  const random = new SeededRandom(1);
  for (let broken = 1; broken < first.length; broken += 3) {
    const run = new Run(filesWithPast(entries, 3));
    const receiver = new StateReceiver(run.receiverSetup());
    const sink = receiver.begin();
    for (const chunk of first.slice(0, broken)) {
      sink.take(chunk, () => {});
      for (let i = random.below(4); i > 0; i--) run.settle();
    }
    sink.aborted('the connection is lost');
    assert.equal(receive(run, receiver, second), null);
    const again = new Run(copyOf(run.files));
    assert.deepEqual(factsOf(again.state), facts[at]);
  }
});

test('R17: what the receiver promised in elections stays, and how far its log went', () => {
  const { entries } = reference(2, 60);
  const run = new Run(newFiles('receiver', 1));
  run.take(entries.slice(0, 55));
  const hardState = { term: 77, votedFor: 2, claim: null };
  run.log.persist({ number: run.log.lastRequest + 1, hardState, entries: [] });
  run.settle();
  const end = { index: run.log.lastIndex, term: run.log.termAt(run.log.lastIndex) };
  const again = received(copyOf(run.files), chunksOf(openState(partsOf(donorOf(entries, 40)))));
  assert.equal(again.log.hardState.term, 77);
  assert.equal(again.log.hardState.votedFor, 2);
  assert.ok(again.log.lastIndex < end.index);
  assert.deepEqual(again.log.hardState.claim, end);
});

test('R17: the term of the receiver is at least that of the log that it receives, and it has not voted in one that is new to it', () => {
  const { entries } = reference(2, 60);
  const donor = donorOf(entries, 50);
  const run = new Run(newFiles('receiver', 1));
  run.log.persist({ number: 1, hardState: { term: 1, votedFor: 2, claim: null }, entries: [] });
  run.settle();
  const again = received(copyOf(run.files), chunksOf(openState(partsOf(donor))));
  const lastTerm = again.log.termAt(again.log.lastIndex);
  assert.ok(lastTerm > 1);
  assert.deepEqual(again.log.hardState, { term: lastTerm, votedFor: null, claim: null });
});

test('R17: a leader of a term before that of the donor means nothing to the receiver: it may lack what the state has', () => {
  const { entries } = reference(2, 60);
  const donor = donorOf(entries, 50);
  donor.log.persist({
    number: donor.log.lastRequest + 1,
    hardState: { term: 90, votedFor: 0, claim: null },
    entries: [],
  });
  donor.settle();
  const run = new Run(newFiles('receiver', 1));
  run.log.persist({ number: 1, hardState: { term: 1, votedFor: 2, claim: null }, entries: [] });
  run.settle();
  const again = received(copyOf(run.files), chunksOf(openState(partsOf(donor))));
  assert.deepEqual(again.log.hardState, { term: 90, votedFor: null, claim: null });
});

test('I15: a state with any byte changed, cut anywhere, or of another group is refused and never marked as whole', () => {
  const { entries } = reference(2, 30);
  const donor = donorOf(entries, 20, 1);
  const whole = joined(chunksOf(openState(partsOf(donor))));
  const attempt = (bytes: Uint8Array, groupId = GROUP_ID): Error | null => {
    const run = new Run(newFiles('receiver', 1));
    const receiver = new StateReceiver({ ...run.receiverSetup(), groupId });
    const error = receive(run, receiver, [bytes]);
    assert.notEqual(error, null);
    if (run.files.disk.files.has('transfer.json')) assert.equal(readMarker(run.files.disk).kind, 'receiving');
    return error;
  };
  for (let at = 0; at < whole.length; at += 1 + (at % 11)) {
    const changed = whole.slice();
    changed[at]! ^= at % 2 === 0 ? 0x21 : 0xff;
    attempt(changed);
    attempt(whole.slice(0, at));
  }
  attempt(joined([whole, whole]));
  assert.match(attempt(whole, 'another')!.message, /another group/);
});

test('R16: a receiver waits for room, wherever it is wanted, and goes on by itself', () => {
  const { entries, facts } = reference(3, 80);
  const donor = donorOf(entries, 60);
  const at = donor.state.deliveredUpTo;
  const chunks = chunksOf(openState(partsOf(donor)));
  for (let full = 0; full < 60; full += 4) {
    const run = new Run(filesWithPast(entries, 2));
    const receiver = new StateReceiver(run.receiverSetup());
    const sink = receiver.begin();
    let next = 0;
    let isWaiting = false;
    let answer: Error | null | undefined;
    for (let step = 0; answer === undefined; step++) {
      assert.ok(step < 20_000, 'it comes to its end');
      const isFull = step >= full && step < full + 3000;
      run.files.disk.isFull = isFull;
      for (const lane of run.files.lanes) lane.hasRoom = !isFull;
      if (!isWaiting && next < chunks.length) {
        isWaiting = true;
        sink.take(chunks[next++]!, (error) => {
          assert.equal(error, null);
          isWaiting = false;
        });
      } else if (!isWaiting) {
        isWaiting = true;
        receiver.finish((error) => {
          answer = error;
        });
      }
      if (!run.files.disk.finishOne()) run.clock.advance(1);
    }
    assert.equal(answer, null);
    assert.equal(run.rooms.at(-1) ?? true, true);
    assert.deepEqual(factsOf(new Run(copyOf(run.files)).state), facts[at]);
  }
});

test('a receiver that is closed while it waits for room lets go at once', () => {
  const { entries } = reference(3, 80);
  const chunks = chunksOf(openState(partsOf(donorOf(entries, 60))));
  const run = new Run(filesWithPast(entries, 2));
  const receiver = new StateReceiver(run.receiverSetup());
  run.files.disk.isFull = true;
  receiver.begin().take(chunks[0]!, () => assert.fail('nothing is answered'));
  run.settle();
  assert.deepEqual(run.rooms, [false]);
  let isClosed = false;
  receiver.close(() => {
    isClosed = true;
  });
  run.settle();
  assert.ok(isClosed);
});

test('R16: a receiver that is closed lets go, whatever turns out to have no room then', () => {
  const { entries } = reference(3, 80);
  const chunks = chunksOf(openState(partsOf(donorOf(entries, 60))));
  for (let closedAt = 0; closedAt < 400; closedAt += 3) {
    const run = new Run(filesWithPast(entries, 2));
    const receiver = new StateReceiver(run.receiverSetup());
    const sink = receiver.begin();
    let next = 0;
    let isWaiting = false;
    for (let step = 0; step < closedAt; step++) {
      if (!isWaiting && next < chunks.length) {
        isWaiting = true;
        sink.take(chunks[next++]!, () => {
          isWaiting = false;
        });
      } else if (!isWaiting) receiver.finish(() => {});
      if (!run.files.disk.finishOne()) run.clock.advance(1);
    }
    let isClosed = false;
    receiver.close(() => {
      isClosed = true;
    });
    run.files.disk.isFull = true;
    for (const lane of run.files.lanes) lane.hasRoom = false;
    run.settle();
    run.clock.advance(5000);
    run.settle();
    assert.ok(isClosed, `closed at step ${closedAt}`);
  }
});

test('R16: a receiver lets go also where one of its lanes waits for room and the others have it', () => {
  const { entries } = reference(3, 80);
  const chunks = chunksOf(openState(partsOf(donorOf(entries, 60))));
  for (let closedAt = 0; closedAt < 400; closedAt += 7) {
    const run = new Run(filesWithPast(entries, 2));
    run.files.lanes[0]!.hasRoom = false;
    const receiver = new StateReceiver(run.receiverSetup());
    const sink = receiver.begin();
    let next = 0;
    let isWaiting = false;
    for (let step = 0; step < closedAt; step++) {
      if (!isWaiting && next < chunks.length) {
        isWaiting = true;
        sink.take(chunks[next++]!, () => {
          isWaiting = false;
        });
      } else if (!isWaiting) receiver.finish(() => {});
      if (!run.files.disk.finishOne()) run.clock.advance(1);
    }
    if (run.rooms.length > 0) assert.equal(run.rooms.at(-1), false, 'it does not say that there is room');
    let isClosed = false;
    receiver.close(() => {
      isClosed = true;
    });
    run.settle();
    run.clock.advance(5000);
    run.settle();
    assert.ok(isClosed, `closed at step ${closedAt}`);
  }
});

test('the rows of a large transaction get to their places chunk by chunk, not all in the turn of one', () => {
  const { entries } = reference(4, 30);
  const donor = donorOf(entries, 30);
  const { state, log } = donor;
  const { incarnation, messageNumber } = log.lastMessagesAt(log.lastIndex).get(0)!;
  const payload = encodeBatch([
    encodeGroupMessage({
      kind: 'transaction',
      transaction: {
        snapshotVersion: state.certifier.sequenceNumber,
        writeSet: Array.from({ length: 6000 }, (_, i) => ({
          kind: 'put',
          key: `\0\0\xff\x07${String((i * 7919) % 6000).padStart(4, '0')}`,
          image: Uint8Array.of(i & 0xff),
        })),
      },
    }),
  ]);
  const entry: LogEntry = {
    ...entries.at(-1)!,
    index: log.lastIndex + 1,
    kind: 'message',
    origin: 0,
    incarnation,
    messageNumber: messageNumber + 1,
    isCompressed: false,
    payload,
  };
  donor.append([entry]);
  const slices = state.deliverInSlices({ ...entry, ticket: null, chosenMs: 0 }, 500);
  while (slices.next().done !== true);
  assert.ok(!state.store.isSettled);
  const source = openState({ state, log });
  const chunks: Uint8Array[] = [];
  let settled = 0;
  const { store } = state;
  const settle = store.settle.bind(store);
  store.settle = (rowsMax) => {
    settled += rowsMax;
    settle(rowsMax);
  };
  for (;;) {
    const before = settled;
    const chunk = source.next(100_000);
    assert.ok(settled - before <= 1000, `${settled - before} rows in one turn`);
    if (chunk === null) break;
    chunks.push(chunk);
  }
  assert.equal(settled, 6000);
  source.close();
  assert.deepEqual(factsOf(received(newFiles('receiver', 2), chunks).state), factsOf(state));
});

function partsOf({ state, log }: Run): Parameters<typeof openState>[0] {
  return { state, log };
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
}
