/** What a member says of itself: to the others in its notices, and to whoever asks it. */

import type { Clock, MemberOrdinal } from '../../../gcs/base/index.ts';
import { type Group, memberNamed } from '../../../gcs/core/index.ts';
import type { Builder } from '../builds/builder.ts';
import type { MemberState, MemberStatsRow, OrderedTimes, SessionTransaction } from '../replica.ts';
import { CommitLatencies } from './commit-latency.ts';
import type { MemberSetup } from './contract.ts';
import { memberStatsRows, type OwnFacts, ownStats } from './member-reports.ts';
import type { Membership } from './membership.ts';
import type { ReplicatedState } from './replicated-state.ts';
import type { Restoration } from './restoration.ts';
import type { StatusNotice } from './status-notice.ts';

export interface OwnReportSetup {
  readonly member: Pick<MemberSetup, 'memberId' | 'version' | 'counters'>;
  readonly clock: Clock;
  readonly group: Pick<Group, 'status' | 'reachability'>;
  readonly membership: Membership;
  /** As it is at the moment. */
  readonly run: {
    readonly state: MemberState;
    readonly hasRoom: boolean;
    readonly builder: Pick<Builder, 'underWay'> | null;
    oldestTransactions(limit: number): readonly SessionTransaction[];
  };
  readonly outbox: { readonly waiting: number };
  readonly restoration: Pick<Restoration, 'progress'>;
}

export class OwnReport {
  readonly commitLatencies = new CommitLatencies();
  readonly #setup: OwnReportSetup;

  constructor(setup: OwnReportSetup) {
    this.#setup = setup;
  }

  commitAnswered(ms: number, ordered: OrderedTimes): void {
    this.commitLatencies.record(ms, ordered, this.#setup.clock.monotonicMs());
  }

  /** Its log lost what it had promised to keep. */
  get claims(): boolean {
    return (this.#setup.group.status?.claim ?? null) !== null;
  }

  /** Whom it hears, itself included, by ordinal. */
  reaches(): readonly MemberOrdinal[] {
    const { member, group, membership } = this.#setup;
    const self = membership.view && memberNamed(membership.view, member.memberId)?.ordinal;
    const heard: MemberOrdinal[] = typeof self === 'number' ? [self] : [];
    for (const [ordinal, isHeard] of group.reachability()) if (isHeard && ordinal !== self) heard.push(ordinal);
    return heard.sort((a, b) => a - b);
  }

  facts(): OwnFacts {
    const { member, run, restoration } = this.#setup;
    const { memberId, version } = member;
    const { progress } = restoration;
    const transfer = progress && {
      kind: progress.kind,
      donor: progress.donor,
      bytes: progress.bytes,
      rows: progress.rows,
    };
    const { state, hasRoom } = run;
    return { memberId, state, version, hasRoom, claims: this.claims, reaches: this.reaches(), transfer };
  }

  stats(running: ReplicatedState): StatusNotice['stats'] {
    const { member, clock, group, outbox } = this.#setup;
    return ownStats({
      state: running,
      counters: member.counters,
      status: group.status,
      waitingCommits: outbox.waiting,
      commitLatencyMs: this.commitLatencies.lately(clock.monotonicMs()),
    });
  }

  /** Its own figures, and the others' as they told them last. */
  statsRows(running: ReplicatedState | null): readonly MemberStatsRow[] {
    const { member, membership } = this.#setup;
    const { view, notices } = membership;
    if (running === null || view === null) return [];
    const { digests } = running;
    return memberStatsRows({ view, memberId: member.memberId, digests, own: this.stats(running), notices });
  }

  notice(running: ReplicatedState, { followsChanges }: { readonly followsChanges: boolean }): StatusNotice {
    const { certifier } = running;
    const { member, run } = this.#setup;
    return {
      state: run.state,
      version: member.version,
      stats: this.stats(running),
      digests: running.digests.toTell({
        logIndex: running.deliveredUpTo,
        digest: certifier.digest,
        sequenceNumber: certifier.sequenceNumber,
      }),
      stateFrom: running.digests.stateFrom,
      followsChanges,
      oldestNeeded: running.oldestNeeded,
      reaches: this.reaches(),
      hasRoom: run.hasRoom,
      claims: this.claims,
      transactions: run.oldestTransactions(TRANSACTIONS_TOLD),
      builds: run.builder?.underWay ?? null,
    };
  }
}

/** Some kilobytes, each time. */
const TRANSACTIONS_TOLD = 20;
