/**
 * How a member's data directory becomes whole again, in steps that each end this run: it is marked as of no worth but for
 * the place that it held in the group, or loses a log that cannot be read, or receives what it lacks (`Reception`).
 */
import type { LogIndex, MemberId } from '../../../gcs/base/index.ts';
import type { Belonging, Group, GroupView, LogBase } from '../../../gcs/core/index.ts';
import type { MemberSetup, RestartReason, TransferProgress } from './contract.ts';
import { LogRoomRetry } from './log-room-retry.ts';
import { type Lack, Reception } from './reception.ts';
import { beginTransferInsistently, DonorRecord } from './state-transfer/index.ts';

export interface RestorationSetup {
  readonly member: MemberSetup;
  readonly group: Pick<Group, 'log' | 'lend'>;
  readonly run: { readonly isStopping: boolean };
  readonly events: RestorationEvents;
}

export interface RestorationEvents {
  progressed(): void;
  /** For the marker, or for what is received, but for the log. */
  roomChanged(hasRoom: boolean): void;
  expelled(view: GroupView): void;
  restart(why: RestartReason, detail: string): void;
  failed(error: Error): void;
}

export class Restoration {
  readonly #setup: RestorationSetup;
  readonly #roomRetry: LogRoomRetry;
  #reception: Reception | null = null;
  /** Of the run that has a state. */
  #donorRecord: DonorRecord | null = null;

  constructor(setup: RestorationSetup) {
    this.#setup = setup;
    this.#roomRetry = new LogRoomRetry(setup.member.environment.clock, setup.group.log);
  }

  /** Null: nothing is received in this run. */
  get progress(): TransferProgress | null {
    return this.#reception?.progress ?? null;
  }

  /** To be opened. */
  receive(belonging: Belonging, lack: Lack): Reception {
    const { member, group, events } = this.#setup;
    const reception = new Reception(
      {
        member,
        belonging,
        log: group.log,
        events: {
          changed: (phase, why) => {
            member.events.transferChanged(phase, reception.progress, why);
            events.progressed();
          },
          done: () => events.restart('state-received', 'its data directory is whole'),
          expelled: (view) => events.expelled(view),
          replacesLog: () => group.lend(0),
          roomChanged: (hasRoom) => events.roomChanged(hasRoom),
          failed: (error) => events.failed(error),
        },
      },
      lack,
    );
    this.#reception = reception;
    return reception;
  }

  /** Who sent the state that this run begins with; null: nobody, or it does not matter any more. */
  readDonor(): MemberId | null {
    this.#donorRecord = new DonorRecord(this.#setup.member.environment.disk);
    return this.#donorRecord.from;
  }

  /** It does not matter any more. */
  forgetDonor(): void {
    const { run, events } = this.#setup;
    this.#donorRecord?.forget((error) => {
      if (!run.isStopping) events.failed(error);
    });
  }

  /** To be let in again without a log that can be read: it is given up, since the state comes from another member anyway. */
  dropLog(): void {
    const { group, events } = this.#setup;
    const { log } = group;
    const why = 'its log is damaged, and it does not belong to the group now';
    this.mark(0, () => {
      log.reset(NO_LOG, log.hardState, () => events.restart('damaged', why));
      this.#roomRetry.begin();
    });
  }

  /**
   * Durably: the next run does not begin with what is in the directory, but receives the state of another member, one that
   * does not end before `atLeast`.
   */
  mark(atLeast: LogIndex, marked: () => void): void {
    const mark = (): void => this.#beginTransfer(atLeast, marked);
    if (this.#donorRecord === null) mark();
    else this.#donorRecord.giveWayTo(mark);
  }

  #beginTransfer(atLeast: LogIndex, marked: () => void): void {
    const { member, run, events } = this.#setup;
    const { disk, clock } = member.environment;
    beginTransferInsistently(
      {
        disk,
        clock,
        atLeast,
        roomChanged: (hasRoom) => events.roomChanged(hasRoom),
        isOver: () => run.isStopping,
      },
      (error) => {
        if (error !== null) events.failed(error);
        else marked();
      },
    );
  }

  stop(done: () => void): void {
    this.#roomRetry.stop();
    if (this.#reception === null) done();
    else this.#reception.stop(done);
  }
}

const NO_LOG: LogBase = { index: 0, term: 0, view: null, lastMessages: new Map() };
