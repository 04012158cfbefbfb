import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeptVerdict } from '../../../applier/index.ts';
import { encodeBatch, encodeGroupMessage } from '../../../certifier/index.ts';
import { ChangeHistory, type ChangeHistoryOptions, type HeldEntry } from './change-history.ts';

const at = (physicalMs: number, logical = 0) => ({ physicalMs, logical });

/** An entry behind `after`; each verdict that is true took a sequence number. */
function entry(after: number, verdicts: readonly boolean[]): HeldEntry {
  let upTo = after;
  const kept = verdicts.map((isPositive): KeptVerdict => {
    if (!isPositive) return { kind: 'negative', reason: 1 };
    return { kind: 'positive', sequenceNumber: ++upTo, commitTime: { physicalMs: upTo, logical: 0 }, resolved: null };
  });
  const messages = verdicts.map((_verdict, i) => {
    const writeSet = [{ key: `key ${after}.${i}`, kind: 'put' as const, image: Uint8Array.of(i) }];
    return encodeGroupMessage({ kind: 'transaction', transaction: { snapshotVersion: 0, writeSet } });
  });
  return { origin: 1, payload: encodeBatch(messages), verdicts: kept, after, upTo, rows: upTo - after };
}

function history(options: Partial<ChangeHistoryOptions>, entries: readonly (readonly boolean[])[], from = 0) {
  const made = new ChangeHistory(
    { transactionsMax: 1000, rowsMax: 1000, bytesMax: 1e6, ...options },
    { sequenceNumber: from, commitTime: from === 0 ? at(0) : null },
  );
  let after = 0;
  for (const verdicts of entries) {
    const next = entry(after, verdicts);
    made.add(next);
    after = next.upTo;
  }
  return made;
}

const numbersOf = (made: ChangeHistory, after: number, countMax = 1000) =>
  made.publications(after, countMax).map(({ sequenceNumber }) => sequenceNumber);

test('what was published behind a place is given in order, refused transactions left out', () => {
  const made = history({}, [[true, false, true], [false], [true], [true, true]]);
  assert.deepEqual(numbersOf(made, 0), [1, 2, 3, 4, 5]);
  assert.deepEqual(numbersOf(made, 1, 3), [2, 3, 4]);
  assert.deepEqual(numbersOf(made, 5), []);
  const [, second] = made.publications(0, 2);
  assert.deepEqual(second, {
    sequenceNumber: 2,
    commitTime: { physicalMs: 2, logical: 0 },
    origin: 1,
    writes: [{ key: 'key 0.2', kind: 'put', image: Uint8Array.of(2) }],
    schema: null,
  });
});

test('the same publication is the same object for whoever asks next', () => {
  const made = history({}, [[true, true]]);
  assert.equal(made.publications(0, 1)[0], made.publications(0, 2)[0]);
});

test('beyond so many transactions, rows or bytes, the oldest entries go', () => {
  const entries = Array.from({ length: 100 }, () => [true, true]);
  const few = history({ transactionsMax: 25 }, entries);
  assert.deepEqual([few.heldFrom, few.transactions], [176, 24]);
  assert.deepEqual(numbersOf(few, 195), [196, 197, 198, 199, 200]);
  assert.equal(history({ rowsMax: 41 }, entries).heldFrom, 160);
  const bytesOfOne = entry(198, [true, true]).payload.length;
  // And what entries and their rows take in memory.
  const withRows = bytesOfOne + 500 + 2 * 200;
  const small = history({ bytesMax: 13 * withRows }, entries);
  assert.deepEqual([small.heldFrom, small.bytes, small.versions], [174, 13 * withRows, 26]);
});

test('the last entries are held whatever their size', () => {
  const entries = Array.from({ length: 100 }, () => [true, true]);
  const least = history({ transactionsMax: 0, rowsMax: 0, bytesMax: 0 }, entries);
  assert.deepEqual([least.heldFrom, least.transactions], [184, 16]);
});

test('what lies before the place where it begins is not held, in the midst of an entry too', () => {
  const made = history({}, [[true, true], [true, true], [true]], 3);
  assert.deepEqual([made.heldFrom, made.transactions], [3, 2]);
  assert.deepEqual(numbersOf(made, 3), [4, 5]);
});

test('when it forgets, it goes on from where it is', () => {
  const made = history({}, [[true, true]]);
  made.forget();
  assert.deepEqual([made.heldFrom, made.bytes], [2, 0]);
  made.add(entry(2, [true]));
  assert.deepEqual(numbersOf(made, 2), [3]);
  assert.throws(() => made.publications(1, 1), /what is asked for is held/);
});

test('H13: a time is the last that was committed then or before', () => {
  // Committed at the millisecond of their number.
  const made = history({}, [[true, false, true], [false], [true], [true, true]]);
  const found = [0, 1, 2, 3, 4, 5, 99].map((ms) => made.sequenceNumberAt(at(ms)));
  assert.deepEqual(found, [0, 1, 2, 3, 4, 5, 5]);
  assert.equal(made.sequenceNumberAt(at(3, 7)), 3);
  assert.equal(history({}, []).sequenceNumberAt(at(7)), 0);
});

test('H18: a time before what is held is none, and the oldest is told with its time', () => {
  const entries = Array.from({ length: 100 }, () => [true, true]);
  const made = history({ transactionsMax: 20 }, entries);
  assert.deepEqual([made.heldFrom, made.heldFromTime], [180, at(180)]);
  assert.deepEqual(
    [179, 180, 181].map((ms) => made.sequenceNumberAt(at(ms))),
    [null, 180, 181],
  );
  made.forget();
  assert.deepEqual([made.heldFrom, made.heldFromTime, made.sequenceNumberAt(at(199))], [200, at(200), null]);
  // Behind a start whose time is not known, the next one is.
  const started = history({}, [[true, true], [true]], 2);
  assert.deepEqual(
    [started.heldFromTime, started.sequenceNumberAt(at(2)), started.sequenceNumberAt(at(3))],
    [null, null, 3],
  );
});

test('H21: what is young is held beyond the number of transactions, and never beyond the bytes', () => {
  const entries = Array.from({ length: 100 }, () => [true]);
  const bounds = { transactionsMax: 5, rowsMax: 5, youngerThanMs: 30 };
  // The newest is of 100 ms: what is of 70 is as old as that, and can be read; all behind it is held.
  assert.equal(history(bounds, entries).heldFrom, 70);
  assert.equal(history({ ...bounds, transactionsMax: 50, rowsMax: 50 }, entries).heldFrom, 50);
  const bytesOfOne = entry(98, [true]).payload.length + 500 + 200;
  assert.equal(history({ ...bounds, bytesMax: 20 * bytesOfOne }, entries).heldFrom, 80);
});
