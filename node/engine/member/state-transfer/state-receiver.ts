/**
 * Takes the state of another member into log, verdicts and lanes, for the next run of this one (C6).
 *
 * The marker is durable before the first of them is touched, and says that all of it is there only after the last of it
 * is durable: a crash in between, or a transfer that breaks off, leaves what begins anew (R9, R12). Of this member's own
 * past the promises of elections stay: term, vote, and the end that its log had, as a claim.
 *
 * Without room on the disk it waits (R16). Any other error of the disk is final.
 */
import { type KeptState, readRecord } from '../../../../applier/index.ts';
import { ByteReader, type MemberId, utf8Decode } from '../../../../gcs/base/index.ts';
import type { LogEntry, TransferSink } from '../../../../gcs/core/index.ts';
import type { ReceiverProgress, StateReceiverSetup } from './contract.ts';
import { FrameReader } from './frame-reader.ts';
import {
  decodeEnd,
  decodeEntry,
  decodeMeta,
  decodeRows,
  type FrameKind,
  StateDigest,
  type StateMeta,
  type TransferredRow,
} from './frames.ts';
import { type Done, Storage } from './storage.ts';

/** What was sent is not what can be taken. Another attempt may fare better. */
export class StateRefused extends Error {
  override readonly name = 'StateRefused';
  readonly code = 'STATE_REFUSED';
}

/** Gathered in memory before they are written. */
const ENTRY_BYTES = 1024 * 1024;
const RECORD_BYTES = 256 * 1024;
const ROW_BYTES = 4 * 1024 * 1024;

export class StateReceiver {
  readonly #setup: StateReceiverSetup;
  readonly #storage: Storage;
  #attempt: Attempt | null = null;

  constructor(setup: StateReceiverSetup) {
    this.#setup = setup;
    this.#storage = new Storage(setup);
  }

  get progress(): ReceiverProgress {
    return this.#attempt?.progress ?? { bytes: 0, entries: 0, rows: 0 };
  }

  /** For one attempt; the one before is over. */
  begin(): TransferSink {
    this.#attempt?.aborted();
    const attempt = new Attempt(this.#setup, this.#storage);
    this.#attempt = attempt;
    return attempt;
  }

  /** After the last chunk was taken: the state is whole and durable when `done` is called without an error. `from`: who sent it. */
  finish(done: Done, from: MemberId | null = null): void {
    if (this.#attempt === null || !this.#attempt.isComplete) return done(new StateRefused('the state ends early'));
    this.#storage.end(from, done);
  }

  /** Lets go of everything. Nothing of it calls back afterwards, but `done`. */
  close(done: () => void): void {
    this.#attempt?.aborted();
    this.#storage.close(done);
  }
}

class Attempt implements TransferSink {
  readonly #setup: StateReceiverSetup;
  readonly #storage: Storage;
  readonly #frames = new FrameReader();
  readonly #digest = new StateDigest();
  #isOver = false;
  #meta: StateMeta | null = null;
  #lastKind: FrameKind = 'meta';
  /** Of the entries and records so far. */
  #lastIndex = 0;
  #lastTerm = 0;
  #kept: KeptState | null = null;
  #lastKey: string | null = null;
  #counts = { entries: 0, records: 0, rows: 0 };
  #bytes = 0;
  #entries: LogEntry[] = [];
  #entryBytes = 0;
  #recordBytes = 0;
  #rows: TransferredRow[] = [];
  #rowBytes = 0;
  isComplete = false;

  constructor(setup: StateReceiverSetup, storage: Storage) {
    this.#setup = setup;
    this.#storage = storage;
  }

  get progress(): ReceiverProgress {
    const { entries, rows } = this.#counts;
    return { bytes: this.#bytes, entries, rows };
  }

  take(chunk: Uint8Array, done: Done): void {
    this.#bytes += chunk.length;
    this.#frames.add(chunk);
    // What an earlier attempt began to write comes first.
    this.#storage.whenIdle(() => this.#goOn(done));
  }

  aborted(): void {
    this.#isOver = true;
    this.#entries = [];
    this.#rows = [];
  }

  #goOn(done: Done): void {
    for (;;) {
      if (this.#isOver) return;
      const frame = this.#frames.next();
      if (frame === 'none') break;
      const problem = frame === 'malformed' ? 'bytes that are no state' : this.#take(frame.kind, frame.content);
      if (problem !== null) {
        this.#isOver = true;
        this.#later(() => done(new StateRefused(problem)));
        return;
      }
      const step = frame === 'malformed' ? null : this.#stepBehind(frame.kind);
      if (step === null) continue;
      return step((error) => {
        if (this.#isOver) return;
        if (error !== null) done(error);
        else this.#goOn(done);
      });
    }
    this.#later(() => done(null));
  }

  #later(answer: () => void): void {
    this.#setup.clock.schedule(0, () => {
      answer();
    });
  }

  /** What is wrong with the frame, or null. */
  #take(kind: FrameKind, content: Uint8Array): string | null {
    const problem = this.#outOfOrder(kind);
    if (problem !== null) return problem;
    this.#lastKind = kind;
    switch (kind) {
      case 'broken':
        return utf8Decode(content) ?? 'the donor gave up';
      case 'meta':
        this.#digest.add(kind, content);
        return this.#takeMeta(content);
      case 'entry':
        this.#digest.add(kind, content);
        return this.#takeEntry(content);
      case 'records':
        this.#digest.add(kind, content);
        return this.#takeRecords(content);
      case 'rows':
        this.#digest.add(kind, content);
        return this.#takeRows(content);
      case 'end':
        return this.#takeEnd(content);
    }
  }

