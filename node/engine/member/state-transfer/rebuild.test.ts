/** What a restart makes of the directory, whatever was given up of it, and how a directory that lacks something is told. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { copyOf, factsOf, newFiles, Run, reference } from './testing/member-files.ts';

const SEEDS = [1, 2, 3, 4];

test('H3: after a truncation at every possible point a restart rebuilds an equal state', () => {
  for (const seed of SEEDS) {
    const { entries, facts } = reference(seed, 80);
    let run = new Run(newFiles('member', 1 + (seed % 3)));
    let truncations = 0;
    for (let upTo = 1; upTo <= entries.length; upTo++) {
      run.take(entries.slice(0, upTo));
      if (upTo % 4 === seed % 4) run.flush();
      else if (upTo % 4 === 1) run.makeVerdictsDurable();
      run.truncate();
      if (run.log.firstIndex > 1 && run.state.verdicts.base.logIndex > 0) truncations++;
      assert.deepEqual(factsOf(run.state), facts[upTo]);
      const again = new Run(copyOf(run.files));
      assert.equal(again.found.kind, 'usable', JSON.stringify(again.found));
      again.take(entries.slice(0, upTo));
      assert.deepEqual(factsOf(again.state), facts[upTo], `seed ${seed}, entry ${upTo}`);
      if (upTo % 10 === 0) run = again;
    }
    assert.ok(truncations > 20, `${truncations} truncations`);
  }
});

test('H3: what is needed begins behind the purge floor and behind the lowest flush point, and only rises', () => {
  const { entries } = reference(7, 60);
  const run = new Run(newFiles('member', 2));
  let before = 0;
  for (let upTo = 1; upTo <= entries.length; upTo++) {
    run.take(entries.slice(0, upTo));
    if (upTo % 5 === 0) run.flush();
    const { neededFrom, verdicts, store } = run.state;
    assert.ok(neededFrom >= before);
    before = neededFrom;
    const { purgeFloor, sequenceNumber } = verdicts.stateAtEnd;
    const first = Math.min(purgeFloor, store.flushedUpTo) + 1;
    if (first <= sequenceNumber) assert.ok(neededFrom <= verdicts.logIndexOf(first));
    assert.ok(neededFrom <= run.state.deliveredUpTo + 1);
    assert.equal(run.log.partialFrom(neededFrom - 1), neededFrom);
  }
  assert.ok(before > 20, `${before}`);
});

test('H3: what somebody holds is needed', () => {
  const { entries } = reference(7, 60);
  const run = new Run(newFiles('member', 1));
  run.take(entries.slice(0, 30));
  run.flush();
  const { neededFrom } = run.state;
  const hold = run.state.holdVerdicts(neededFrom);
  run.take(entries);
  run.flush();
  assert.equal(run.state.neededFrom, neededFrom);
  hold.release();
  assert.ok(run.state.neededFrom > neededFrom);
});

test('H5: the oldest snapshot that may still write counts until it has come back', () => {
  const { entries } = reference(7, 60);
  const run = new Run(newFiles('member', 1));
  run.take(entries.slice(0, 20));
  const at = run.state.store.appliedUpTo;
  assert.equal(run.state.oldestNeeded, at);
  const first = run.state.holdFloor(at);
  run.take(entries.slice(0, 40));
  const later = run.state.holdFloor(run.state.store.appliedUpTo);
  assert.equal(run.state.oldestNeeded, at);
  first.release();
  first.release();
  assert.equal(run.state.oldestNeeded, run.state.store.appliedUpTo);
  run.take(entries);
  assert.ok(run.state.oldestNeeded < run.state.store.appliedUpTo);
  later.release();
  assert.equal(run.state.oldestNeeded, run.state.store.appliedUpTo);
});

test('R16: verdicts that wait for room are written by themselves once there is room, and it is told', () => {
  const { entries } = reference(3, 60);
  const run = new Run(newFiles('member', 1));
  run.take(entries.slice(0, 5));
  run.makeVerdictsDurable();
  run.files.disk.isFull = true;
  for (let upTo = 6; upTo <= 30; upTo++) {
    for (const entry of entries.slice(upTo - 1, upTo)) {
      run.log.persist({ number: run.log.lastRequest + 1, hardState: null, entries: [entry] });
    }
    run.take(entries.slice(0, upTo));
    run.state.verdicts.makeDurable(() => {});
    run.settle();
  }
  assert.deepEqual(run.rooms, [false]);
  assert.equal(run.state.hasRoom, false);
  run.files.disk.isFull = false;
  for (let i = 0; i < 400; i++) run.settle();
  assert.deepEqual(run.rooms, [false, true]);
  assert.equal(run.state.verdicts.stateAtEnd.logIndex, run.state.deliveredUpTo);
});

test('R16: a state is closed, whatever waits for room at whatever moment, and a restart has what was durable', () => {
  const { entries, facts } = reference(3, 60);
  for (const [isDiskFull, isLaneFull] of [
    [true, false],
    [false, true],
    [true, true],
    [false, false],
  ]) {
    for (let steps = 0; steps < 24; steps += 3) {
      const run = new Run(newFiles('member', 2));
      run.take(entries.slice(0, 20));
      run.flush();
      run.take(entries);
      run.files.disk.isFull = isDiskFull!;
      for (const lane of run.files.lanes) lane.hasRoom = !isLaneFull;
      run.state.forgetHistory();
      if (steps % 2 === 0) run.state.store.flushNow(() => {});
      for (let step = 0; step < steps; step++) if (!run.files.disk.finishOne()) run.clock.advance(1);
      let isClosed = false;
      run.state.close(() => {
        isClosed = true;
      });
      run.settle();
      assert.ok(isClosed, `full: ${isDiskFull}, ${isLaneFull}, ${steps} steps`);
      const again = new Run(copyOf(run.files));
      again.take(entries);
      assert.deepEqual(factsOf(again.state), facts[entries.length]);
    }
  }
});

test('a lane that was lost is written again from the log, as long as the log reaches back', () => {
  const { entries, facts } = reference(7, 60);
  const run = new Run(newFiles('member', 2));
  for (let upTo = 1; upTo <= entries.length; upTo++) run.take(entries.slice(0, upTo));
  run.flush();
  const lost = copyOf(run.files);
  lost.lanes[1]!.rows.clear();
  lost.lanes[1]!.flushedUpTo = 0;
  const again = new Run(lost);
  again.take(entries);
  assert.deepEqual(factsOf(again.state), facts[entries.length]);
  run.truncate();
  assert.ok(run.log.firstIndex > 1);
  const later = copyOf(run.files);
  later.lanes[1]!.rows.clear();
  later.lanes[1]!.flushedUpTo = 0;
  assert.equal(new Run(later).found.kind, 'needs-state');
});

test('H3: wherever the log begins, within a message, too, a restart rebuilds an equal state or asks for one', () => {
  const outcomes = { usable: 0, 'needs-state': 0, refused: 0 };
  for (const seed of SEEDS) {
    const { entries, facts } = reference(seed, 60);
    const run = new Run(newFiles('member', 2));
    for (let upTo = 1; upTo <= entries.length; upTo++) {
      run.take(entries.slice(0, upTo));
      if (upTo === 40) run.flush();
      run.makeVerdictsDurable();
    }
    for (let before = 0; before < 50; before++) {
      run.log.truncate(before);
      run.settle();
      const again = new Run(copyOf(run.files));
      outcomes[again.found.kind]++;
      if (again.found.kind !== 'usable') continue;
      again.take(entries);
      assert.deepEqual(factsOf(again.state), facts[entries.length], `seed ${seed}, from ${run.log.firstIndex} on`);
    }
  }
  assert.ok(outcomes.usable > 20 && outcomes['needs-state'] > 20 && outcomes.refused === 0, JSON.stringify(outcomes));
});

for (const flushedUpTo of [20, 40]) {
  test(`R13: whatever byte of the verdict file is lost, lanes up to entry ${flushedUpTo}, a restart rebuilds an equal state or asks for one`, () => {
    const { entries, facts } = reference(2, 40);
    const run = new Run(newFiles('member', 2));
    for (let upTo = 5; upTo <= 40; upTo += 5) {
      run.take(entries.slice(0, upTo));
      run.makeVerdictsDurable();
      if (upTo === flushedUpTo) run.flush();
    }
    run.truncate();
    const outcomes = { usable: 0, 'needs-state': 0, refused: 0 };
    for (const name of run.files.disk.list().filter((each) => each.startsWith('verdicts'))) {
      const bytes = run.files.disk.files.get(name)!;
      for (let at = 0; at < bytes.length; at += 1 + (at % 7)) {
        if (bytes[at] === 0) continue;
        const files = copyOf(run.files);
        files.disk.files.get(name)![at]! ^= 0x15;
        const again = new Run(files);
        outcomes[again.found.kind]++;
        if (again.found.kind !== 'usable') continue;
        again.take(entries.slice(0, 40));
        assert.deepEqual(factsOf(again.state), facts[40], `${name} at ${at}`);
      }
    }
    assert.ok(outcomes['needs-state'] > 20 && outcomes.refused === 0, JSON.stringify(outcomes));
    // The last block could be a torn one; but not where a lane has what it admitted (H3).
    assert.equal(outcomes.usable > 0, flushedUpTo < 40);
  });
}

test('R13: whatever byte of the log is lost, it is repaired by chosen entries, cut with a claim, or a state is asked for', () => {
  const { entries, facts } = reference(2, 40);
  const run = new Run(newFiles('member', 2));
  for (let upTo = 1; upTo <= 40; upTo++) {
    // In blocks of several entries, one of them with both such that have kept verdicts and such that have none.
    if (upTo % 4 === 1) run.append(entries.slice(upTo - 1, upTo + 3));
    run.take(entries.slice(0, upTo));
    if (upTo === 15) run.flush();
    if (upTo % 10 === 5) run.makeVerdictsDurable();
  }
  const keptUpTo = run.state.verdicts.stateAtEnd.logIndex;
  run.log.seal();
  run.settle();
  const lastIndex = run.log.lastIndex;
  const outcomes = { repaired: 0, cut: 0, both: 0, state: 0, fine: 0 };
  for (const name of run.files.disk.list().filter((each) => !each.startsWith('verdicts'))) {
    const bytes = run.files.disk.files.get(name)!;
    for (let at = 0; at < bytes.length; at += 1 + (at % 23)) {
      if (bytes[at] === 0) continue;
      const files = copyOf(run.files);
      files.disk.files.get(name)![at]! ^= 0x15;
      const harmed = new Run(files);
      const { found, log } = harmed;
      const where = `${name} at ${at}`;
      assert.notEqual(found.kind, 'refused', where);
      if (found.kind !== 'usable') {
        outcomes.state++;
        continue;
      }
      const { discardFrom, claim, repair } = found;
      for (const { from, upTo } of repair) {
        outcomes.repaired++;
        assert.ok(upTo <= keptUpTo, where);
        for (const entry of entries.slice(from - 1, upTo)) {
          log.repair(entry, () => {});
          harmed.settle();
        }
      }
      if (discardFrom !== null) {
        outcomes.cut++;
        assert.ok(discardFrom > keptUpTo, where);
        log.discardFrom(discardFrom, claim!, () => {});
        harmed.settle();
      }
      if (discardFrom === null && repair.length === 0) outcomes.fine++;
      if (discardFrom !== null && repair.length > 0) outcomes.both++;
      found.verdicts.close(() => {});
      const again = new Run(copyOf(files));
      assert.ok(
        again.found.kind === 'usable' && again.found.repair.length === 0 && again.found.discardFrom === null,
        where,
      );
      if (again.log.lastIndex < lastIndex) {
        assert.deepEqual(again.log.hardState.claim, { index: lastIndex, term: entries[lastIndex - 1]!.term }, where);
      }
      assert.deepEqual(factsOf(again.state), facts[again.state.deliveredUpTo], where);
      again.take(entries);
      assert.deepEqual(factsOf(again.state), facts[entries.length], where);
    }
  }
  assert.ok(outcomes.repaired > 5 && outcomes.cut > 5 && outcomes.both > 0, JSON.stringify(outcomes));
});

test('a log that ends before the verdicts asks for a state, and claims what it had', () => {
  const { entries } = reference(2, 40);
  const whole = new Run(newFiles('member', 1));
  whole.take(entries);
  whole.makeVerdictsDurable();
  const short = new Run(newFiles('member', 1));
  short.take(entries.slice(0, 20));
  const files = copyOf(short.files);
  for (const [name, bytes] of whole.files.disk.files)
    if (name.startsWith('verdicts')) files.disk.files.set(name, bytes);
  const { found } = new Run(files);
  assert.ok(found.kind === 'needs-state');
  assert.equal(found.claim?.index, whole.state.deliveredUpTo);
});
