import type { RowKey } from '../certifier/types.ts';
import { assert, type Clock, DiskError, type SequenceNumber } from '../gcs/base/index.ts';
import { lowerBound } from './overlay.ts';
import type { BaseRow, FlushBatch, KeyRange, LaneStore, RestoreBatch } from './types.ts';

/** What a lane has durably. Outlives the stores that are opened over it. */
export class MemoryLaneDisk {
  flushedUpTo: SequenceNumber = 0;
  readonly rows = new Map<RowKey, BaseRow>();
  /** False: whatever is to be written fails for want of room. */
  hasRoom = true;
}

type Rows = Map<RowKey, BaseRow>;

export interface MemoryLaneStoreSetup {
  /** One store at a time; the next may be opened after `close` or `crash`. */
  readonly disk: MemoryLaneDisk;
  readonly clock: Clock;
  /** Drawn twice a flush: until it is durable, all at once, and from then until its caller hears of it. */
  readonly flushDelayMs: () => number;
}

/** A lane in memory, for the simulator and tests. */
export class MemoryLaneStore implements LaneStore {
  readonly #disk: MemoryLaneDisk;
  readonly #clock: Clock;
  readonly #flushDelayMs: () => number;
  readonly #view: Map<RowKey, BaseRow>;
  #reportedUpTo: SequenceNumber;
  #viewKeys: RowKey[] | null = null;
  /** Durable, but not in the view. */
  #unviewed: ((rows: Rows) => void)[] = [];
  #isWriting = false;
  #isGone = false;
  #closed: (() => void) | null = null;

  constructor(setup: MemoryLaneStoreSetup) {
    this.#disk = setup.disk;
    this.#clock = setup.clock;
    this.#flushDelayMs = setup.flushDelayMs;
    this.#view = new Map(setup.disk.rows);
    this.#reportedUpTo = setup.disk.flushedUpTo;
  }

  get flushedUpTo(): SequenceNumber {
    return this.#reportedUpTo;
  }

  flush(batch: FlushBatch, done: (error: Error | null) => void): void {
    assert(batch.upTo > this.#reportedUpTo, 'the flush point grows');
    this.#write((rows) => apply(batch, rows), batch.upTo, done);
  }

  restore({ isFirst, rows: restored, upTo }: RestoreBatch, done: (error: Error | null) => void): void {
    const change = (rows: Rows): void => {
      if (isFirst) rows.clear();
      for (const { key, sequenceNumber, image } of restored) rows.set(key, { sequenceNumber, image });
    };
    this.#write(change, upTo ?? 0, done);
  }

  #write(change: (rows: Rows) => void, upTo: SequenceNumber, done: (error: Error | null) => void): void {
    assert(!this.#isWriting, 'one flush at a time');
    assert(!this.#isGone, 'an open lane is flushed');
    this.#isWriting = true;
    this.#clock.schedule(this.#flushDelayMs(), () => {
      if (this.#isGone) return;
      const { hasRoom } = this.#disk;
      if (hasRoom) {
        change(this.#disk.rows);
        this.#disk.flushedUpTo = upTo;
      }
      this.#clock.schedule(this.#flushDelayMs(), () => {
        if (this.#isGone) return;
        this.#isWriting = false;
        if (hasRoom) {
          this.#unviewed.push(change);
          this.#reportedUpTo = upTo;
        }
        done(hasRoom ? null : new DiskError({ code: 'NO_SPACE', file: 'lane', message: 'no space left on device' }));
        this.#closeIfAsked();
      });
    });
  }

  renewReadView(): void {
    for (const change of this.#unviewed) change(this.#view);
    if (this.#unviewed.length > 0) this.#viewKeys = null;
    this.#unviewed = [];
  }

  get(key: RowKey): BaseRow | undefined {
    assert(!this.#isGone, 'an open lane is read');
    return this.#view.get(key);
  }

  *scan(range: KeyRange, reverse: boolean): Iterable<readonly [RowKey, BaseRow]> {
    assert(!this.#isGone, 'an open lane is read');
    this.#viewKeys ??= [...this.#view.keys()].sort();
    const from = lowerBound(this.#viewKeys, range.from);
    const to = lowerBound(this.#viewKeys, range.to);
    for (let i = from; i < to; i++) {
      const key = this.#viewKeys[reverse ? from + to - 1 - i : i]!;
      yield [key, this.#view.get(key)!];
    }
  }

  close(done: () => void): void {
    this.#closed = done;
    if (!this.#isWriting) this.#clock.schedule(0, () => this.#closeIfAsked());
  }

  /** The process dies: a flush that is not durable yet never will be, and nobody is called back. */
  crash(): void {
    this.#isGone = true;
  }

  #closeIfAsked(): void {
    if (this.#closed === null || this.#isGone || this.#isWriting) return;
    this.#isGone = true;
    this.#closed();
  }
}

function apply(batch: FlushBatch, rows: Rows): void {
  for (const { from, to } of batch.clear) {
    for (const key of rows.keys()) if (key >= from && key < to) rows.delete(key);
  }
  for (const { key, sequenceNumber, image } of batch.rows) {
    if (image === null) rows.delete(key);
    else rows.set(key, { sequenceNumber, image });
  }
}
