/**
 * Where a received state goes: one step at a time, each durable when it answers. Want of room is waited out, each
 * second anew.
 */
import { laneOf, type RestoreBatch, VerdictFile, type VerdictRecord } from '../../../../applier/index.ts';
import {
  assert,
  DiskError,
  type MemberId,
  type ScheduledCall,
  type SequenceNumber,
  type Term,
} from '../../../../gcs/base/index.ts';
import type { HardState, LogEntry, SegmentLog } from '../../../../gcs/core/index.ts';
import type { StateReceiverSetup } from './contract.ts';
import { further } from './damage.ts';
import type { StateMeta, TransferredRow } from './frames.ts';
import { beginTransfer, endTransfer, readMarker } from './marker.ts';

export type Done = (error: Error | null) => void;

const ROOM_RETRY_MS = 1000;

export class Storage {
  readonly #setup: StateReceiverSetup;
  /** Of the log's owner. */
  readonly #handlers: Pick<SegmentLog, 'onDurable' | 'onFailed' | 'onRoomChanged'>;
  #verdicts: VerdictFile | null = null;
  /** Of each lane: whether what it had is gone. */
  #isLaneBegun: boolean[] = [];
  #isBusy = false;
  #whenIdle: (() => void)[] = [];
  /** Steps that wait for room, and this if log or verdicts do. */
  readonly #withoutRoom = new Set<object>();
  #retry: ScheduledCall | null = null;
  #isClosed = false;
  /** Once it is closed: gives everything back. */
  #letGo: () => void = () => {};

  constructor(setup: StateReceiverSetup) {
    this.#setup = setup;
    const { onDurable, onFailed, onRoomChanged } = setup.log;
    this.#handlers = { onDurable, onFailed, onRoomChanged };
    setup.log.onRoomChanged = () => this.#lookForRoom();
  }

  /** The marker first; then everything there was is gone. */
  begin(meta: StateMeta, done: Done): void {
    const { disk, log, memberId, verdicts: options } = this.#setup;
    this.#isLaneBegun = this.#setup.lanes.map(() => false);
    const mark = (marked: Done): void =>
      readMarker(disk).kind === 'receiving' ? marked(null) : beginTransfer(disk, 0, marked);
    const resetLog = (reset: Done): void => {
      log.onFailed = reset;
      log.reset(meta.base, ofTerm(this.#hardState(), Math.max(meta.base.term, meta.term)), () => reset(null));
    };
    const resetVerdicts = (reset: Done): void => {
      VerdictFile.reset({ disk, options, memberId, base: meta.kept }, (error, file) => {
        if (file !== null) {
          this.#verdicts = file;
          file.onRoomChanged = () => this.#lookForRoom();
        }
        reset(error);
      });
    };
    this.#busy(done, (ready) => {
      const old = this.#verdicts;
      this.#verdicts = null;
      const steps = [mark, resetLog, resetVerdicts].map(
        (step): ((next: Done) => void) =>
          (next) =>
            this.#insist(step, next),
      );
      const begin = (): void => inTurn(steps, ready);
      if (old === null) begin();
      else old.close(begin);
    });
  }

