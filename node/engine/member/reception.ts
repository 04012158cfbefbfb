/**
 * The phase before a run takes part in the group, where its directory lacks something: the state of another member is
 * received into log, verdicts and lanes, or holes of the log are filled with chosen entries of others. The group layer is
 * not opened meanwhile. What comes out is a directory as after a restart, and the next run begins with it.
 *
 * The marker of a state transfer is durable before anything is touched, so that a crash at any point begins it anew.
 */
import { assert, type Environment, type LogIndex, type MemberId, type ScheduledCall } from '../../../gcs/base/index.ts';
import {
  type Belonging,
  type GroupView,
  type SegmentLog,
  TransferClient,
  type TransferReceiver,
} from '../../../gcs/core/index.ts';
import type { MemberSetup, TransferProgress } from './contract.ts';
import { LogRoomRetry } from './log-room-retry.ts';
import { beginTransferInsistently, type DirectoryState, readMarker, StateReceiver } from './state-transfer/index.ts';

const NOBODY_ELSE =
  'no other member is in the group that could have what was lost: restore the data directory from a copy, or begin with an empty one';

const NOBODY_YET =
  'no other member could give what was lost so far, and they are asked again and again: those that are down have to be started; if the others lost something, too, restore one data directory from a copy';
/** So long without a byte is told. */
const NOBODY_MS = 30_000;

/** What is to be done. */
export type Lack =
  | Extract<DirectoryState, { kind: 'needs-state' }>
  | Pick<Extract<DirectoryState, { kind: 'usable' }>, 'kind' | 'repair' | 'discardFrom' | 'claim' | 'chosenUpTo'>;

export interface ReceptionEvents {
  changed(phase: 'began' | 'done' | 'failed', why: string): void;
  /** The directory is whole. */
  done(): void;
  expelled(view: GroupView): void;
  /** Nothing of the log is of any worth from now on. */
  replacesLog(): void;
  roomChanged(hasRoom: boolean): void;
  /** The disk failed. */
  failed(error: Error): void;
}

export interface ReceptionSetup {
  readonly member: MemberSetup;
  readonly belonging: Belonging;
  /** Open; let go of, and not closed, by `stop`. */
  readonly log: SegmentLog;
  readonly events: ReceptionEvents;
}

export class Reception {
  readonly #setup: ReceptionSetup;
  readonly #environment: Environment;
  readonly #client: TransferReceiver;
  #lack: Lack;
  #receiver: StateReceiver | null = null;
  #donor: MemberId | null = null;
  #entries = 0;
  #entryBytes = 0;
  readonly #sinceMs: number;
  /** The newest that this member knows is in force. */
  readonly chosenView: GroupView;
  /** The newest of its log, which may not have been chosen: whom it asks besides. */
  readonly #appendedView: GroupView;
  #retry: ScheduledCall | null = null;
  readonly #roomRetry: LogRoomRetry;
  #stall: ScheduledCall | null = null;
  #isStopped = false;

