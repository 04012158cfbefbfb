/** What a member does as time goes by, whether anything happens or not. */
import type { Clock } from '../../base/index.ts';
import type { SegmentLog } from '../log/segment-log.ts';
import type { TransferServer } from '../transfer/transfer-server.ts';
import type { Changes } from './changes.ts';
import type { Connections } from './connections.ts';
import type { GroupOptions } from './contract.ts';
import type { Liveness } from './liveness.ts';
import type { Participation } from './participation.ts';

/** How often what is wanted of others is asked again, and the log is looked after. */
const UPKEEP_MS = 500;
const ROOM_RETRY_MS = 1000;

/** The group layer that it is done for. */
export interface TickedGroup {
  readonly isStopped: boolean;
  /** It has no stay in the group. */
  readonly isJoining: boolean;
  /** Null before its start. */
  readonly participation: Pick<Participation, 'step' | 'sealIfIdle'> | null;
  /** Gives up what nobody needs of the log. */
  truncate(): void;
  /** What its directory is to know of the newest view. */
  storeView(): void;
}

export interface TicksSetup {
  readonly clock: Clock;
  readonly options: Pick<GroupOptions, 'tickMs' | 'unreachableAfterMs' | 'consensus'>;
  readonly log: Pick<SegmentLog, 'hasRoom' | 'retryRoom'>;
  readonly liveness: Pick<Liveness, 'judge'>;
  readonly changes: Pick<Changes, 'stoodStill' | 'askAgain' | 'decide'>;
  readonly connections: Pick<Connections, 'stoodStill' | 'showPresence' | 'askToJoin'>;
  readonly transfers: Pick<TransferServer, 'tick'>;
  readonly group: TickedGroup;
}

export class Ticks {
  readonly #setup: TicksSetup;
  #lastTickMs: number;
  #nextPresenceMs = 0;
  #nextUpkeepMs = 0;
  #nextRoomMs = 0;

  constructor(setup: TicksSetup) {
    this.#setup = setup;
    this.#lastTickMs = setup.clock.monotonicMs();
  }

  /** From now on, until the group is stopped. */
  schedule(): void {
    const { clock, options, group } = this.#setup;
    clock.schedule(options.tickMs, () => {
      if (group.isStopped) return;
      this.#tick();
      if (!group.isStopped) this.schedule();
    });
  }

  #tick(): void {
    const { clock, options, liveness, changes, connections, group } = this.#setup;
    const { unreachableAfterMs, consensus } = options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#lastTickMs > consensus.electionTimeoutMs / 2) {
      // It stood still itself: what it has not heard says nothing about the others.
      changes.stoodStill();
      connections.stoodStill();
    }
    this.#lastTickMs = nowMs;
    if (!group.isStopped) group.participation?.step({ kind: 'tick' });
    liveness.judge(nowMs);
    if (nowMs >= this.#nextPresenceMs) {
      this.#nextPresenceMs = nowMs + unreachableAfterMs / 4;
      if (!group.isJoining) connections.showPresence(group.participation === null, unreachableAfterMs * 2);
    }
    if (nowMs >= this.#nextUpkeepMs) {
      this.#nextUpkeepMs = nowMs + UPKEEP_MS;
      this.#upkeep(nowMs);
    }
    changes.decide();
  }

  #upkeep(nowMs: number): void {
    const { log, changes, connections, transfers, group } = this.#setup;
    if (group.isJoining) connections.askToJoin();
    transfers.tick();
    changes.askAgain();
    group.truncate();
    if (!log.hasRoom && nowMs >= this.#nextRoomMs) {
      this.#nextRoomMs = nowMs + ROOM_RETRY_MS;
      log.retryRoom();
    }
    group.participation?.sealIfIdle();
    if (group.participation !== null) group.storeView();
  }
}
