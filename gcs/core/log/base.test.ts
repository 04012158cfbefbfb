import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupView, LogBase, LogEntry } from '../types.ts';
import { encodeView, foundingView, withLearner, without } from '../views.ts';
import { segmentName } from './format.ts';
import { SegmentLog } from './segment-log.ts';
import {
  assertHoldsFrom,
  entryOf,
  isSameEntry,
  MEMBER,
  NO_CLAIM,
  opened,
  openedDamaged,
  startsOfBlocks,
  TINY,
  written,
} from './testing/log-fixtures.ts';
import { MemoryDisk } from './testing/memory-disk.ts';

const host = (memberId: string) => ({ memberId, groupAddress: 'host:1', host: 'host', port: 2 });
const FOUNDING = foundingView(1, [host('a'), host('b'), host('c')]);
const SECOND = withLearner(FOUNDING, host('d'));
const THIRD = without(SECOND, 1);

test('a log without a base begins at index 1; its views and kinds are known without reading', () => {
  const disk = new MemoryDisk();
  const log = opened(disk, { ...TINY, cacheBytesMax: 0 });
  log.persist({ number: 1, hardState: null, entries: mixed() });
  disk.finishAll();
  for (const each of [log, opened(new MemoryDisk(disk.durable))]) {
    assert.deepEqual(each.base, { index: 0, term: 0, view: null, lastMessages: new Map() });
    assert.equal(each.firstIndex, 1);
    const kinds = mixed().map((entry) => each.kindAt(entry.index));
    assert.deepEqual(kinds, ['noop', 'message', 'view', 'fragment', 'fragment', 'view', 'message', 'fragment']);
    assert.deepEqual(each.viewIndexes(), [3, 6]);
    assert.deepEqual([2, 3, 5, 6, 8].map((index) => each.viewAt(index)), [null, SECOND, SECOND, THIRD, THIRD]); // biome-ignore format: a table
    assert.deepEqual(each.entries(1, 8, Infinity), mixed());
  }
});

test('R4: a view is in force from its entry on, and not any more when the entry is cut', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  log.persist({ number: 1, hardState: null, entries: mixed() });
  log.persist({ number: 2, hardState: null, entries: [{ ...entryOf(6, 9, 4), incarnation: 1 }] });
  assert.deepEqual(log.viewIndexes(), [3]);
  assert.deepEqual(log.viewAt(6), SECOND);
  disk.finishAll();
  assert.deepEqual(opened(new MemoryDisk(disk.durable)).viewAt(6), SECOND);
});

test('a message is partial from its first fragment to its last, its origin leaving, or beginning anew', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  log.persist({ number: 1, hardState: null, entries: mixed() });
  // Fragments of origin 0 at 4 (its last is at 8), of origin 1 at 5 (it leaves at 6).
  assert.deepEqual(
    [3, 4, 5, 6, 7, 8].map((index) => log.partialFrom(index)),
    [4, 4, 4, 4, 4, 9],
  );
  assert.deepEqual(log.lastMessagesAt(5).get(1), { incarnation: 2, messageNumber: 3 });
  assert.equal(log.lastMessagesAt(6).get(1), undefined);
  const begins = fragment(9, 2, { incarnation: 4, messageNumber: 1 }, 2);
  const anew = { ...entryOf(10, 3, 4), origin: 2, incarnation: 5, messageNumber: 1 };
  log.persist({ number: 2, hardState: null, entries: [begins, anew] });
  assert.deepEqual([log.partialFrom(9), log.partialFrom(10)], [9, 11]);
});

test('of a message that began before the log it is known that its beginning is not there, until it is complete', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const of = { incarnation: 1, messageNumber: 5 };
  log.reset({ index: 20, term: 1, view: null, lastMessages: new Map() }, log.hardState, () => {});
  disk.finishAll();
  log.persist({
    number: log.lastRequest + 1,
    hardState: null,
    entries: [fragment(21, 0, of, 0), fragment(22, 1, of, 2), fragment(23, 0, { ...of, messageNumber: 6 }, 1)],
  });
  disk.finishAll();
  const known = [20, 20, 22];
  const reopened = opened(new MemoryDisk(disk.durable));
  for (const each of [log, reopened])
    assert.deepEqual(
      [21, 22, 23].map((index) => each.partialFrom(index)),
      known,
    );
});

