/**
 * Row versions by sequence number: recent ones in an overlay in memory, older state in the lanes, one version a row.
 *
 * Publishing makes a sequence number visible at once. Behind it, flush rounds carry rows to the lanes. A round takes
 * the horizon h = min(oldest snapshot, keptFrom, appliedUpTo) and
 *   1. has the verdicts made durable up to h (H3: a lane is never ahead of them),
 *   2. hands every lane the newest version up to h of each of its rows, and h as its new flush point,
 *   3. when a lane has it durably: renews the lane's read view, and only then drops these versions (H18).
 * So a read at snapshot s finds the newest version up to s in the overlay, or else in the base, whose rows are those of
 * some h <= s: no snapshot is below the horizon of a round, since snapshots are acquired from keptFrom on only.
 *
 * Of each row the overlay keeps its newest version and those that a snapshot or the running round reads (H21); and all
 * that are read from `keptFrom` on, where whoever owns the store asks for that: the recent past, at every number.
 *
 * After a restart the lanes may stand at different points; publications are repeated from behind the lowest, and a lane
 * does not take again what it has (H3).
 */
import type { LargeTransaction, RowKey } from '../certifier/types.ts';
import { assert, type Clock, DiskError, type ScheduledCall, type SequenceNumber } from '../gcs/base/index.ts';
import { laneOf } from './lane-of.ts';
import { Overlay, type Version } from './overlay.ts';
import { type Snapshot, Snapshots } from './snapshots.ts';
import type { BaseRow, FlushBatch, KeyRange, LaneStore } from './types.ts';

export interface VersionStoreOptions {
  /** Longest wait of a published row for its flush round to begin, when no snapshot holds it back. */
  readonly flushIntervalMs: number;
  /** So many bytes published since the last round began hurry the next. */
  readonly flushBytes: number;
  /** Above it the oldest snapshots are ended, and `isOverloaded` says so. */
  readonly overlayBytesMax: number;
}

export interface VersionStoreSetup {
  /** At least one; their number is that of the data directory. */
  readonly lanes: readonly LaneStore[];
  readonly clock: Clock;
  readonly options: VersionStoreOptions;
  /**
   * By how much later than others' its rounds begin, unless they are urgent: members see the same publications at the same
   * time, and their disks and processors may be the same.
   */
  readonly staggerMs?: number;
  /** Makes the verdicts durable at least up to `upTo` before it calls `done`. */
  readonly makeVerdictsDurable: (upTo: SequenceNumber, done: (error: Error | null) => void) => void;
  /** Called once, when nothing more can be flushed: the member stops. */
  readonly failed: (error: Error) => void;
}

export interface Write {
  readonly key: RowKey;
  /** Null: the row goes. */
  readonly image: Uint8Array | null;
}

interface Clear {
  readonly range: KeyRange;
  readonly sequenceNumber: SequenceNumber;
}

interface Round {
  readonly horizon: SequenceNumber;
  /** Lanes that flush, and one more until all have been asked to. */
  lanesRunning: number;
}

/** What a round brings to a lane. */
interface Batch {
  /** Of images. */
  bytes: number;
  readonly clear: readonly KeyRange[];
  readonly rows: FlushBatch['rows'][number][];
  /** Keys of rows that the clears take. */
  readonly cleared: RowKey[];
}

/** So many rows are worked on in one turn, at first. */
const SLICE_ROWS = 500;
/** Each slice is larger than the one before, so that rows published meanwhile are overtaken: no turn publishes so many. */
const SLICE_GROWTH = 1.2;
const SLICE_ROWS_MAX = 5000;
const ROOM_RETRY_MS = 1000;
/** While a lane flushes more than this, no other does. */
const FLUSHED_TOGETHER_BYTES_MAX = 4 * 1024 * 1024;

export class VersionStore {
  /** The highest flush point of a lane at the start: nothing is served below it. */
  readonly highestLanePoint: SequenceNumber;

  readonly #lanes: readonly LaneStore[];
  readonly #clock: Clock;
  readonly #options: VersionStoreOptions;
  readonly #staggerMs: number;
  readonly #makeVerdictsDurable: VersionStoreSetup['makeVerdictsDurable'];
  readonly #failed: (error: Error) => void;

