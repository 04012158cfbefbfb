/** Has a log without room try again now and then (R16), as the group layer does while it is open. */
import type { Clock, ScheduledCall } from '../../../gcs/base/index.ts';
import type { SegmentLog } from '../../../gcs/core/index.ts';

const RETRY_MS = 1000;

export class LogRoomRetry {
  readonly #clock: Clock;
  readonly #log: Pick<SegmentLog, 'hasRoom' | 'retryRoom'>;
  #next: ScheduledCall | null = null;

  constructor(clock: Clock, log: Pick<SegmentLog, 'hasRoom' | 'retryRoom'>) {
    this.#clock = clock;
    this.#log = log;
  }

  begin(): void {
    this.#next = this.#clock.schedule(RETRY_MS, () => {
      if (!this.#log.hasRoom) this.#log.retryRoom();
      this.begin();
    });
  }

  stop(): void {
    this.#next?.cancel();
  }
}