  constructor(setup: ReceptionSetup, lack: Lack) {
    this.#setup = setup;
    this.#lack = lack;
    const { member, belonging, events } = setup;
    this.#environment = member.environment;
    this.#roomRetry = new LogRoomRetry(this.#environment.clock, setup.log);
    this.#sinceMs = this.#environment.clock.wallMs();
    this.#appendedView = setup.log.viewAt(setup.log.lastIndex) ?? belonging.view;
    this.chosenView = newestChosen(setup, lack.chosenUpTo);
    this.#client = new TransferClient({
      environment: member.environment,
      memberId: member.memberId,
      incarnation: member.incarnation,
      groupAddress: member.groupAddress,
      host: member.host,
      port: member.port,
      belonging,
      view: this.#appendedView,
      options: member.options.group.transfer,
      messageBytesMax: member.options.group.messageBytesMax,
      events: {
        expelled: (view) => events.expelled(view),
        refusedPeer: (address, reason) => member.events.refusedPeer(address, reason),
      },
    });
  }

  get progress(): TransferProgress {
    const { bytes, rows, entries } = this.#receiver?.progress ?? {
      bytes: this.#entryBytes,
      rows: 0,
      entries: this.#entries,
    };
    const kind = this.#lack.kind === 'usable' ? 'repair' : 'state';
    return { kind, donor: this.#donor, bytes, rows, entries, sinceMs: this.#sinceMs };
  }

  open(): void {
    this.#client.open();
    this.#roomRetry.begin();
    this.#watchStall();
    this.#begin();
  }

  /** Once for each time that nothing comes any more. */
  #watchStall(bytesBefore = 0, wasTold = false): void {
    this.#stall = this.#environment.clock.schedule(NOBODY_MS, () => {
      const { bytes } = this.progress;
      const isStalled = bytes === bytesBefore && !this.#isAlone;
      if (isStalled && !wasTold) this.#setup.events.changed('failed', NOBODY_YET);
      this.#watchStall(bytes, isStalled);
    });
  }

  /** No event comes after it. */
  stop(done: () => void): void {
    this.#isStopped = true;
    this.#retry?.cancel();
    this.#roomRetry.stop();
    this.#stall?.cancel();
    this.#client.stop();
    if (this.#receiver === null) return done();
    this.#receiver.close(done);
  }

  #begin(): void {
    if (this.#isStopped) return;
    if (this.#isAlone) return this.#setup.events.changed('failed', NOBODY_ELSE);
    if (this.#lack.kind === 'usable') return this.#fill([...this.#lack.repair]);
    const { disk, clock } = this.#environment;
    const { roomChanged } = this.#setup.events;
    const atLeast = this.#atLeast;
    beginTransferInsistently({ disk, clock, atLeast, roomChanged, isOver: () => this.#isStopped }, (error) => {
      if (error === null) this.#receiveState();
      else this.#diskFailed(error);
    });
  }

  /** A state that ends before it is of no use. */
  get #atLeast(): LogIndex {
    const marker = readMarker(this.#environment.disk);
    return marker.kind === 'receiving' ? marker.atLeast : 0;
  }

  /** Then nothing is given up that can still be read. */
  get #isAlone(): boolean {
    const { belonging } = this.#setup;
    const members = [...this.#appendedView.members, ...belonging.view.members];
    return members.every(({ ordinal }) => ordinal === belonging.self);
  }

  // Repair

  /** What was not chosen for certain comes from the leader, as to any member whose log is shorter. */
  #discard(): void {
    const { discardFrom, claim } = this.#lack as Extract<Lack, { kind: 'usable' }>;
    const end = (): void => this.#done('the log is whole again');
    if (discardFrom === null) return end();
    assert(claim !== null, 'what was durable is claimed where it is discarded');
    // A disk that fails tells the owner of the log.
    this.#setup.log.discardFrom(discardFrom, claim, () => {
      if (!this.#isStopped) end();
    });
  }

  #fill(holes: readonly { readonly from: LogIndex; readonly upTo: LogIndex }[]): void {
    const [hole, ...rest] = holes;
    if (this.#isStopped) return;
    if (hole === undefined) return this.#discard();
    this.#setup.events.changed('began', `entries ${hole.from} to ${hole.upTo} of the log are asked for`);
    this.#client.receiveEntries(
      hole,
      (entry, done) => {
        this.#entries++;
        this.#entryBytes += entry.payload.length;
        this.#setup.log.repair(entry, () => done(null));
      },
      (outcome) => {
        if (this.#isStopped) return;
        if (outcome.kind === 'received') {
          this.#setup.member.counters.faultyRepaired++;
          this.#fill(rest);
        } else if (outcome.kind === 'not-kept') {
          this.#setup.events.changed('failed', 'no member keeps the missing entries any more; the state is received');
          const { claim, chosenUpTo } = this.#lack;
          const reason = 'entries that nobody keeps any more';
          this.#lack = { kind: 'needs-state', file: '', offset: 0, reason, claim, chosenUpTo };
          this.#begin();
        } else this.#failed(outcome.error, () => this.#fill(holes));
      },
    );
  }

  // State

  #receiveState(): void {
    if (this.#isStopped) return;
    const { member, belonging, log, events } = this.#setup;
    const { environment, memberId, lanes, options } = member;
    const receiver = new StateReceiver({
      disk: environment.disk,
      clock: environment.clock,
      memberId,
      groupId: belonging.definition.groupId,
      log,
      lanes,
      verdicts: options.verdicts,
      claim: this.#lack.claim,
      roomChanged: (hasRoom) => events.roomChanged(hasRoom),
    });
    this.#receiver = receiver;
    this.#client.receiveState(
      this.#atLeast,
      (donor) => {
        this.#donor = donor;
        events.changed('began', `member ${donor} sends its state`);
        events.replacesLog();
        return receiver.begin();
      },
      (outcome) => {
        if (this.#isStopped) return;
        if (outcome.kind === 'failed') return this.#again(receiver, outcome.error);
        receiver.finish((error) => {
          if (this.#isStopped) return;
          if (error !== null) return this.#again(receiver, error);
          const { counters } = member;
          counters.statesReceived++;
          counters.stateBytesReceived += this.progress.bytes;
          this.#done('the state is in the data directory');
        }, this.#donor);
      },
    );
  }

  #again(receiver: StateReceiver, error: Error): void {
    this.#failed(error, () => receiver.close(() => this.#receiveState()));
  }

  #done(what: string): void {
    this.#setup.events.changed('done', what);
    this.#setup.events.done();
  }

  #failed(error: Error, again: () => void): void {
    if (error.name === 'DiskError') return this.#diskFailed(error);
    this.#setup.events.changed('failed', `${error.message}; it is tried again`);
    this.#donor = null;
    this.#retry = this.#environment.clock.schedule(this.#setup.member.options.transferRetryMs, again);
  }

  #diskFailed(error: Error): void {
    if (!this.#isStopped) this.#setup.events.failed(error);
  }
}

function newestChosen({ log, belonging }: ReceptionSetup, chosenUpTo: LogIndex): GroupView {
  const kept = chosenUpTo >= log.firstIndex ? log.viewAt(Math.min(chosenUpTo, log.lastIndex)) : null;
  return kept !== null && kept.number > belonging.view.number ? kept : belonging.view;
}