  /** Called when the disk of a lane has no room for a flush, and when all have room again. */
  onRoomChanged: (hasRoom: boolean) => void = () => {};
  readonly #lanesWithoutRoom = new Set<LaneStore>();
  readonly #snapshots = new Snapshots();
  readonly #overlay: Overlay;
  /** Ascending; those that not every lane has flushed. */
  #clears: Clear[] = [];
  #appliedUpTo: SequenceNumber;
  /** Horizon of the last round that is through; at the start, the lowest flush point. */
  #flushedUpTo: SequenceNumber;
  #round: Round | null = null;
  #roundTimer: ScheduledCall | null = null;
  /** The round that is scheduled does not wait for the interval; or not at all. */
  #hurry: 'none' | 'soon' | 'now' = 'none';
  #isTidying = false;
  /** Since the last round began. */
  #bytesPublished = 0;
  /** What was applied when the last round ended: images up to it are worth moving out of large buffers. */
  #settledUpTo: SequenceNumber = 0;
  #hasPublished = false;
  #hasFailed = false;
  #isClosed = false;
  /** Called after every round, and when the store fails. */
  #waiters: (() => void)[] = [];

  constructor(setup: VersionStoreSetup) {
    assert(setup.lanes.length > 0, 'there is a lane');
    this.#lanes = setup.lanes;
    this.#clock = setup.clock;
    this.#options = setup.options;
    this.#staggerMs = setup.staggerMs ?? 0;
    this.#makeVerdictsDurable = setup.makeVerdictsDurable;
    this.#failed = setup.failed;
    const points = setup.lanes.map((lane) => lane.flushedUpTo);
    this.#flushedUpTo = Math.min(...points);
    this.#appliedUpTo = this.#flushedUpTo;
    this.highestLanePoint = Math.max(...points);
    this.#overlay = new Overlay((from, to) => this.#isNeeded(from, to));
  }

  /** Every sequence number up to here is visible. At the start: the replay point, where publications go on from. */
  get appliedUpTo(): SequenceNumber {
    return this.#appliedUpTo;
  }

  /** Every lane has durably what was written up to here. */
  get flushedUpTo(): SequenceNumber {
    return this.#flushedUpTo;
  }

  /** The lowest sequence number that can be read, and so can all behind it. */
  get keptFrom(): SequenceNumber {
    return Math.min(this.#overlay.keptFrom, this.#appliedUpTo);
  }

  /**
   * From now on every sequence number from `sequenceNumber` on is readable, until the next call, with a higher one. The
   * first call comes before anything is published; without one, the past is not kept.
   */
  keepFrom(sequenceNumber: SequenceNumber): void {
    const { keptFrom } = this.#overlay;
    assert(sequenceNumber >= this.highestLanePoint, 'nothing is served below the highest lane point');
    assert(sequenceNumber >= keptFrom || !this.#hasPublished, 'what was let go of does not come back');
    this.#overlay.keptFrom = sequenceNumber;
    if (this.isOverloaded) this.#hurryUp();
  }

  /** False: a flush round waits for room on the disk. */
  get hasRoom(): boolean {
    return this.#lanesWithoutRoom.size === 0;
  }

  get overlayBytes(): number {
    return this.#overlay.bytes;
  }

  get overlayRows(): number {
    return this.#overlay.rowCount;
  }

  /** Deliver nothing until it is false again: the lanes are behind, and ending old snapshots has not helped yet. */
  get isOverloaded(): boolean {
    return this.#overlay.bytes > this.#options.overlayBytesMax;
  }

  /**
   * Makes a sequence number visible, the one after `appliedUpTo`. At most one write a row. All rows in `clear` go, but
   * those that it writes itself. The images are kept until they are flushed: nobody writes to them again.
   */
  publish(sequenceNumber: SequenceNumber, writes: readonly Write[], clear: readonly KeyRange[] = []): void {
    this.#beginPublication(sequenceNumber);
    for (const range of clear) this.#clears.push({ range, sequenceNumber });
    this.#addRows(sequenceNumber, writes);
    this.#endPublication(sequenceNumber);
  }

  /**
   * As `publish` of all that a transaction writes, while everything is settled. Cost: O(1), and that of `settle` later.
   */
  publishLarge(sequenceNumber: SequenceNumber, large: LargeTransaction): void {
    this.#beginPublication(sequenceNumber);
    assert(sequenceNumber > this.highestLanePoint, 'what a lane has already is published row by row');
    this.#counted(() => this.#overlay.addLarge(large, sequenceNumber));
    this.#endPublication(sequenceNumber);
  }

  /** What was published has its place among the rows. */
  get isSettled(): boolean {
    return this.#overlay.unsettled === null;
  }

  /** Brings so many more rows of a large transaction to their places. Changes nothing that can be read. */
  settle(rowsMax: number): void {
    this.#counted(() => this.#overlay.settle(rowsMax));
    if (this.#isMuchWaiting) this.#hurryUp();
  }

  #beginPublication(sequenceNumber: SequenceNumber): void {
    assert(sequenceNumber === this.#appliedUpTo + 1, 'publications are dense and in order');
    assert(!this.#isClosed, 'nothing is published after the close');
    this.#hasPublished = true;
  }

  #addRows(sequenceNumber: SequenceNumber, writes: readonly Write[]): void {
    const isReplayed = sequenceNumber <= this.highestLanePoint;
    this.#counted(() => {
      for (const { key, image } of writes) {
        if (isReplayed && sequenceNumber <= this.#laneOf(key).flushedUpTo) continue;
        this.#overlay.add(key, sequenceNumber, image);
      }
    });
  }

  /** What `add` adds was published. */
  #counted(add: () => void): void {
    const before = this.#overlay.bytes;
    add();
    this.#bytesPublished += Math.max(0, this.#overlay.bytes - before);
  }

  get #isMuchWaiting(): boolean {
    return this.#bytesPublished >= this.#options.flushBytes || this.isOverloaded;
  }