  #outOfOrder(kind: FrameKind): string | null {
    if (kind === 'broken') return null;
    if (this.isComplete) return 'something behind the end of the state';
    const isFirst = this.#meta === null;
    return isFirst === (kind === 'meta') && ORDER.indexOf(kind) >= ORDER.indexOf(this.#lastKind)
      ? null
      : `a part of the state is out of place: ${kind} behind ${this.#lastKind}`;
  }

  #takeMeta(content: Uint8Array): string | null {
    const meta = decodeMeta(content);
    if (typeof meta === 'string') return meta;
    if (meta.groupId !== this.#setup.groupId) return `the state of another group, ${meta.groupId}`;
    this.#meta = meta;
    this.#lastIndex = meta.base.index;
    this.#lastTerm = meta.base.term;
    this.#kept = meta.kept;
    return null;
  }

  #takeEntry(content: Uint8Array): string | null {
    const entry = decodeEntry(content);
    if (entry === null) return 'an entry of the log is malformed';
    const { index, term } = entry;
    if (index !== this.#lastIndex + 1 || index > this.#meta!.upToIndex || term < this.#lastTerm) {
      return `entry ${index} of the log is out of place`;
    }
    this.#lastIndex = index;
    this.#lastTerm = term;
    this.#counts.entries++;
    this.#entries.push(entry);
    this.#entryBytes += content.length;
    return null;
  }

  #takeRecords(content: Uint8Array): string | null {
    const reader = new ByteReader(content);
    while (reader.left > 0) {
      const next = readRecord(reader, this.#kept!);
      if (next === null || next.record.logIndex > this.#meta!.upToIndex) return 'a kept verdict is malformed';
      this.#kept = next.after;
      this.#storage.appendRecord(next.record);
      this.#counts.records++;
    }
    this.#recordBytes += content.length;
    return null;
  }

  #takeRows(content: Uint8Array): string | null {
    const rows = decodeRows(content);
    if (rows === null) return 'a row is malformed';
    for (const { key, sequenceNumber } of rows) {
      if (this.#lastKey !== null && key <= this.#lastKey) return 'rows are out of order';
      if (sequenceNumber < 1 || sequenceNumber > this.#meta!.rowsAt) return 'a row is from another time';
      this.#lastKey = key;
    }
    this.#counts.rows += rows.length;
    this.#rows.push(...rows);
    this.#rowBytes += content.length;
    return null;
  }

  #takeEnd(content: Uint8Array): string | null {
    const end = decodeEnd(content);
    if (end === null) return 'the end of the state is malformed';
    const { entries, records, rows } = this.#counts;
    const isAll = end.entries === entries && end.records === records && end.rows === rows;
    if (!isAll || end.digest !== this.#digest.toString()) return 'the state is not what was sent';
    const { upToIndex, sequenceNumber } = this.#meta!;
    const kept = this.#kept!;
    if (this.#lastIndex !== upToIndex || kept.logIndex !== upToIndex || kept.sequenceNumber !== sequenceNumber) {
      return 'the parts of the state do not end at one place';
    }
    return null;
  }

  /** What is to be written before the next frame is taken; null: nothing. */
  #stepBehind(kind: FrameKind): ((done: Done) => void) | null {
    const storage = this.#storage;
    if (kind === 'meta') return (done) => storage.begin(this.#meta!, done);
    if (kind === 'end') return (done) => this.#writeRest(done);
    if (this.#entryBytes >= ENTRY_BYTES) return (done) => this.#writeEntries(done);
    if (this.#recordBytes >= RECORD_BYTES) return (done) => this.#writeRecords(done);
    if (this.#rowBytes >= ROW_BYTES) return (done) => this.#writeRows(null, done);
    return null;
  }

  #writeEntries(done: Done): void {
    const entries = this.#entries;
    this.#entries = [];
    this.#entryBytes = 0;
    this.#storage.appendEntries(entries, done);
  }

  #writeRecords(done: Done): void {
    this.#recordBytes = 0;
    this.#storage.makeVerdictsDurable(done);
  }

  #writeRows(upTo: number | null, done: Done): void {
    const rows = this.#rows;
    this.#rows = [];
    this.#rowBytes = 0;
    this.#storage.restoreRows(rows, upTo, done);
  }

  #writeRest(done: Done): void {
    const { rowsAt } = this.#meta!;
    const unless =
      (go: () => void): Done =>
      (error) =>
        error === null ? go() : done(error);
    const complete: Done = (error) => {
      this.isComplete = error === null;
      done(error);
    };
    const writeRows = (): void => this.#writeRows(rowsAt, complete);
    this.#writeEntries(unless(() => this.#writeRecords(unless(writeRows))));
  }
}

const ORDER: readonly FrameKind[] = ['meta', 'entry', 'records', 'rows', 'end'];
