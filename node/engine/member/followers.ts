/**
 * How much of the past is held: much while anybody in the group follows the changes, or did a while ago, since a client
 * may come here from any member; else little, since it is dear.
 */
import type { Clock } from '../../../gcs/base/index.ts';
import type { ChangeHistoryOptions } from './change-history.ts';
import type { MemberOptions } from './contract.ts';

/** After a restart the past is held for so many notices, until clients have come back and members have told each other. */
const RETURN_NOTICES = 10;

export interface FollowersSetup {
  readonly clock: Clock;
  readonly options: Pick<MemberOptions, 'history' | 'historyUnfollowed' | 'followedForMs' | 'noticeEveryMs'>;
  /** Clients of another member that can be reached follow the changes. */
  readonly areElsewhere: () => boolean;
}

export class Followers {
  readonly #setup: FollowersSetup;
  /** Clients of this member. */
  #here = 0;
  /** Monotonic time: until then more of the past is held. */
  #untilMs = Number.NEGATIVE_INFINITY;

  constructor(setup: FollowersSetup) {
    this.#setup = setup;
  }

  get areHere(): boolean {
    return this.#here > 0;
  }

  follow(): { stop(): void } {
    this.#here++;
    return {
      stop: () => {
        this.#here--;
      },
    };
  }

  /** Who followed before a restart may come back. */
  mayReturn(): void {
    const { clock, options } = this.#setup;
    this.#untilMs = clock.monotonicMs() + RETURN_NOTICES * options.noticeEveryMs;
  }

  /** For the history, as of now. */
  bounds(): ChangeHistoryOptions {
    const { clock, options, areElsewhere } = this.#setup;
    const nowMs = clock.monotonicMs();
    if (this.areHere || areElsewhere()) this.#untilMs = nowMs + options.followedForMs;
    return nowMs <= this.#untilMs ? options.history : options.historyUnfollowed;
  }
}
