/**
 * How much of the log is kept. Never truncated is what the owner needs, what a pin holds, and what a message is made of
 * that is not complete where that begins. Beyond that some is kept for members that come back, and all that a member of
 * the group has not received; but of these two no more than the log's bound, since a slow member must not fill the disk
 * (R22).
 *
 * So the log may begin within messages that are complete before anybody here needs one. To look for a place that is
 * within none would be to wait for ever where large messages of several members overlap.
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
    // The first message that is put together here is one that is not complete at `upTo`.
    if (upTo >= log.firstIndex) upTo = Math.min(upTo, log.partialFrom(upTo) - 1);
    for (const { from } of this.#pins) upTo = Math.min(upTo, from - 1);
    const wished = Math.min(known.receivedByAll, log.indexWithin(this.#options.logKeepBytes) - 1);
    // What goes beyond the wishes, so that the log is not larger than it may be.
    upTo = Math.min(upTo, Math.max(wished, log.indexWithin(this.#options.logBytesMax) - 1));
    if (upTo >= log.firstIndex) log.truncate(upTo);
  }
}