  appendEntries(entries: readonly LogEntry[], done: Done): void {
    if (entries.length === 0) return done(null);
    const { log } = this.#setup;
    this.#busy(done, (ready) => {
      const number = log.lastRequest + 1;
      log.onDurable = (upTo) => {
        if (upTo >= number) ready(null);
      };
      log.onFailed = ready;
      log.persist({ number, hardState: ofTerm(log.hardState, entries.at(-1)!.term), entries });
    });
  }

  /** In memory until `makeVerdictsDurable`. */
  appendRecord(record: VerdictRecord): void {
    assert(this.#verdicts !== null, 'the verdicts have begun');
    this.#verdicts.append(record);
  }

  makeVerdictsDurable(done: Done): void {
    assert(this.#verdicts !== null, 'the verdicts have begun');
    const verdicts = this.#verdicts;
    this.#busy(done, (ready) => verdicts.makeDurable(ready));
  }

  /** `upTo`: with the last ones; null: more follow. */
  restoreRows(rows: readonly TransferredRow[], upTo: SequenceNumber | null, done: Done): void {
    const { lanes } = this.#setup;
    const byLane: TransferredRow[][] = lanes.map(() => []);
    for (const row of rows) byLane[laneOf(row.key, lanes.length)]!.push(row);
    this.#busy(done, (ready) => {
      let running = 1;
      let failure: Error | null = null;
      const laneDone: Done = (error) => {
        failure ??= error;
        if (--running === 0) ready(failure);
      };
      for (const [number, lane] of lanes.entries()) {
        const batch: RestoreBatch = { isFirst: !this.#isLaneBegun[number], rows: byLane[number]!, upTo };
        if (batch.rows.length === 0 && upTo === null) continue;
        running++;
        this.#isLaneBegun[number] = true;
        this.#insist((restored) => lane.restore(batch, (error) => restored(asDiskError(error))), laneDone);
      }
      laneDone(null);
    });
  }

  /** `from`: who sent it. */
  end(from: MemberId | null, done: Done): void {
    this.#busy(done, (ready) => this.#insist((marked) => endTransfer(this.#setup.disk, from, marked), ready));
  }

  /** Calls back when nothing is under way. */
  whenIdle(idle: () => void): void {
    if (this.#isBusy) this.#whenIdle.push(idle);
    else idle();
  }

  /** Waits for what is under way, but not for room. */
  close(done: () => void): void {
    this.#isClosed = true;
    this.#retry?.cancel();
    const { log } = this.#setup;
    this.#letGo = (): void => {
      this.#letGo = () => {};
      Object.assign(log, this.#handlers);
      const verdicts = this.#verdicts;
      this.#verdicts = null;
      if (verdicts === null) done();
      else verdicts.close(done);
    };
    // What waits for room would wait for ever.
    if (this.#withoutRoom.size > 0) this.#letGo();
    else this.whenIdle(() => this.#letGo());
  }

  /** Its promises stay (R17); that it does not forget how far it went, the log sees to. */
  #hardState(): HardState {
    const { log, claim } = this.#setup;
    const { hardState } = log;
    return claim === null ? hardState : { ...hardState, claim: further(hardState.claim, claim) };
  }

  #busy(done: Done, work: (ready: Done) => void): void {
    assert(!this.#isBusy, 'one step at a time');
    this.#isBusy = true;
    work((error) => {
      if (!this.#isBusy) return;
      this.#isBusy = false;
      if (!this.#isClosed) done(error);
      for (const idle of this.#whenIdle.splice(0)) idle();
    });
  }

  /** Again each second while there is no room. */
  #insist(step: (done: Done) => void, done: Done): void {
    step((error) => {
      const isWithoutRoom = error instanceof DiskError && error.code === 'NO_SPACE';
      this.#setRoom(step, !isWithoutRoom);
      if (!isWithoutRoom) return done(error);
      if (this.#isClosed) return;
      this.#setup.clock.schedule(ROOM_RETRY_MS, () => {
        if (!this.#isClosed) this.#insist(step, done);
      });
    });
  }

  #lookForRoom(): void {
    const { log } = this.#setup;
    const hasRoom = log.hasRoom && (this.#verdicts?.hasRoom ?? true);
    this.#setRoom(this, hasRoom);
    if (hasRoom || this.#retry !== null || this.#isClosed) return;
    this.#retry = this.#setup.clock.schedule(ROOM_RETRY_MS, () => {
      this.#retry = null;
      if (!log.hasRoom) log.retryRoom();
      this.#verdicts?.retryRoom();
      this.#lookForRoom();
    });
  }

  #setRoom(of: object, hasRoom: boolean): void {
    const before = this.#withoutRoom.size === 0;
    if (hasRoom) this.#withoutRoom.delete(of);
    else this.#withoutRoom.add(of);
    if (this.#isClosed) {
      if (!hasRoom) this.#letGo();
      return;
    }
    const after = this.#withoutRoom.size === 0;
    if (before !== after) this.#setup.roomChanged(after);
  }
}

/** A member's term is at least that of its log, and of its donor; in one that it did not know it has not voted. */
function ofTerm(hardState: HardState, term: Term): HardState {
  return term > hardState.term ? { ...hardState, term, votedFor: null } : hardState;
}

function inTurn(steps: readonly ((done: Done) => void)[], done: Done): void {
  const [first, ...rest] = steps;
  if (first === undefined) return done(null);
  first((error) => (error === null ? inTurn(rest, done) : done(error)));
}

/** An error of a lane is one of the disk to whoever asks whether trying again helps. */
function asDiskError(error: Error | null): DiskError | null {
  if (error === null || error instanceof DiskError) return error;
  return new DiskError({ code: 'IO', file: 'lanes', message: error.message, cause: error });
}