test('a truncated log begins behind the base, which knows what came before, and so it does after a restart', () => {
  const { disk, log, expected } = grown(60);
  const upTo = 40;
  const { term } = expected[upTo - 1]!;
  const lastMessages = log.lastMessagesAt(upTo);
  const atEnd = log.lastMessagesAt(60);
  const view = log.viewAt(upTo);
  assert.ok(view !== null && lastMessages.size > 1);
  log.truncate(upTo);
  const base: LogBase = { index: upTo, term, view, lastMessages };
  assert.deepEqual(log.base, base);
  assert.equal(log.firstIndex, 41);
  assert.equal(log.termAt(upTo), term);
  assert.throws(() => log.entries(40, 41, 100));
  assert.throws(() => log.termAt(39));
  disk.finishAll();
  log.seal();
  disk.finishAll();
  assert.ok(!disk.list().includes(segmentName(1)) && !disk.list().includes(segmentName(2)));
  for (const each of [log, opened(new MemoryDisk(disk.durable)), opened(disk.afterCrash(() => true))]) {
    assert.deepEqual(each.base, base);
    assertHoldsFrom(each, expected.slice(upTo), NO_CLAIM);
    assert.deepEqual(each.lastMessagesAt(60), atEnd);
    assert.deepEqual(each.viewIndexes(), expected.filter((entry) => entry.kind === 'view' && entry.index > upTo).map((entry) => entry.index)); // biome-ignore format: one line
  }
});

test('files go only when a second block says that the log begins behind them', () => {
  const { disk, log } = grown(60);
  log.truncate(40);
  disk.finishAll();
  assert.ok(disk.list().includes(segmentName(1)));
  const mark = startsOfBlocks(disk).at(-1)!;
  log.seal();
  disk.finishAll();
  assert.ok(!disk.list().includes(segmentName(1)));
  // Even with the block that told it first lost.
  const rotten = disk.afterCrash(() => true, () => null, () => false); // biome-ignore format: one line
  rotten.durable.get(mark.name)![mark.offset]! ^= 1;
  assert.equal(opened(new MemoryDisk(rotten.durable)).firstIndex, 41);
});

test('a truncation that frees no segment, or goes behind what is durable, or comes again, does nothing', () => {
  const { disk, log } = grown(60);
  log.truncate(3);
  assert.equal(log.firstIndex, 1);
  assert.ok(disk.isIdle);
  log.truncate(40);
  disk.finishAll();
  const { syncs } = log.status;
  log.truncate(30);
  log.truncate(40);
  disk.finishAll();
  assert.deepEqual([log.firstIndex, log.status.syncs], [41, syncs]);
  log.persist({ number: 61, hardState: null, entries: [entryOf(61, 99, 10)] });
  log.truncate(61);
  assert.equal(log.firstIndex, 61);
});

test('segments go one after another, whatever cut the log in between, and names that came back go at the next start', () => {
  const disk = new MemoryDisk();
  let log = opened(disk);
  let crashed = disk;
  let number = 0;
  let last = 0;
  for (let term = 1; term <= 60; term++) {
    // Every third leader cuts what its predecessor could not bring through.
    const from = term % 3 === 0 ? last - 3 : last + 1;
    const entries = [0, 1, 2, 3, 4].map((i) => entryOf(from + i, term, 300));
    log.persist({ number: ++number, hardState: null, entries });
    crashed.finishAll();
    last = from + 4;
    log.truncate(last - 8);
    if (term % 10 !== 0) continue;
    crashed.finishAll();
    crashed = crashed.afterCrash(() => true);
    const again = opened(crashed);
    assert.equal(again.firstIndex, log.firstIndex);
    assert.ok(again.firstIndex > last - 40, `${again.firstIndex} of ${last}`);
    const rest = log.entries(log.firstIndex, last, Infinity);
    assertHoldsFrom(again, rest, NO_CLAIM);
    log = again;
    number = 0;
  }
  log.persist({ number: 1, hardState: null, entries: [entryOf(last + 1, 61, 10)] });
  crashed.finishAll();
  assert.ok(crashed.list().length < 14, `${crashed.list().length} files`);
});