  #endPublication(sequenceNumber: SequenceNumber): void {
    this.#appliedUpTo = sequenceNumber;
    if (this.#isMuchWaiting) this.#hurryUp();
    else if (this.#roundTimer === null) this.#scheduleRound(this.#options.flushIntervalMs + this.#staggerMs);
  }

  /**
   * Holds `appliedUpTo` readable until it is released.
   *
   * @param ended Called (once, in a turn of its own) when the store has to end the snapshot; nothing is read at it from
   *   then on.
   */
  acquireSnapshot(ended: () => void): Snapshot {
    assert(this.#appliedUpTo >= this.highestLanePoint, 'nothing is served below the highest lane point');
    return this.#snapshots.acquire(this.#appliedUpTo, ended);
  }

  /** Holds an earlier sequence number, from `keptFrom` on, as `acquireSnapshot` holds the last. */
  acquireSnapshotAt(sequenceNumber: SequenceNumber, ended: () => void): Snapshot {
    assert(sequenceNumber >= this.keptFrom && sequenceNumber <= this.#appliedUpTo, 'the sequence number is kept');
    return this.#snapshots.acquire(sequenceNumber, ended);
  }

  /** The row's image at `snapshot`: one that is held, or any from `keptFrom` to `appliedUpTo`. */
  get(key: RowKey, snapshot: SequenceNumber): Uint8Array | undefined {
    let version: Version | null | undefined = this.#overlay.newest(key);
    while (version && version.sequenceNumber > snapshot) version = version.older;
    const row = version ?? this.#laneOf(key).get(key);
    return row === undefined ? undefined : this.#imageAt(key, row, snapshot);
  }

  /** Rows at `snapshot`, in key order or backwards. To be used up in the turn in which it was made. */
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    return this.#visible(range, snapshot, reverse, imageOf);
  }

  /** As `scan`, with the sequence numbers that wrote the rows. */
  scanVersions(range: KeyRange, snapshot: SequenceNumber): Iterable<readonly [RowKey, BaseRow]> {
    return this.#visible(range, snapshot, false, versionOf);
  }

  *#visible<T>(
    range: KeyRange,
    snapshot: SequenceNumber,
    reverse: boolean,
    make: (key: RowKey, image: Uint8Array, sequenceNumber: SequenceNumber) => T,
  ): Generator<T> {
    const base = this.#lanes.map((lane) => new Head(lane.scan(range, reverse)));
    const recent = new Head(this.#overlay.scan(range, reverse));
    try {
      for (;;) {
        let first: RowKey | null = recent.key;
        for (const { key } of base) {
          if (key !== null && (first === null || (reverse ? key > first : key < first))) first = key;
        }
        if (first === null) return;
        let row: BaseRow | Version | null = null;
        for (const head of base) {
          if (head.key !== first) continue;
          row = head.value!;
          head.advance();
        }
        if (recent.key === first) {
          let version: Version | null = recent.value!;
          while (version !== null && version.sequenceNumber > snapshot) version = version.older;
          row = version ?? row;
          recent.advance();
        }
        if (row === null) continue;
        const image = this.#imageAt(first, row, snapshot);
        if (image !== undefined) yield make(first, image, row.sequenceNumber);
      }
    } finally {
      for (const head of base) head.close();
      recent.close();
    }
  }

  /**
   * Flushes what can be flushed without ending snapshots or letting go of what is kept. `done` comes in a later turn, also
   * after a failure and for want of room.
   */
  flushNow(done: () => void): void {
    const goOn = () => {
      if (this.#hasFailed || !this.hasRoom) done();
      else if (this.#round !== null) this.#waiters.push(goOn);
      else if (this.#beginRound()) this.#waiters.push(done);
      else done();
    };
    this.#clock.schedule(0, goOn);
  }

  /** Waits for a running round, without beginning one, and closes the lanes. Nothing is read afterwards. */
  close(done: () => void): void {
    this.#isClosed = true;
    this.#roundTimer?.cancel();
    const closeLanes = () => {
      let open = this.#lanes.length;
      for (const lane of this.#lanes) {
        lane.close(() => {
          if (--open === 0) done();
        });
      }
    };
    if (this.#round === null || this.#hasFailed || !this.hasRoom) closeLanes();
    else this.#waiters.push(closeLanes);
  }

  #laneOf(key: RowKey): LaneStore {
    return this.#lanes[laneOf(key, this.#lanes.length)]!;
  }

  #isNeeded(from: SequenceNumber, to: SequenceNumber): boolean {
    const round = this.#round;
    if (round !== null && round.horizon >= from && round.horizon < to) return true;
    return this.#snapshots.anyIn(from, to);
  }

  #imageAt(key: RowKey, row: BaseRow | Version, snapshot: SequenceNumber): Uint8Array | undefined {
    if (row.image === null || this.#isCleared(key, row.sequenceNumber, snapshot)) return undefined;
    return row.image;
  }

  /** Whether a clear took the version of `key` made at `written` away, as `snapshot` sees it. */
  #isCleared(key: RowKey, written: SequenceNumber, snapshot: SequenceNumber): boolean {
    for (const { range, sequenceNumber } of this.#clears) {
      if (sequenceNumber > snapshot) return false;
      if (sequenceNumber > written && key >= range.from && key < range.to) return true;
    }
    return false;
  }

  #hurryUp(): void {
    const wanted = this.isOverloaded || this.#staggerMs === 0 ? 'now' : 'soon';
    if (this.#round !== null || this.#hurry === 'now' || this.#hurry === wanted) return;
    this.#hurry = wanted;
    this.#roundTimer?.cancel();
    this.#scheduleRound(wanted === 'now' ? 0 : this.#staggerMs);
  }

  #scheduleRound(delayMs: number): void {
    if (this.#isClosed || this.#hasFailed) return;
    this.#roundTimer = this.#clock.schedule(delayMs, () => {
      this.#roundTimer = null;
      this.#hurry = 'none';
      if (this.#round !== null) return;
      if (this.isOverloaded) this.#endOldSnapshots();
      if (this.#beginRound()) return;
      this.#bytesPublished = 0;
      // While a snapshot holds the rounds back, none of them drops what `keptFrom` has passed.
      if ((this.#snapshots.oldest ?? this.keptFrom) < this.keptFrom) this.#tidy();
      if (this.#appliedUpTo > this.#flushedUpTo) this.#scheduleRound(this.#options.flushIntervalMs + this.#staggerMs);
    });
  }

  /** Makes room: ends what holds the older half of the overlay back, when a round would free nothing by itself. */
  #endOldSnapshots(): void {
    this.#overlay.tidy(this.#appliedUpTo);
    if (!this.isOverloaded || this.#horizon() > this.#flushedUpTo) return;
    const oldest = this.#snapshots.oldest;
    // Where the past that is kept holds the rounds back as much, its owner lets go of it first.
    if (oldest === null || oldest >= this.keptFrom) return;
    this.#snapshots.endOldest(Math.max(oldest, Math.floor((this.#flushedUpTo + this.#appliedUpTo) / 2)));
  }

  #horizon(): SequenceNumber {
    return Math.min(this.#snapshots.oldest ?? this.#appliedUpTo, this.keptFrom);
  }

  /** False if there is nothing to flush, or nothing that can be. */
  #beginRound(): boolean {
    const horizon = this.#horizon();
    if (horizon <= this.#flushedUpTo || this.#hasFailed || this.#isClosed) return false;
    const round: Round = { horizon, lanesRunning: 1 };
    this.#round = round;
    this.#bytesPublished = 0;
    this.#makeVerdictsDurable(horizon, (error) => {
      if (error !== null) this.#fail(error);
      else this.#settleUpTo(horizon, () => this.#collect(round, (batches) => this.#flushLanes(round, batches)));
    });
    return true;
  }

  /** What is published up to there has its place among the rows, which a round goes through. */
  #settleUpTo(horizon: SequenceNumber, done: () => void): void {
    this.#inSlices(() => {
      const unsettled = this.#overlay.unsettled;
      if (unsettled !== null && unsettled <= horizon) {
        this.settle(SLICE_ROWS);
        return true;
      }
      done();
      return false;
    });
  }

  #flushLanes(round: Round, batches: readonly Batch[]): void {
    const laneDone = () => {
      if (--round.lanesRunning === 0) this.#endRound(round);
    };
    const lanes = this.#lanes.entries();
    const goOn = (): void =>
      this.#inSlices(() => {
        const next = lanes.next();
        if (next.done) {
          laneDone();
          return false;
        }
        const [number, lane] = next.value;
        if (lane.flushedUpTo >= round.horizon) return true;
        round.lanesRunning++;
        const { bytes, clear, rows, cleared } = batches[number]!;
        const isLarge = bytes > FLUSHED_TOGETHER_BYTES_MAX;
        this.#flushLane(lane, { upTo: round.horizon, clear, rows }, () => {
          lane.renewReadView();
          this.#removeFlushed(round.horizon, [...rows.map(({ key }) => key), ...cleared], laneDone);
          if (isLarge) goOn();
        });
        return !isLarge;
      });
    goOn();
  }

  /** Without room on the disk the same batch is brought again each second (R16): no round begins until this one is through. */
  #flushLane(lane: LaneStore, batch: FlushBatch, done: () => void): void {
    lane.flush(batch, (error) => {
      if (error === null) {
        this.#setRoom(lane, true);
        return done();
      }
      if (!(error instanceof DiskError && error.code === 'NO_SPACE')) return this.#fail(error);
      this.#setRoom(lane, false);
      if (this.#isClosed) return;
      this.#clock.schedule(ROOM_RETRY_MS, () => {
        if (!this.#isClosed && !this.#hasFailed) this.#flushLane(lane, batch, done);
      });
    });
  }

  #setRoom(lane: LaneStore, hasRoom: boolean): void {
    const before = this.hasRoom;
    if (hasRoom) this.#lanesWithoutRoom.delete(lane);
    else this.#lanesWithoutRoom.add(lane);
    if (this.hasRoom === before) return;
    if (!this.#isClosed) this.onRoomChanged(this.hasRoom);
    // Nobody waits for a round that waits for room.
    if (!this.hasRoom) this.#callWaiters();
  }

  /**
   * What each lane gets. Publishing goes on between the slices: of each row the version that the round reads stays in
   * the overlay. Cost: O(rows of the overlay).
   */
  #collect(round: Round, done: (batches: readonly Batch[]) => void): void {
    const { horizon } = round;
    const count = this.#lanes.length;
    const clears = this.#clears.filter(({ sequenceNumber }) => sequenceNumber <= horizon);
    const batches = this.#lanes.map((lane): Batch => {
      const pending = clears.filter(({ sequenceNumber }) => sequenceNumber > lane.flushedUpTo);
      return { bytes: 0, clear: pending.map(({ range }) => range), rows: [], cleared: [] };
    });
    const collect = (key: RowKey, newest: Version): void => {
      let version: Version | null = newest;
      while (version !== null && version.sequenceNumber > horizon) version = version.older;
      if (version === null) return;
      const batch = batches[laneOf(key, count)]!;
      const { sequenceNumber, image } = version;
      if (clears.length > 0 && this.#isCleared(key, sequenceNumber, horizon)) batch.cleared.push(key);
      else {
        batch.rows.push({ key, sequenceNumber, image });
        batch.bytes += image === null ? 0 : image.length;
      }
    };
    this.#eachRow(collect, () => done(batches));
  }

  #tidy(): void {
    if (this.#isTidying) return;
    this.#isTidying = true;
    const settledUpTo = this.#settledUpTo;
    this.#overlay.tidyTables();
    const tidyRow = (_key: RowKey, newest: Version): void => this.#overlay.tidyRow(newest, settledUpTo);
    this.#eachRow(tidyRow, () => {
      this.#isTidying = false;
    });
  }

  /** Visits the rows of the overlay in slices, perhaps also those that are added meanwhile. */
  #eachRow(visit: (key: RowKey, newest: Version) => void, done: () => void): void {
    const rows = this.#overlay.rows()[Symbol.iterator]();
    let sliceRows = SLICE_ROWS;
    this.#inSlices(() => {
      sliceRows = Math.min(SLICE_ROWS_MAX, sliceRows * SLICE_GROWTH);
      for (let i = 0; i < sliceRows; i++) {
        const next = rows.next();
        if (next.done) {
          done();
          return false;
        }
        visit(next.value[0], next.value[1]);
      }
      return true;
    });
  }

  #removeFlushed(horizon: SequenceNumber, keys: readonly RowKey[], done: () => void): void {
    let at = 0;
    this.#inSlices(() => {
      const end = Math.min(at + SLICE_ROWS, keys.length);
      for (; at < end; at++) this.#overlay.removeUpTo(keys[at]!, horizon);
      if (at < keys.length) return true;
      done();
      return false;
    });
  }

  /** Calls `slice`, now and in later turns, until it returns false, so that others are served in between. */
  #inSlices(slice: () => boolean): void {
    if (this.#hasFailed || !slice()) return;
    this.#clock.schedule(0, () => this.#inSlices(slice));
  }

  #endRound(round: Round): void {
    this.#round = null;
    this.#flushedUpTo = round.horizon;
    this.#clears = this.#clears.filter((clear) => clear.sequenceNumber > round.horizon);
    this.#tidy();
    this.#settledUpTo = this.#appliedUpTo;
    if (this.#isMuchWaiting) this.#hurryUp();
    else if (this.#appliedUpTo > this.#flushedUpTo && this.#roundTimer === null) {
      this.#scheduleRound(this.#options.flushIntervalMs + this.#staggerMs);
    }
    this.#callWaiters();
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#roundTimer?.cancel();
    // A round that was given up for the close is no failure.
    if (!this.#isClosed) this.#failed(error);
    this.#callWaiters();
  }

  #callWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter();
  }
}

function imageOf(key: RowKey, image: Uint8Array): readonly [RowKey, Uint8Array] {
  return [key, image];
}

function versionOf(key: RowKey, image: Uint8Array, sequenceNumber: SequenceNumber): readonly [RowKey, BaseRow] {
  return [key, { sequenceNumber, image }];
}

/** The first of a sorted sequence of pairs. */
class Head<T> {
  readonly #iterator: Iterator<readonly [RowKey, T]>;
  key: RowKey | null = null;
  value: T | null = null;

  constructor(pairs: Iterable<readonly [RowKey, T]>) {
    this.#iterator = pairs[Symbol.iterator]();
    this.advance();
  }

  advance(): void {
    const next = this.#iterator.next();
    this.key = next.done ? null : next.value[0];
    this.value = next.done ? null : next.value[1];
  }

  close(): void {
    this.#iterator.return?.();
  }
}
