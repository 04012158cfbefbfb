/**
 * Judges the transactions of the total order: first committer wins on the transaction's own snapshot, whoever the
 * committer was. Everything here is a function of the order alone (and of the group's one capacity), so every member
 * comes to the same verdicts without asking; the running digest shows it.
 *
 * A certifier can be rebuilt as of a sequence number V from the numbers kept with V and the write sets of all positive
 * ones above the purge floor of V. It then answers as one that never stopped: all items above the floor are still in
 * the database of V, so together they do not exceed its capacity and recording them again evicts nothing; and no answer
 * depends on items at or below the floor.
 */
import { assert, type MemberOrdinal, RunningDigest, type SequenceNumber } from '../gcs/base/index.ts';
import { AheadJudgement } from './ahead-judgement.ts';
import type { CertificationDatabase } from './certification-database.ts';
import { beforeAllCommitTimes, markedTime, nextCommitTime } from './commit-time.ts';
import { hasDelta } from './item-kinds.ts';
import { SerialSafetyNet } from './serial-safety-net.ts';
import type {
  CertificationRule,
  CommitTime,
  Conflict,
  LargeTransaction,
  Lost,
  Negative,
  Resolution,
  ResolveDeltas,
  ResolveDeltasInSlices,
  RowKey,
  Transaction,
  Verdict,
  Writer,
  WriteSetItem,
} from './types.ts';

export interface CertifierSetup {
  /** Empty; this certifier's own from now on. */
  readonly database: CertificationDatabase;
  /** Absent: the empty group. */
  readonly restored?: CertifierState;
  /**
   * As of the restored sequence number, or of any before it with all changes behind that given to `restoreRule`. Absent: `read-validation`.
   */
  readonly rule?: CertificationRule;
  /** Keys and ranges of which the serial safety net remembers stamps. Absent: the capacity of the database. */
  readonly stampsMax?: number;
}

/** What is kept of a certifier beside its database, as of the last sequence number certified. */
export interface CertifierState {
  readonly sequenceNumber: SequenceNumber;
  readonly commitTime: CommitTime;
  readonly purgeFloor: SequenceNumber;
  readonly digest: string;
}

export interface CertificationResult {
  readonly verdict: Verdict;
  /** Null unless positive. */
  readonly commitTime: CommitTime | null;
}

/** What a transaction is judged to be: refused, or to be accepted, with its `lastCommitted`. */
type Judged = Lost | Placed | SequenceNumber;

/** To be accepted at a serial place that is not its number. */
interface Placed {
  readonly kind: 'placed';
  readonly lastCommitted: SequenceNumber;
  readonly serialPlace: SequenceNumber;
}

/** What a transaction has come to but for the conclusion, which costs O(1). */
export interface JudgedInSlices {
  readonly isPositive: boolean;
  readonly conclude: () => CertificationResult;
}

export interface SchemaChangeResult {
  readonly sequenceNumber: SequenceNumber;
  readonly commitTime: CommitTime;
}

export class Certifier {
  readonly #database: CertificationDatabase;
  readonly #stampsMax: number;
  readonly #digest: RunningDigest;
  /** Null: the rule is `read-validation`. */
  #safetyNet: SerialSafetyNet | null = null;
  #sequenceNumber: SequenceNumber = 0;
  #commitTime = beforeAllCommitTimes;
  #lastCommitted: SequenceNumber = 0;
  #serialPlace: SequenceNumber = 0;
  /** Invariant: purge floor <= restored up to <= sequence number; equal to the latter once something is judged. */
  #restoredUpTo: SequenceNumber = 0;
  readonly #restoredFloor: SequenceNumber;

