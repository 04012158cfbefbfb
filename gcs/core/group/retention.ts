/**
 * How much of the log is kept. Never truncated is what the owner needs, what a pin holds, and what a message that is
 * not complete is made of. Beyond that some is kept for members that come back, and all that a member of the group has
 * not received; but of these two no more than the log's bound, since a slow member must not fill the disk (R22).
 */
import type { LogIndex } from '../../base/index.ts';
import type { LogPin } from './contract.ts';

export interface RetentionOptions {
  readonly logKeepBytes: number;
  readonly logBytesMax: number;
}

export interface RetainedLog {
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** The lowest index from which on there are about `bytes` on disk; `firstIndex` if there are no more in all. */
  indexWithin(bytes: number): LogIndex;
  /** Lowest index of a fragment whose message is not complete at `index`; `index` + 1 if there is none. */
  partialFrom(index: LogIndex): LogIndex;
  truncate(upTo: LogIndex): void;
}

export class Retention {
  readonly #options: RetentionOptions;
  readonly #log: RetainedLog;
  readonly #pins = new Set<{ readonly from: LogIndex }>();
  /** 0: the owner has not said, and needs all. */
  #neededFrom: LogIndex = 0;

  constructor(log: RetainedLog, options: RetentionOptions) {
    this.#log = log;
    this.#options = options;
  }

  need(from: LogIndex): void {
    this.#neededFrom = from;
  }

  pin(): LogPin {
    const pin = { from: this.#log.firstIndex };
    this.#pins.add(pin);
    return { release: () => this.#pins.delete(pin) };
  }

  /** Gives up what nobody needs.  */
  truncate(known: { readonly deliveredUpTo: LogIndex; readonly receivedByAll: LogIndex }): void {
    const log = this.#log;
    let upTo = Math.min(this.#neededFrom - 1, known.deliveredUpTo);
    for (const { from } of this.#pins) upTo = Math.min(upTo, from - 1);
    const wished = Math.min(known.receivedByAll, log.indexWithin(this.#options.logKeepBytes) - 1);
    // What goes beyond the wishes, so that the log is not larger than it may be.
    upTo = Math.min(upTo, Math.max(wished, log.indexWithin(this.#options.logBytesMax) - 1));
    if (upTo >= log.firstIndex) upTo = withoutPartial(log, upTo);
    if (upTo >= log.firstIndex) log.truncate(upTo);
  }
}

/** The highest place up to `index` that lies within no message's fragments; below `firstIndex` if that cannot be told. */
export function withoutPartial(log: Pick<RetainedLog, 'firstIndex' | 'partialFrom'>, index: LogIndex): LogIndex {
  for (let upTo = index; ; ) {
    const from = log.partialFrom(upTo);
    if (from > upTo) return upTo;
    upTo = from - 1;
    if (upTo < log.firstIndex) return upTo;
  }
}