test('what stands for the beginning of the log being lost is beyond repair; hard state and claim are kept', () => {
  const { disk, log } = grown(60);
  log.truncate(40);
  log.seal();
  disk.finishAll();
  log.seal();
  disk.finishAll();
  const gone = disk.afterCrash(() => true, () => null, () => false); // biome-ignore format: one line
  const first = startsOfBlocks(gone)[0]!;
  gone.durable.get(first.name)![first.offset + 180]! ^= 1;
  const { log: damaged, damage } = openedDamaged(new MemoryDisk(gone.durable));
  assert.equal(damage.isBeyondRepair, true);
  assert.deepEqual(damage.claim, { index: 60, term: log.termAt(60) });
  assert.equal(damaged.lastIndex, 60);
  gone.durable.delete(first.name);
  assert.equal(openedDamaged(new MemoryDisk(gone.durable)).damage.isBeyondRepair, true);
});

test('a log that is reset is the old one until it is durable, then the new one, and claims what the old one had beyond it', () => {
  const { disk, log, expected } = grown(30);
  const base: LogBase = { index: 20, term: 3, view: THIRD, lastMessages: new Map([[2, { incarnation: 1, messageNumber: 8 }]]) }; // biome-ignore format: one line
  const state = { term: 50, votedFor: 1, claim: null };
  let done = 0;
  log.reset(base, state, () => done++);
  disk.finishOne();
  if (done === 0) assert.equal(log.lastIndex, 30);
  disk.finishAll();
  assert.equal(done, 1);
  const claimed = { ...state, claim: { index: 30, term: expected.at(-1)!.term } };
  assert.deepEqual([log.base, log.firstIndex, log.lastIndex], [base, 21, 20]);
  const more = [21, 22].map((index) => entryOf(index, 4, 600));
  log.persist({ number: 31, hardState: null, entries: more });
  disk.finishAll();
  for (const each of [log, opened(new MemoryDisk(disk.durable)), opened(disk.afterCrash(() => true))]) {
    assert.deepEqual(each.base, base);
    assertHoldsFrom(each, more, claimed);
    assert.deepEqual(each.viewAt(21), THIRD);
    assert.deepEqual(each.lastMessagesAt(20), base.lastMessages);
  }
  assert.equal(disk.list().includes(segmentName(1)), false);
});

test('a log that was never written can be reset, too, also to begin at index 1, and a base beyond the old end claims nothing', () => {
  for (const index of [0, 7]) {
    const disk = new MemoryDisk();
    const log = opened(disk);
    const base: LogBase = { index, term: index, view: null, lastMessages: new Map() };
    log.reset(base, { term: 9, votedFor: null, claim: null }, () => {});
    disk.finishAll();
    const entries = [entryOf(index + 1, 9, 10)];
    log.persist({ number: 1, hardState: null, entries });
    disk.finishAll();
    const again = new MemoryDisk(disk.durable);
    assertHoldsFrom(opened(again), entries, { term: 9, votedFor: null, claim: null });
    const anew = opened(again);
    anew.reset({ ...base, index: 30, term: 9 }, anew.hardState, () => {});
    again.finishAll();
    assert.deepEqual([anew.base.index, anew.hardState.claim], [30, null]);
    assert.equal(opened(new MemoryDisk(again.durable)).base.index, 30);
  }
});

