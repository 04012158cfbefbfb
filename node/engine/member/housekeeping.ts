/** What a run of a member does now and then, whatever comes: looks after what waits, gives up what is not needed, tells the others how it is. */
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';
import type { Group } from '../../../gcs/core/index.ts';
import type { MemberState } from '../replica.ts';
import type { Administrator } from './administrator.ts';
import type { MemberOptions } from './contract.ts';
import type { Followers } from './followers.ts';
import { LeaderWatch } from './leader-watch.ts';
import type { Membership } from './membership.ts';
import type { Outbox } from './outbox.ts';
import type { OwnReport } from './own-report.ts';
import type { Fate, ReplicatedState } from './replicated-state.ts';
import type { Restoration } from './restoration.ts';
import { encodeStatusNotice } from './status-notice.ts';
import type { Upkeep } from './upkeep.ts';

export interface HousekeepingSetup {
  readonly clock: Clock;
  readonly options: Pick<MemberOptions, 'sweepEveryMs' | 'noticeEveryMs'>;
  readonly group: Pick<Group, 'status' | 'notify' | 'transferLeadership'>;
  readonly membership: Membership;
  readonly administrator: Pick<Administrator, 'look'>;
  readonly followers: Followers;
  readonly report: OwnReport;
  readonly upkeep: Upkeep;
  readonly builder: { look(): void };
  readonly outbox: Pick<Outbox<Fate>, 'sweep'>;
  readonly restoration: Pick<Restoration, 'progress'>;
  readonly run: TendedRun;
  readonly events: HousekeepingEvents;
}

/** As it is at the moment. */
export interface TendedRun {
  readonly state: MemberState;
  readonly hasRoom: boolean;
  readonly hasQuorum: boolean;
  readonly isOver: boolean;
  /** Null: it is not rebuilt. */
  readonly running: ReplicatedState | null;
}

export interface HousekeepingEvents {
  /** Whatever came of receiving meanwhile may be told. */
  progressed(): void;
  /** The lanes are not behind, or not any more. */
  lanesKeepUp(): void;
  stuck(why: string): void;
  /** Runs what is done for a run that takes part, and takes care of what it throws. */
  guard(work: () => void): void;
}

export class Housekeeping {
  readonly #setup: HousekeepingSetup;
  readonly #leaderWatch = new LeaderWatch();
  #sweep: ScheduledCall | null = null;
  #nextNoticeMs = 0;

  constructor(setup: HousekeepingSetup) {
    this.#setup = setup;
  }

  begin(): void {
    const { clock, options, outbox, administrator, restoration, run, events } = this.#setup;
    this.#sweep = clock.schedule(options.sweepEveryMs, () => {
      outbox.sweep(run.hasQuorum);
      administrator.look();
      const nowMs = clock.monotonicMs();
      const isNoticeDue = nowMs >= this.#nextNoticeMs;
      if (isNoticeDue) this.#nextNoticeMs = nowMs + options.noticeEveryMs;
      const { running } = run;
      if (running !== null && !run.isOver) events.guard(() => this.#tend(running, nowMs, isNoticeDue));
      else if (restoration.progress !== null && isNoticeDue) events.progressed();
      this.begin();
    });
  }

  stop(): void {
    this.#sweep?.cancel();
  }

  /** Something is worth telling before it is time. */
  noticeSoon(): void {
    this.#nextNoticeMs = 0;
  }

  #tend(running: ReplicatedState, nowMs: number, isNoticeDue: boolean): void {
    const { group, followers, report, upkeep, builder, run, events } = this.#setup;
    this.#watchLeader(nowMs);
    // Not at once: who follows the changes and keeps up has taken the last ones by now.
    if (running.store.isOverloaded) running.forgetHistory();
    else events.lanesKeepUp();
    running.catalog.prune(running.store.flushedUpTo);
    running.history.bounds = followers.bounds();
    upkeep.truncate(running, nowMs);
    builder.look();
    if (!isNoticeDue) return;
    group.notify(encodeStatusNotice(report.notice(running, { followsChanges: followers.areHere })));
    if (group.status?.role !== 'leader') return;
    if (run.state === 'ONLINE' && run.hasRoom) {
      upkeep.raiseFloor(running, nowMs);
      upkeep.tuneCapacity(running, nowMs);
    }
    // Who leads raises the floor, and one in ERROR or without room could not: everybody's log would grow.
    else if (run.state !== 'RECOVERING' && this.#isAnotherFit) group.transferLeadership(null);
  }

  get #isAnotherFit(): boolean {
    return [...this.#setup.membership.notices.values()].some(({ state, hasRoom }) => state === 'ONLINE' && hasRoom);
  }

  #watchLeader(nowMs: number): void {
    const { group, membership, report, events } = this.#setup;
    const { status } = group;
    const { view, notices } = membership;
    if (status === null || view === null) return;
    const heard = report.reaches();
    const claiming = heard.filter((ordinal) => notices.get(ordinal)?.claims === true).length + Number(report.claims);
    const { leader, claim } = status;
    const why = this.#leaderWatch.look({
      nowMs,
      hasLeader: leader !== null,
      claim,
      members: view.members.length,
      heard: heard.length,
      claiming,
    });
    if (why !== null) events.stuck(why);
  }
}
