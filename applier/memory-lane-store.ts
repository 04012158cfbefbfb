import type { RowKey } from '../certifier/types.ts';
import { assert, type Clock, type SequenceNumber } from '../gcs/base/index.ts';
import { lowerBound } from './overlay.ts';
import type { BaseRow, FlushBatch, KeyRange, LaneStore } from './types.ts';

/** What a lane has durably. Outlives the stores that are opened over it. */
export class MemoryLaneDisk {
  flushedUpTo: SequenceNumber = 0;
  readonly rows = new Map<RowKey, BaseRow>();
}

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
  #unviewed: FlushBatch[] = [];
  #isFlushing = false;
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
    assert(!this.#isFlushing, 'one flush at a time');
    assert(!this.#isGone, 'an open lane is flushed');
    assert(batch.upTo > this.#reportedUpTo, 'the flush point grows');
    this.#isFlushing = true;
    this.#clock.schedule(this.#flushDelayMs(), () => {
      if (this.#isGone) return;
      apply(batch, this.#disk.rows);
      this.#disk.flushedUpTo = batch.upTo;
      this.#clock.schedule(this.#flushDelayMs(), () => {
        if (this.#isGone) return;
        this.#unviewed.push(batch);
        this.#reportedUpTo = batch.upTo;
        this.#isFlushing = false;
        done(null);
        this.#closeIfAsked();
      });
    });
  }

  renewReadView(): void {
    for (const batch of this.#unviewed) apply(batch, this.#view);
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
    if (!this.#isFlushing) this.#clock.schedule(0, () => this.#closeIfAsked());
  }

  /** The process dies: a flush that is not durable yet never will be, and nobody is called back. */
  crash(): void {
    this.#isGone = true;
  }

  #closeIfAsked(): void {
    if (this.#closed === null || this.#isGone) return;
    this.#isGone = true;
    this.#closed();
  }
}

function apply(batch: FlushBatch, rows: Map<RowKey, BaseRow>): void {
  for (const { from, to } of batch.clear) {
    for (const key of rows.keys()) if (key >= from && key < to) rows.delete(key);
  }
  for (const { key, sequenceNumber, image } of batch.rows) {
    if (image === null) rows.delete(key);
    else rows.set(key, { sequenceNumber, image });
  }
}
