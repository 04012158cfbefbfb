/**
 * A log against the array of entries that its requests describe: through crashes at any point, truncations, resets, full
 * disks, and damage that is repaired or discarded.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { HardState, LastMessages, LogEntry } from '../types.ts';
import { decodeBlock, isFurther, segmentSeed } from './format.ts';
import { type LogDamage, SegmentLog, type SegmentLogOptions } from './segment-log.ts';
import { entryOf, isSameEntry, MEMBER, NO_CLAIM } from './testing/log-fixtures.ts';
import { MemoryDisk } from './testing/memory-disk.ts';

interface Model {
  /** From index 1, whether the log still has them or not. */
  readonly entries: readonly LogEntry[];
  readonly hardState: HardState;
}

const STEPS = [
  ...['persist', 'persist', 'persist', 'persist', 'persist', 'persist', 'persist', 'persist'],
  ...['finish', 'finish all', 'finish all', 'finish all', 'truncate', 'truncate', 'truncate', 'seal'],
  ...['crash', 'reopen', 'reset', 'fill the disk', 'free the disk', 'damage'],
] as const;

const step = fc.record({
  kind: fc.constantFrom(...STEPS),
  keep: fc.integer({ min: 0, max: 60 }),
  sizes: fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 4 }),
  vote: fc.boolean(),
  chance: fc.integer({ min: 0, max: 2 ** 30 }),
});
const options = fc.record({
  segmentBytes: fc.constantFrom(1024, 2048, 8192),
  cacheBytesMax: fc.constantFrom(0, 1500, 100_000),
  blockBytesMax: fc.constantFrom(100, 1500, 100_000),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function stepOf(kind: Step['kind'], parts: Partial<Step> = {}): Step {
  return { kind, keep: 1, sizes: [], vote: false, chance: 0, ...parts };
}

test('a crash behind a block of entries that a vote has overtaken leaves both, though nobody was told of the entries', () => {
  const full = [
    stepOf('finish all'),
    stepOf('fill the disk'),
    ...Array<Step>(8).fill(stepOf('persist', { sizes: [1200] })),
  ];
  const vote = stepOf('persist', { vote: true });
  // All that is being written reaches the disk.
  const crash = stepOf('crash', { chance: 2 ** 20 - 1 });
  const steps = [...full, vote, stepOf('finish all'), stepOf('free the disk'), stepOf('finish'), crash];
  const run = new Run({ segmentBytes: 8192, cacheBytesMax: 0, blockBytesMax: 100 }, new Map());
  for (const each of steps) run.take(each);
});

test('a log is what was asked of it, through crashes, truncations, resets, full disks and damage', (context) => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(options, fc.array(step, { minLength: 30, maxLength: 150, size: 'max' }), (drawn, steps) => {
      const run = new Run(drawn, seen);
      for (const each of steps) run.take(each);
    }),
    { numRuns: 150, endOnFailure: true },
  );
  context.diagnostic([...seen].map(([what, count]) => `${what}: ${count}`).join(', '));
  for (const what of ['repaired', 'discarded', 'beyond repair', 'truncated', 'reset', 'room', 'overtaken'])
    assert.ok(seen.has(what), what);
});

class Run {
  readonly #options: SegmentLogOptions;
  readonly #seen: Map<string, number>;
  #disk = new MemoryDisk();
  #log: SegmentLog;
  #model: Model = { entries: [], hardState: NO_CLAIM };
  /** The state after each request since the last start; 0: at it. */
  #history: Model[] = [this.#model];
  #durable = 0;
  /** Number of the request, as `#durable`. */
  #durableHardState = 0;
  /** Since the last start. */
  #wasFull = false;
  #number = 0;
  #term = 1;
  #stamp = 0;
  /** Let go of in memory; on disk it may be as little as `#baseAtStart`. */
  #base = 0;
  #baseAtStart = 0;

  constructor(drawn: SegmentLogOptions, seen: Map<string, number>) {
    this.#options = drawn;
    this.#seen = seen;
    this.#log = this.#opened();
    this.#watch();
  }

  take(each: Step): void {
    const { kind, chance } = each;
    if (kind === 'persist') this.#persist(each);
    else if (kind === 'finish') this.#disk.finishOne();
    else if (kind === 'finish all') this.#disk.finishAll();
    else if (kind === 'crash') this.#crash(chance);
    else if (kind === 'reopen') this.#crash(chance, { finishes: true });
    else if (kind === 'truncate') this.#truncate(each.keep);
    else if (kind === 'seal') this.#log.seal();
    else if (kind === 'reset') this.#reset(each.keep);
    else if (kind === 'damage') this.#damage(chance);
    else this.#setRoom(kind === 'free the disk');
    this.#check(this.#log, this.#model);
  }