  constructor({ database, restored, rule = 'read-validation', stampsMax = database.capacity }: CertifierSetup) {
    assert(database.itemCount === 0 && database.purgeFloor === 0, 'a certifier starts with an empty database');
    this.#database = database;
    this.#stampsMax = stampsMax;
    this.#digest = new RunningDigest(restored?.digest);
    this.#restoredFloor = restored?.purgeFloor ?? 0;
    if (rule === 'serial-safety-net') this.#safetyNet = this.#newSafetyNet(this.#restoredFloor);
    if (restored === undefined) return;
    assert(restored.purgeFloor <= restored.sequenceNumber, 'the purge floor is not ahead of the sequence numbers');
    this.#sequenceNumber = restored.sequenceNumber;
    this.#commitTime = restored.commitTime;
    this.#restoredUpTo = this.#restoredFloor;
    database.raisePurgeFloor(this.#restoredFloor);
  }

  /** Of the last positive one; 0 before the first. */
  get sequenceNumber(): SequenceNumber {
    return this.#sequenceNumber;
  }

  /** Of the last positive one, or what was marked since: every later one has a later one. */
  get commitTime(): CommitTime {
    return this.#commitTime;
  }

  /** Of the last transaction that was accepted: what an applier in need of order must have applied before. */
  get lastCommitted(): SequenceNumber {
    return this.#lastCommitted;
  }

  /** Of the last positive transaction: its own number, or that of the one which it comes right before in the serial order. */
  get serialPlace(): SequenceNumber {
    return this.#serialPlace;
  }

  get purgeFloor(): SequenceNumber {
    return this.#database.purgeFloor;
  }

  /** By which SERIALIZABLE transactions are judged from here on. */
  get rule(): CertificationRule {
    return this.#safetyNet === null ? 'read-validation' : 'serial-safety-net';
  }

  /** Keys and ranges that are remembered for the rule `serial-safety-net`. Differs after a rebuild as the items do. */
  get stampCount(): number {
    return this.#safetyNet?.size ?? 0;
  }

  /** Items in the certification database. May differ after a rebuild, which leaves out what no answer depends on. */
  get itemCount(): number {
    return this.#database.itemCount;
  }

  /** Memory of the certification database, in bytes. */
  get databaseBytes(): number {
    return this.#database.bytes;
  }

  /** Keys looked up in the certification database so far, and items that it gave up for want of room. */
  get databaseCounts(): { readonly lookups: number; readonly evictions: number } {
    const { lookups, evictions } = this.#database;
    return { lookups, evictions };
  }

  /** Of everything judged so far, refusals included: equal on all members at the same place of the order. */
  get digest(): string {
    return this.#digest.toString();
  }

  /**
   * Certifies `transaction`, the next in the total order. A refused one leaves no trace but in the digest. Null: it is
   * accepted, and `sequenceNumber`, `lastCommitted` and `commitTime` are its own.
   *
   * @param stampMs The leader's, of the log entry that carried it.
   * @param resolve Absent: its deltas are taken as they are.
   * @throws InvariantViolation if the snapshot is ahead of the certified order.
   *
   * Cost: O(items), and with ranges the keys written after the snapshot. Source: MySQL Group Replication, `Certifier::certify`; hazards H1, H2, H6, H8, H10, H11, H13, H22.
   */
  certifyNext(
    transaction: Transaction,
    origin: MemberOrdinal,
    stampMs: number,
    resolve: ResolveDeltas | null = null,
  ): Negative | null {
    const judged = this.#judge(transaction);
    if (isNegative(judged)) return this.#refuse(judged);
    const resolution = resolve !== null && hasDelta(transaction.writeSet) ? resolve(transaction) : null;
    if (resolution !== null && resolution.kind === 'out-of-bounds') return this.#refuse(resolution);
    this.#acceptTransaction(judged, stampMs, resolution);
    this.#recordWrites(transaction.writeSet, this.#sequenceNumber, origin);
    if (this.#safetyNet !== null) this.#stamp(transaction, origin);
    return null;
  }

  /** As `certifyNext`. */
  certify(
    transaction: Transaction,
    origin: MemberOrdinal,
    stampMs: number,
    resolve: ResolveDeltas | null = null,
  ): CertificationResult {
    return this.#resultOf(this.certifyNext(transaction, origin, stampMs, resolve));
  }

  /** For a transaction that is on its way: see `certifyInSlices`. */
  judgeAhead(): AheadJudgement {
    return new AheadJudgement(this.#database);
  }

  /**
   * As `certify`, in slices of so many items, for a large one: others may be served at each `yield`, but nothing else is
   * certified before `conclude` has been called, once. Until then all that this certifier tells of itself is as before,
   * but for the purge floor, which may have risen. What it writes may have to be settled afterwards.
   *
   * @param ahead Of the same transaction, as far as it has come.
   * @param resolve As of `certify`.
   */
  *certifyInSlices(
    transaction: LargeTransaction,
    { origin, stampMs }: { readonly origin: MemberOrdinal; readonly stampMs: number },
    itemsPerSlice: number,
    ahead: AheadJudgement | null = null,
    resolve: ResolveDeltasInSlices | null = null,
  ): Generator<void, JudgedInSlices, void> {
    const judged =
      (ahead === null ? null : yield* this.#judgedAhead(transaction, ahead, itemsPerSlice)) ??
      (yield* this.#judgeInSlices(transaction, itemsPerSlice));
    if (isNegative(judged)) return { isPositive: false, conclude: () => this.#resultOf(this.#refuse(judged)) };
    const { writeSet } = transaction;
    const resolution = resolve !== null && hasDelta(writeSet) ? yield* resolve(transaction) : null;
    if (resolution !== null && resolution.kind === 'out-of-bounds') {
      return { isPositive: false, conclude: () => this.#resultOf(this.#refuse(resolution)) };
    }
    const sequenceNumber = this.#sequenceNumber + 1;
    while (!this.#database.isSettled) {
      this.#database.settle(itemsPerSlice);
      yield;
    }
    const isRecordedLater = this.#database.canRecordLarge(writeSet.length);
    for (let at = 0; at < writeSet.length && !isRecordedLater; at += itemsPerSlice) {
      yield;
      this.#recordWrites(writeSet.slice(at, at + itemsPerSlice), sequenceNumber, origin);
    }
    return {
      isPositive: true,
      conclude: () => {
        assert(this.#sequenceNumber === sequenceNumber - 1, 'nothing else is certified between the slices');
        this.#acceptTransaction(judged, stampMs, resolution);
        if (isRecordedLater) this.#database.recordLarge(transaction, { sequenceNumber, origin });
        if (this.#safetyNet !== null) this.#stamp(transaction, origin);
        return this.#resultOf(null);
      },
    };
  }

  /** Keys that are remembered at most. */
  get capacity(): number {
    return this.#database.capacity;
  }

  /** So many keys are remembered from here on; the oldest that are more go at once. */
  changeCapacity(capacity: number): void {
    this.#assertRestored();
    this.#database.changeCapacity(capacity);
    this.#passFloorOn();
    this.#digest.add(capacityMark);
    this.#digest.add(capacity);
    this.#digest.add(this.#database.purgeFloor);
  }

  /** As `changeCapacity`, once all that is kept is restored: what is above the floor fits it. */
  restoreCapacity(capacity: number): void {
    this.#assertRestored();
    this.#database.changeCapacity(capacity);
    this.#assertNothingEvicted();
  }

  /** What was certified is in the database itself. */
  get isSettled(): boolean {
    return this.#database.isSettled;
  }

  /** Brings so many more items of a large transaction into the database. Changes no answer. */
  settle(itemsMax: number): void {
    this.#database.settle(itemsMax);
  }

  /** What `certify` would refuse already. Null: nothing speaks against it so far. Changes nothing. Never asks what deltas come to (H9). */
  preCertify(transaction: Transaction): Lost | null {
    const judged = this.#judge(transaction);
    return isNegative(judged) ? judged : null;
  }

  /** As `preCertify`, in slices of so many items. */
  *preCertifyInSlices(transaction: Transaction, itemsPerSlice: number): Generator<void, Lost | null, void> {
    const judged = yield* this.#judgeInSlices(transaction, itemsPerSlice);
    return isNegative(judged) ? judged : null;
  }

  /** Accepts a change of the schema, which always wins: whoever saw `keys` before it conflicts. Each key once. */
  certifySchemaChange(keys: readonly RowKey[], origin: MemberOrdinal, stampMs: number): SchemaChangeResult {
    this.#accept(stampMs, schemaChangeMark);
    const { sequenceNumber, commitTime } = this;
    for (const key of keys) this.#database.record(key, 'put', sequenceNumber, origin);
    this.#safetyNet?.forgetUpTo(sequenceNumber);
    return { sequenceNumber, commitTime };
  }

  /** Holds the transactions behind this place of the order to `rule`. What was certified before it counts as forgotten. */
  changeRule(rule: CertificationRule): void {
    this.#assertRestored();
    this.#digest.add(ruleMark);
    this.#digest.add(rule === 'serial-safety-net' ? 1 : 0);
    this.restoreRule(rule);
  }

  /** As `changeRule`, while what is kept is restored: behind the last sequence number that was given. */
  restoreRule(rule: CertificationRule): void {
    this.#safetyNet = rule === 'serial-safety-net' ? this.#newSafetyNet(this.#restoredUpTo) : null;
  }

  /** A change of the schema that was judged invalid: takes no number, shows in the digest. */
  refuseSchemaChange(reason: number): void {
    this.#assertRestored();
    this.#digest.add(refusedSchemaChangeMark);
    this.#digest.add(reason);
  }

  /** A transaction or fence that its idempotency key decides (H16): takes no number, shows in the digest. */
  refuseKey(reason: number): void {
    this.#assertRestored();
    this.#digest.add(keyRefusalMark);
    this.#digest.add(reason);
  }

  /**
   * Raises the purge floor, at its place of the order (H4): snapshots below it are refused from here on, and who wrote
   * what up to it need not be known any more. Never lowers it, nor raises it above what is certified.
   */
  raisePurgeFloor(sequenceNumber: SequenceNumber): void {
    this.#assertRestored();
    this.#database.raisePurgeFloor(Math.min(sequenceNumber, this.#sequenceNumber));
    this.#passFloorOn();
    this.#digest.add(purgeFloorMark);
    this.#digest.add(this.#database.purgeFloor);
  }

  /**
   * Time has come so far, at this place of the order (H13): whatever is certified from here on has a later commit time than
   * `stampMs`. Returns how far it has come.
   */
  markTime(stampMs: number): CommitTime {
    this.#assertRestored();
    this.#commitTime = markedTime(this.#commitTime, stampMs);
    this.#digest.add(timeMark);
    this.#digest.add(this.#commitTime.physicalMs);
    this.#digest.add(this.#commitTime.logical);
    return this.#commitTime;
  }

  /**
   * Takes a kept positive verdict instead of judging. Order of calls: before anything else, with all positive ones
   * above the restored purge floor up to the restored sequence number, schema changes included, in their order; those
   * at or below the floor may be given too.
   */
  restorePositive(transaction: Transaction, writer: Writer, serialPlace = writer.sequenceNumber): void {
    const { sequenceNumber, origin } = writer;
    if (this.#isToRestore(writer)) {
      this.#recordWrites(transaction.writeSet, sequenceNumber, origin);
      this.#safetyNet?.record(transaction, writer, serialPlace);
    }
    this.#assertNothingEvicted();
  }

  /** As `restorePositive`, for a change of the schema. */
  restoreSchemaChange(keys: readonly RowKey[], writer: Writer): void {
    const { sequenceNumber, origin } = writer;
    if (this.#isToRestore(writer)) {
      for (const key of keys) this.#database.record(key, 'put', sequenceNumber, origin);
      this.#safetyNet?.forgetUpTo(sequenceNumber);
    }
    this.#assertNothingEvicted();
  }

  #newSafetyNet(floor: SequenceNumber): SerialSafetyNet {
    return new SerialSafetyNet(this.#stampsMax, floor);
  }

  /** The ranges do not count for `lastCommitted`. */
  #judge(transaction: Transaction): Judged {
    assert(transaction.writeSet.length > 0 || transaction.ranges !== undefined, 'a write set is not empty');
    if (this.#isPlaced(transaction)) return this.#judgeAndPlace(transaction);
    const judged = this.#judgeWriteSet(transaction);
    if (transaction.ranges === undefined || typeof judged !== 'number') return judged;
    return this.#judgeRanges(transaction) ?? judged;
  }

  /** What it read may have been written since. */
  #isPlaced(transaction: Transaction): boolean {
    const net = this.#safetyNet;
    if (net === null || (transaction.reads === undefined && transaction.ranges === undefined)) return false;
    return net.takes(transaction);
  }

  #judgeAndPlace(transaction: Transaction): Judged {
    const { snapshotVersion, writeSet, reads = 0 } = transaction;
    const written = writeSet.length - reads;
    const held = reads === 0 ? writeSet : writeSet.slice(0, written);
    let judged = this.#judgeWriteSet({ snapshotVersion, writeSet: held });
    if (typeof judged !== 'number') return judged;
    let isStale = false;
    for (let at = written; at < writeSet.length; at++) {
      const last = this.#database.lastWritten(writeSet[at]!.key);
      if (last > snapshotVersion) isStale = true;
      else if (last > judged) judged = last;
    }
    if (!isStale && (transaction.ranges === undefined || this.#judgeRanges(transaction) === null)) return judged;
    const placed = this.#safetyNet!.place(transaction);
    // It is judged ahead, between the slices of another: nothing that is known refuses it.
    if (placed === null) return judged;
    return placed.kind === 'placed' ? { ...placed, lastCommitted: judged } : placed;
  }

  #judgeWriteSet({ snapshotVersion, writeSet }: Transaction): Lost | SequenceNumber {
    this.#assertRestored();
    assert(snapshotVersion <= this.#sequenceNumber, 'a snapshot is not from the future');
    const purgeFloor = this.#database.purgeFloor;
    if (snapshotVersion < purgeFloor) return { kind: 'snapshot-too-old', purgeFloor };
    return this.#judgeItems(writeSet, snapshotVersion, purgeFloor);
  }

  /** `lastCommitted`: as far as it is known. */
  #judgeItems(
    items: readonly WriteSetItem[],
    snapshotVersion: SequenceNumber,
    lastCommitted: SequenceNumber,
  ): Conflict | SequenceNumber {
    let highest = lastCommitted;
    // Not by an iterator, which costs as much as the look-up where the runtime does not do away with it.
    for (let at = 0; at < items.length; at++) {
      const item = items[at]!;
      const last = this.#database.lastWritten(item.key);
      if (last > snapshotVersion && last > (item.snapshotVersion ?? snapshotVersion)) {
        const winner = this.#database.lastOpponent(item.key, item.kind);
        if (winner !== undefined && winner.sequenceNumber > (item.snapshotVersion ?? snapshotVersion)) {
          return { kind: 'conflict', item, winner };
        }
      }
      if (last > highest) highest = last;
    }
    return highest;
  }

  #judgeRanges({ snapshotVersion, ranges = [] }: Transaction): Conflict | null {
    const last = this.#database.lastWithin(ranges, snapshotVersion);
    if (last === null) return null;
    const { range, key, writer } = last;
    return { kind: 'conflict', item: null, range, key, winner: writer };
  }

  /** As `#judge`. What is placed is not that large. */
  *#judgeInSlices(transaction: Transaction, itemsPerSlice: number): Generator<void, Judged, void> {
    if (this.#isPlaced(transaction)) return this.#judgeAndPlace(transaction);
    const { snapshotVersion, writeSet } = transaction;
    let judged = this.#judgeWriteSet({ snapshotVersion, writeSet: writeSet.slice(0, itemsPerSlice) });
    for (let at = itemsPerSlice; at < writeSet.length; at += itemsPerSlice) {
      if (typeof judged !== 'number') return judged;
      yield;
      judged = this.#judgeItems(writeSet.slice(at, at + itemsPerSlice), snapshotVersion, judged);
    }
    if (typeof judged !== 'number' || transaction.ranges === undefined) return judged;
    yield;
    return this.#judgeRanges(transaction) ?? judged;
  }

  /** As `#judge`, of what was judged ahead. Null: it has to be judged here. */
  *#judgedAhead(
    transaction: LargeTransaction,
    ahead: AheadJudgement,
    itemsPerSlice: number,
  ): Generator<void, Lost | SequenceNumber | null, void> {
    if (this.#isPlaced(transaction)) return null;
    const { snapshotVersion, writeSet } = transaction;
    const judged = this.#judgeWriteSet({ snapshotVersion, writeSet: writeSet.slice(0, 1) });
    if (typeof judged !== 'number') return judged;
    while (!ahead.goOn(transaction, itemsPerSlice)) yield;
    if (ahead.isSpoilt) return null;
    if (transaction.ranges === undefined) return Math.max(judged, ahead.highest);
    yield;
    return this.#judgeRanges(transaction) ?? Math.max(judged, ahead.highest);
  }

  #accept(stampMs: number, mark: number): void {
    this.#assertRestored();
    this.#commitTime = nextCommitTime(this.#commitTime, stampMs);
    this.#sequenceNumber++;
    this.#restoredUpTo = this.#sequenceNumber;
    this.#digest.add(mark);
    this.#digest.add(this.#sequenceNumber);
    this.#digest.add(this.#commitTime.physicalMs);
    this.#digest.add(this.#commitTime.logical);
  }

  #acceptTransaction(judged: SequenceNumber | Placed, stampMs: number, resolution: Resolution | null): void {
    this.#accept(stampMs, positiveMark);
    if (typeof judged === 'number') {
      this.#lastCommitted = judged;
      this.#serialPlace = this.#sequenceNumber;
      this.#digest.add(judged);
    } else {
      this.#lastCommitted = judged.lastCommitted;
      this.#serialPlace = judged.serialPlace;
      this.#digest.add(judged.lastCommitted);
      this.#digest.add(placedMark);
      this.#digest.add(judged.serialPlace);
    }
    if (resolution !== null) for (const word of resolution.digestWords) this.#digest.add(word);
  }

  /** What was accepted last. */
  #stamp(transaction: Transaction, origin: MemberOrdinal): void {
    this.#safetyNet!.record(transaction, { sequenceNumber: this.#sequenceNumber, origin }, this.#serialPlace);
    this.#passFloorOn();
  }

  /**
   * To be called wherever the purge floor has moved. Between the slices of a large transaction it may be ahead of the sequence
   * numbers; that is passed on when the large one is concluded.
   */
  #passFloorOn(): void {
    this.#safetyNet?.forgetUpTo(Math.min(this.#database.purgeFloor, this.#sequenceNumber));
  }

  #refuse(negative: Negative): Negative {
    this.#digestRefusal(negative);
    return negative;
  }

  /** Of what was judged last. */
  #resultOf(negative: Negative | null): CertificationResult {
    if (negative !== null) return { verdict: negative, commitTime: null };
    const { sequenceNumber, lastCommitted, serialPlace, commitTime } = this;
    const isPlaced = serialPlace < sequenceNumber;
    return {
      verdict: { kind: 'positive', sequenceNumber, lastCommitted, ...(isPlaced && { serialPlace }) },
      commitTime,
    };
  }

  #recordWrites(items: readonly WriteSetItem[], sequenceNumber: SequenceNumber, origin: MemberOrdinal): void {
    for (let at = 0; at < items.length; at++) {
      const { key, kind } = items[at]!;
      if (kind !== 'check') this.#database.record(key, kind, sequenceNumber, origin);
    }
  }

