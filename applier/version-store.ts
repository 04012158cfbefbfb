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
import { assert, type Clock, type SequenceNumber } from '../gcs/base/index.ts';
import { Clears } from './clears.ts';
import { FlushRounds } from './flush-rounds.ts';
import { laneOf } from './lane-of.ts';
import { Overlay, type Version } from './overlay.ts';
import { type RowSources, scanRows } from './scan-rows.ts';
import { type Snapshot, Snapshots } from './snapshots.ts';
import type { BaseRow, KeyRange, LaneStore } from './types.ts';

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

export class VersionStore {
  /** The highest flush point of a lane at the start: nothing is served below it. */
  readonly highestLanePoint: SequenceNumber;

  /** Called when the disk of a lane has no room for a flush, and when all have room again. */
  onRoomChanged: (hasRoom: boolean) => void = () => {};

  readonly #lanes: readonly LaneStore[];
  readonly #options: VersionStoreOptions;
  readonly #snapshots = new Snapshots();
  readonly #clears = new Clears();
  readonly #overlay: Overlay;
  readonly #rounds: FlushRounds;
  #appliedUpTo: SequenceNumber;
  #hasPublished = false;
  #isClosed = false;

  constructor(setup: VersionStoreSetup) {
    assert(setup.lanes.length > 0, 'there is a lane');
    this.#lanes = setup.lanes;
    this.#options = setup.options;
    const points = setup.lanes.map((lane) => lane.flushedUpTo);
    this.#appliedUpTo = Math.min(...points);
    this.highestLanePoint = Math.max(...points);
    const overlay = new Overlay((from, to) => this.#isNeeded(from, to));
    this.#overlay = overlay;
    this.#rounds = new FlushRounds({
      ...setup,
      overlay,
      snapshots: this.#snapshots,
      clears: this.#clears,
      store: this,
    });
    this.#rounds.onRoomChanged = (hasRoom) => this.onRoomChanged(hasRoom);
  }

  /** Every sequence number up to here is visible. At the start: the replay point, where publications go on from. */
  get appliedUpTo(): SequenceNumber {
    return this.#appliedUpTo;
  }

  /** Every lane has durably what was written up to here. */
  get flushedUpTo(): SequenceNumber {
    return this.#rounds.flushedUpTo;
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
    if (this.isOverloaded) this.#rounds.hurryUp();
  }

  /** False: a flush round waits for room on the disk. */
  get hasRoom(): boolean {
    return this.#rounds.hasRoom;
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
    for (const range of clear) this.#clears.add({ range, sequenceNumber });
    const before = this.#overlay.bytes;
    this.#addRows(sequenceNumber, writes);
    this.#appliedUpTo = sequenceNumber;
    this.#rounds.published(this.#overlay.bytes - before);
  }

  /**
   * As `publish` of all that a transaction writes, while everything is settled. Cost: O(1), and that of `settle` later.
   * `beside`: rows that are written, too, and are none of its own.
   */
  publishLarge(sequenceNumber: SequenceNumber, large: LargeTransaction, beside: readonly Write[] = []): void {
    this.#beginPublication(sequenceNumber);
    assert(sequenceNumber > this.highestLanePoint, 'what a lane has already is published row by row');
    const before = this.#overlay.bytes;
    this.#overlay.addLarge(large, sequenceNumber);
    this.#addRows(sequenceNumber, beside);
    this.#appliedUpTo = sequenceNumber;
    this.#rounds.published(this.#overlay.bytes - before);
  }

  /** What was published has its place among the rows. */
  get isSettled(): boolean {
    return this.#overlay.unsettled === null;
  }

  /** Brings so many more rows of a large transaction to their places. Changes nothing that can be read. */
  settle(rowsMax: number): void {
    this.#rounds.settle(rowsMax);
  }

  #beginPublication(sequenceNumber: SequenceNumber): void {
    assert(sequenceNumber === this.#appliedUpTo + 1, 'publications are dense and in order');
    assert(!this.#isClosed, 'nothing is published after the close');
    this.#hasPublished = true;
  }

  #addRows(sequenceNumber: SequenceNumber, writes: readonly Write[]): void {
    const isReplayed = sequenceNumber <= this.highestLanePoint;
    for (const { key, image } of writes) {
      if (isReplayed && sequenceNumber <= this.#laneOf(key).flushedUpTo) continue;
      this.#overlay.add(key, sequenceNumber, image);
    }
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
    return row === undefined ? undefined : this.#clears.imageAt(key, row, snapshot);
  }

  /** Rows at `snapshot`, in key order or backwards. To be used up in the turn in which it was made. */
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]> {
    return scanRows(this.#sources, { range, snapshot, reverse }, imageOf);
  }

  /** As `scan`, with the sequence numbers that wrote the rows. */
  scanVersions(range: KeyRange, snapshot: SequenceNumber): Iterable<readonly [RowKey, BaseRow]> {
    return scanRows(this.#sources, { range, snapshot, reverse: false }, versionOf);
  }

  get #sources(): RowSources {
    return { lanes: this.#lanes, overlay: this.#overlay, clears: this.#clears };
  }

  /**
   * Flushes what can be flushed without ending snapshots or letting go of what is kept. `done` comes in a later turn, also
   * after a failure and for want of room.
   */
  flushNow(done: () => void): void {
    this.#rounds.flushNow(done);
  }

  /** Waits for a running round, without beginning one, and closes the lanes. Nothing is read afterwards. */
  close(done: () => void): void {
    this.#isClosed = true;
    this.#rounds.close(done);
  }

  #laneOf(key: RowKey): LaneStore {
    return this.#lanes[laneOf(key, this.#lanes.length)]!;
  }

  #isNeeded(from: SequenceNumber, to: SequenceNumber): boolean {
    const horizon = this.#rounds.horizonUnderWay;
    if (horizon !== null && horizon >= from && horizon < to) return true;
    return this.#snapshots.anyIn(from, to);
  }
}

function imageOf(key: RowKey, image: Uint8Array): readonly [RowKey, Uint8Array] {
  return [key, image];
}

function versionOf(key: RowKey, image: Uint8Array, sequenceNumber: SequenceNumber): readonly [RowKey, BaseRow] {
  return [key, { sequenceNumber, image }];
}