  #persist({ keep, sizes, vote }: Step): void {
    const { entries: before } = this.#model;
    // What is let go of is chosen. A replacement is of a later term.
    const cuts = keep % 3 === 0 && keep >= this.#base && keep < before.length;
    const from = cuts ? keep : before.length;
    if (cuts) this.#term++;
    const entries = sizes.map((size, i) => ({ ...entryOf(from + i + 1, this.#term, size), stampMs: this.#stamp++ }));
    const hardState = vote ? { ...this.#model.hardState, term: this.#term, votedFor: keep % 3 } : null;
    this.#log.persist({ number: ++this.#number, hardState, entries });
    this.#model = {
      entries: entries.length === 0 ? before : [...before.slice(0, from), ...entries],
      hardState: hardState ?? this.#model.hardState,
    };
    this.#history.push(this.#model);
  }

  #crash(chance: number, { finishes } = { finishes: false }): void {
    if (finishes) {
      this.#setRoom(true);
      this.#disk.finishAll();
    }
    this.#disk = this.#disk.afterCrash(
      (_, sector) => (chance >> (sector % 20)) % 2 === 1,
      (_, sizeBytes) => (chance % 3 === 0 ? null : chance % sizeBytes),
      (name) => (chance + Number(name.slice(4, 20))) % 2 === 0,
    );
    // Index and term name an entry: what is not there any more is not written again in the same term.
    this.#term++;
    this.#log = this.#opened();
    const found = this.#survivor();
    assert.ok(found, 'the log is the state after the last durable request, or after a later one');
    this.#model = found;
    const { index } = this.#log.base;
    assert.ok(index >= this.#baseAtStart && index <= this.#base, `base ${index}`);
    this.#watch();
  }

  /**
   * The state that the log is in: the entries after a request, and the hard state after the same one, or, once there was
   * no room for entries, after a later one. What was told to be durable is there.
   */
  #survivor(): Model | undefined {
    const { hardState } = this.#log;
    const hardStates = this.#history.map((state) => JSON.stringify(state.hardState));
    for (let number = this.#durable; number < this.#history.length; number++) {
      const state = { entries: this.#history[number]!.entries, hardState };
      if (!this.#isSame(this.#log, state)) continue;
      const from = Math.max(number, this.#durableHardState);
      const upTo = this.#wasFull ? this.#history.length : number + 1;
      if (hardStates.slice(from, upTo).includes(JSON.stringify(hardState))) return state;
    }
    return undefined;
  }

  #truncate(keep: number): void {
    const upTo = Math.min(keep, this.#model.entries.length);
    if (upTo <= this.#base) return;
    this.#log.truncate(upTo);
    const { index } = this.#log.base;
    assert.ok(index === this.#base || index <= upTo);
    if (index > this.#base) this.#count('truncated');
    this.#base = index;
  }

  #reset(keep: number): void {
    this.#crash(0, { finishes: true });
    const { entries, hardState } = this.#model;
    const index = Math.min(keep, entries.length);
    this.#resetTo(index, hardState);
    this.#term++;
    this.#watch();
  }

  /** What the log had beyond its new base is claimed. */
  #resetTo(index: number, hardState: HardState): void {
    const { entries } = this.#model;
    const base = {
      index,
      term: entries[index - 1]?.term ?? 0,
      view: null,
      lastMessages: lastMessagesOf(entries, index),
    };
    let isDone = false;
    this.#log.reset(base, hardState, () => {
      isDone = true;
    });
    this.#disk.finishAll();
    assert.ok(isDone);
    this.#count('reset');
    this.#base = index;
    const end = entries.at(-1);
    const { claim, ...rest } = end === undefined ? hardState : withFurther(hardState, end);
    const claimed = claim !== null && isFurther(claim, base) ? { term: claim.term, index: claim.index } : null;
    // Nothing was promised in terms that it never saw.
    const election = rest.term < base.term ? { term: base.term, votedFor: null } : rest;
    this.#model = { entries: entries.slice(0, index), hardState: { ...election, claim: claimed } };
  }

  #damage(chance: number): void {
    this.#crash(0, { finishes: true });
    this.#disk.finishAll();
    this.#log.close(() => {});
    this.#disk.finishAll();
    const copy = new MemoryDisk(this.#disk.afterCrash(() => false, () => null, () => false).durable); // biome-ignore format: one line
    const names = [...copy.durable.keys()];
    const bytes = copy.durable.get(names[chance % names.length]!)!;
    const last = lastBlockOf(copy);
    // A byte, a sector, or a page of sectors.
    const at = (chance >> 4) % bytes.length;
    const from = at - (at % [1, 512, 4096][chance % 3]!);
    const to = Math.min(bytes.length, from + [1, 512, 4096][chance % 3]!);
    const isEndHit = last !== null && last.name === names[chance % names.length] && from < last.end && to > last.offset;
    // Of the very end nothing can be told.
    if (!isEndHit) {
      // Never what it was before an earlier damage.
      for (let i = from; i < to; i++) bytes[i] = (this.#stamp++ * 31 + chance) & 0xff;
    }
    this.#disk = new MemoryDisk(copy.durable);
    const result = SegmentLog.open(this.#disk, this.#options, MEMBER);
    assert.ok(result.kind === 'opened');
    this.#log = result.log;
    if (result.damage === null) this.#survive();
    else this.#recover(result.damage, chance);
    this.#watch();
  }

  #survive(): void {
    this.#count('nothing lost');
    this.#base = this.#log.base.index;
  }

  #recover(damage: LogDamage, chance: number): void {
    const { entries } = this.#model;
    const { isBeyondRepair, holes, claim } = damage;
    assert.equal(claim.index, entries.length);
    assert.equal(claim.term, entries.at(-1)?.term ?? 0);
    assert.deepEqual(this.#log.hardState, this.#model.hardState);
    if (isBeyondRepair) {
      this.#count('beyond repair');
      this.#resetTo(claim.index, this.#log.hardState);
      this.#term++;
      return;
    }
    this.#base = this.#log.base.index;
    const discardsFrom = chance % 2 === 0 ? (holes.at(-1)?.from ?? 0) : Infinity;
    const lost = holes.flatMap(({ from, upTo }) => Array.from({ length: upTo - from + 1 }, (_, i) => from + i));
    for (let index = this.#log.firstIndex; index <= this.#log.lastIndex; index++) {
      if (lost.includes(index)) continue;
      assert.ok(isSameEntry(this.#log.entries(index, index, 0)[0]!, entries[index - 1]!), `index ${index}`);
    }
    for (const index of lost) if (index < discardsFrom) this.#log.repair(entries[index - 1]!, () => {});
    this.#disk.finishAll();
    this.#count(discardsFrom === Infinity ? 'repaired' : 'discarded');
    if (discardsFrom !== Infinity) {
      this.#log.discardFrom(discardsFrom, claim, () => {});
      this.#disk.finishAll();
      this.#model = {
        entries: this.#model.entries.slice(0, discardsFrom - 1),
        hardState: withFurther(this.#model.hardState, claim),
      };
      this.#term++;
    }
  }

  #setRoom(isFree: boolean): void {
    this.#disk.roomBytes = isFree ? Number.POSITIVE_INFINITY : 0;
    if (!isFree) return;
    this.#log.retryRoom();
    this.#count('room');
  }

  #opened(): SegmentLog {
    const result = SegmentLog.open(this.#disk, this.#options, MEMBER);
    assert.ok(result.kind === 'opened');
    assert.equal(result.damage, null);
    return result.log;
  }

  #watch(): void {
    this.#number = 0;
    this.#durable = 0;
    this.#durableHardState = 0;
    this.#wasFull = !this.#log.hasRoom;
    this.#history = [this.#model];
    this.#base = this.#log.base.index;
    this.#baseAtStart = this.#base;
    this.#log.onDurable = (upTo) => {
      assert.ok(upTo > this.#durable);
      this.#durable = upTo;
      this.#durableHardState = Math.max(upTo, this.#durableHardState);
    };
    this.#log.onHardStateDurable = (upTo) => {
      assert.ok(upTo > this.#durableHardState);
      this.#durableHardState = upTo;
      this.#count('overtaken');
    };
    this.#log.onRoomChanged = () => {
      this.#wasFull = true;
    };
  }

  #check(log: SegmentLog, model: Model): void {
    assert.ok(this.#isSame(log, model), 'the log is the model');
    for (let index = log.base.index; index <= log.lastIndex; index++) {
      assert.equal(log.termAt(index), model.entries[index - 1]?.term ?? 0);
    }
    for (const index of [log.base.index, log.lastIndex]) {
      assert.deepEqual(log.lastMessagesAt(index), lastMessagesOf(model.entries, index));
    }
  }

  #isSame(log: SegmentLog, { entries, hardState }: Model): boolean {
    if (log.lastIndex !== entries.length) return false;
    if (JSON.stringify(log.hardState) !== JSON.stringify(hardState)) return false;
    if (log.lastIndex === log.base.index) return true;
    const found = log.entries(log.firstIndex, log.lastIndex, Infinity);
    return found.every((entry, i) => isSameEntry(entry, entries[log.base.index + i]!));
  }

  #count(what: string): void {
    this.#seen.set(what, (this.#seen.get(what) ?? 0) + 1);
  }
}

/** The seal: that of the highest number. */
function lastBlockOf(
  disk: MemoryDisk,
): { readonly name: string; readonly offset: number; readonly end: number } | null {
  let last = null;
  let highest = 0;
  for (const [name, bytes] of disk.durable) {
    const seed = segmentSeed(MEMBER.memberId, Number(name.slice(4, 20)));
    for (let offset = 512; offset < bytes.length; offset += 512) {
      const block = decodeBlock(bytes, offset, seed);
      if (block.kind !== 'block' || block.header.number <= highest) continue;
      highest = block.header.number;
      last = { name, offset, end: offset + block.header.length };
    }
  }
  return last;
}

function withFurther(hardState: HardState, claim: { readonly term: number; readonly index: number }): HardState {
  return hardState.claim !== null && !isFurther(claim, hardState.claim) ? hardState : { ...hardState, claim };
}

function lastMessagesOf(entries: readonly LogEntry[], upTo: number): LastMessages {
  const last = new Map(
    entries.slice(0, upTo).map(({ origin, incarnation, messageNumber }) => [origin, { incarnation, messageNumber }]),
  );
  return new Map([...last].sort(([one], [other]) => one - other));
}
