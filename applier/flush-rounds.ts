/**
 * Carries rows from the overlay to the lanes, behind what is published; the steps of a round, and why that is right, are in
 * version-store.ts. At most one round at a time; it is worked on in slices, so that others are served in between.
 */
import type { RowKey } from '../certifier/types.ts';
import { type Clock, DiskError, type ScheduledCall, type SequenceNumber } from '../gcs/base/index.ts';
import type { Clears } from './clears.ts';
import { laneOf } from './lane-of.ts';
import type { Overlay, Version } from './overlay.ts';
import type { Snapshots } from './snapshots.ts';
import type { FlushBatch, KeyRange, LaneStore } from './types.ts';
import type { VersionStoreOptions, VersionStoreSetup } from './version-store.ts';

export interface FlushRoundsSetup extends VersionStoreSetup {
  readonly overlay: Overlay;
  readonly snapshots: Snapshots;
  readonly clears: Clears;
  readonly store: FlushedStore;
}

/** As it is at the moment. */
export interface FlushedStore {
  readonly appliedUpTo: SequenceNumber;
  readonly keptFrom: SequenceNumber;
  readonly isOverloaded: boolean;
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

export class FlushRounds {
  /** Called when the disk of a lane has no room for a flush, and when all have room again. */
  onRoomChanged: (hasRoom: boolean) => void = () => {};

  readonly #lanes: readonly LaneStore[];
  readonly #clock: Clock;
  readonly #options: VersionStoreOptions;
  readonly #staggerMs: number;
  readonly #makeVerdictsDurable: VersionStoreSetup['makeVerdictsDurable'];
  readonly #failed: (error: Error) => void;
  readonly #overlay: Overlay;
  readonly #snapshots: Snapshots;
  readonly #clears: Clears;
  readonly #store: FlushedStore;
  readonly #lanesWithoutRoom = new Set<LaneStore>();
  #flushedUpTo: SequenceNumber;
  #round: Round | null = null;
  #timer: ScheduledCall | null = null;
  /** The round that is scheduled does not wait for the interval; or not at all. */
  #hurry: 'none' | 'soon' | 'now' = 'none';
  #isTidying = false;
  /** Since the last round began. */
  #bytesPublished = 0;
  /** What was applied when the last round ended: images up to it are worth moving out of large buffers. */
  #appliedAtLastRound: SequenceNumber = 0;
  #hasFailed = false;
  #isClosed = false;
  /** Called after every round, and when nothing more can be flushed. */
  #waiters: (() => void)[] = [];

  constructor(setup: FlushRoundsSetup) {
    this.#lanes = setup.lanes;
    this.#clock = setup.clock;
    this.#options = setup.options;
    this.#staggerMs = setup.staggerMs ?? 0;
    this.#makeVerdictsDurable = setup.makeVerdictsDurable;
    this.#failed = setup.failed;
    this.#overlay = setup.overlay;
    this.#snapshots = setup.snapshots;
    this.#clears = setup.clears;
    this.#store = setup.store;
    this.#flushedUpTo = Math.min(...setup.lanes.map((lane) => lane.flushedUpTo));
  }

  /** Horizon of the last round that is through; at the start, the lowest flush point. */
  get flushedUpTo(): SequenceNumber {
    return this.#flushedUpTo;
  }

  /** Of the round under way, which reads the versions at it. Null: there is none. */
  get horizonUnderWay(): SequenceNumber | null {
    return this.#round === null ? null : this.#round.horizon;
  }

  /** False: a flush round waits for room on the disk. */
  get hasRoom(): boolean {
    return this.#lanesWithoutRoom.size === 0;
  }

  /** Something was published, and the overlay is so much larger. */
  published(bytes: number): void {
    this.#bytesPublished += Math.max(0, bytes);
    if (this.#isMuchWaiting) this.hurryUp();
    else if (this.#timer === null) this.#schedule(this.#options.flushIntervalMs + this.#staggerMs);
  }

  /** Brings so many more rows of a large transaction to their places. */
  settle(rowsMax: number): void {
    const before = this.#overlay.bytes;
    this.#overlay.settle(rowsMax);
    this.#bytesPublished += Math.max(0, this.#overlay.bytes - before);
    if (this.#isMuchWaiting) this.hurryUp();
  }

  /** The next round does not wait for its time. */
  hurryUp(): void {
    const wanted = this.#store.isOverloaded || this.#staggerMs === 0 ? 'now' : 'soon';
    if (this.#round !== null || this.#hurry === 'now' || this.#hurry === wanted) return;
    this.#hurry = wanted;
    this.#timer?.cancel();
    this.#schedule(wanted === 'now' ? 0 : this.#staggerMs);
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
    this.#timer?.cancel();
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

  get #isMuchWaiting(): boolean {
    return this.#bytesPublished >= this.#options.flushBytes || this.#store.isOverloaded;
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed || this.#hasFailed) return;
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = null;
      this.#hurry = 'none';
      if (this.#round !== null) return;
      if (this.#store.isOverloaded) this.#endOldSnapshots();
      if (this.#beginRound()) return;
      this.#bytesPublished = 0;
      // While a snapshot holds the rounds back, none of them drops what `keptFrom` has passed.
      if ((this.#snapshots.oldest ?? this.#store.keptFrom) < this.#store.keptFrom) this.#tidy();
      if (this.#store.appliedUpTo > this.#flushedUpTo) this.#schedule(this.#options.flushIntervalMs + this.#staggerMs);
    });
  }

  /** Makes room: ends what holds the older half of the overlay back, when a round would free nothing by itself. */
  #endOldSnapshots(): void {
    this.#overlay.tidy(this.#store.appliedUpTo);
    if (!this.#store.isOverloaded || this.#horizon() > this.#flushedUpTo) return;
    const oldest = this.#snapshots.oldest;
    // Where the past that is kept holds the rounds back as much, its owner lets go of it first.
    if (oldest === null || oldest >= this.#store.keptFrom) return;
    this.#snapshots.endOldest(Math.max(oldest, Math.floor((this.#flushedUpTo + this.#store.appliedUpTo) / 2)));
  }

  #horizon(): SequenceNumber {
    return Math.min(this.#snapshots.oldest ?? this.#store.appliedUpTo, this.#store.keptFrom);
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
    const clears = this.#clears.upTo(horizon);
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
      if (clears.length > 0 && this.#clears.isCleared(key, sequenceNumber, horizon)) batch.cleared.push(key);
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
    const appliedBefore = this.#appliedAtLastRound;
    this.#overlay.tidyTables();
    const tidyRow = (_key: RowKey, newest: Version): void => this.#overlay.tidyRow(newest, appliedBefore);
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
    this.#clears.dropUpTo(round.horizon);
    this.#tidy();
    this.#appliedAtLastRound = this.#store.appliedUpTo;
    if (this.#isMuchWaiting) this.hurryUp();
    else if (this.#store.appliedUpTo > this.#flushedUpTo && this.#timer === null) {
      this.#schedule(this.#options.flushIntervalMs + this.#staggerMs);
    }
    this.#callWaiters();
  }

  #fail(error: Error): void {
    if (this.#hasFailed) return;
    this.#hasFailed = true;
    this.#timer?.cancel();
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