test('a reset to the very beginning over an older log is not taken for a loss', () => {
  const disk = written(6, 700);
  const log = opened(disk);
  log.reset({ index: 0, term: 0, view: null, lastMessages: new Map() }, log.hardState, () => {});
  disk.finishAll();
  const again = opened(new MemoryDisk(disk.durable));
  assert.deepEqual([again.firstIndex, again.lastIndex, again.hardState.claim], [1, 0, { term: 1, index: 6 }]);
});

test('about so many bytes of the log, in steps of segments', () => {
  const { log } = grown(60);
  const all = log.status.bytes;
  assert.equal(log.indexWithin(all), 1);
  const half = log.indexWithin(all / 2);
  assert.ok(half > 20 && half < 45, `${half}`);
  assert.ok(log.indexWithin(1) > 50);
});

test('a log that was cut below the beginning of a segment does not begin with that segment', () => {
  const disk = new MemoryDisk();
  const log = opened(disk);
  let number = 0;
  const persist = (entries: readonly LogEntry[]): void => {
    log.persist({ number: ++number, hardState: null, entries });
    disk.finishAll();
  };
  for (let index = 1; index <= 8; index++) persist([entryOf(index, 1, 700)]);
  // Into the segment that began behind index 6.
  persist(Array.from({ length: 18 }, (_, i) => entryOf(i + 3, 2, 10)));
  log.truncate(12);
  disk.finishAll();
  log.seal();
  disk.finishAll();
  const result = SegmentLog.open(
    disk.afterCrash(() => true),
    TINY,
    MEMBER,
  );
  assert.ok(result.kind === 'opened' && result.damage === null);
  assert.equal(result.log.firstIndex, log.firstIndex);
  for (let index = log.firstIndex; index <= 20; index++) {
    assert.ok(
      isSameEntry(result.log.entries(index, index, 0)[0]!, entryOf(index, index < 3 ? 1 : 2, index < 3 ? 700 : 10)),
    );
  }
});

/** A log of many segments, one entry a block, with views in between. */
function grown(count: number): { readonly disk: MemoryDisk; readonly log: SegmentLog; readonly expected: LogEntry[] } {
  const disk = new MemoryDisk();
  const log = opened(disk);
  const expected: LogEntry[] = [];
  for (let index = 1; index <= count; index++) {
    const term = 1 + Math.floor(index / 10);
    const view = index === 15 ? SECOND : index === 50 ? THIRD : null;
    expected.push(view === null ? entryOf(index, term, 300) : viewEntry(index, term, view));
    log.persist({ number: index, hardState: null, entries: [expected.at(-1)!] });
    disk.finishAll();
  }
  return { disk, log, expected };
}

/** One of each kind. */
function mixed(): LogEntry[] {
  return [
    { ...entryOf(1, 1, 0), kind: 'noop', messageNumber: 0, incarnation: 1, origin: 0 },
    { ...entryOf(2, 1, 10), origin: 1, incarnation: 2, messageNumber: 2 },
    viewEntry(3, 1, SECOND),
    fragment(4, 0, { incarnation: 1, messageNumber: 1 }, 2),
    fragment(5, 1, { incarnation: 2, messageNumber: 3 }, 2),
    viewEntry(6, 2, THIRD),
    { ...entryOf(7, 2, 10), origin: 0, incarnation: 1, messageNumber: 2, isCompressed: true },
    fragment(8, 0, { incarnation: 1, messageNumber: 3 }, 1),
  ];
}

function viewEntry(index: number, term: number, view: GroupView): LogEntry {
  return { ...entryOf(index, term, 0), kind: 'view', origin: 0, messageNumber: 0, payload: encodeView(view) };
}

function fragment(
  index: number,
  origin: number,
  of: { readonly incarnation: number; readonly messageNumber: number },
  flags: number,
): LogEntry {
  return { ...entryOf(index, 2, 0), kind: 'fragment', origin, ...of, payload: Uint8Array.of(flags, 1, 0, 0, 0, 7) };
}