  #digestRefusal(negative: Negative): void {
    if (negative.kind === 'conflict') {
      if (negative.structure !== undefined) this.#digest.add(dangerousStructureMark);
      this.#digest.add(negative.item === null ? rangeConflictMark : conflictMark);
      this.#digest.add(negative.winner.sequenceNumber);
      const { structure } = negative;
      if (structure !== undefined) this.#digest.add(structure.before?.by.sequenceNumber ?? 0);
    } else if (negative.kind === 'snapshot-too-old') {
      this.#digest.add(snapshotTooOldMark);
      this.#digest.add(negative.purgeFloor);
    } else this.#digest.add(outOfBoundsMark);
  }

  #isToRestore({ sequenceNumber }: Writer): boolean {
    if (sequenceNumber <= this.#restoredUpTo) {
      assert(sequenceNumber <= this.#restoredFloor, 'kept verdicts are given once, in their order');
      return false;
    }
    assert(sequenceNumber <= this.#sequenceNumber, 'a kept verdict is not behind the restored sequence number');
    assert(sequenceNumber === this.#restoredUpTo + 1, 'no kept verdict above the purge floor is missing');
    this.#restoredUpTo = sequenceNumber;
    return true;
  }

  #assertRestored(): void {
    assert(this.#restoredUpTo === this.#sequenceNumber, 'all kept verdicts are given before anything is judged');
  }

  /** Fails if the capacity is not the one that the floor was kept with. */
  #assertNothingEvicted(): void {
    assert(
      this.#database.purgeFloor === this.#restoredFloor,
      'the kept writers above the purge floor fit the capacity',
    );
  }
}

const positiveMark = 1;
const schemaChangeMark = 2;
const conflictMark = 3;
const snapshotTooOldMark = 4;
const refusedSchemaChangeMark = 5;
const purgeFloorMark = 6;
const rangeConflictMark = 7;
const timeMark = 8;
const ruleMark = 9;
const placedMark = 10;
const dangerousStructureMark = 11;
const outOfBoundsMark = 12;
const keyRefusalMark = 13;
const capacityMark = 14;

function isNegative(judged: Judged): judged is Lost {
  return typeof judged !== 'number' && judged.kind !== 'placed';
}
