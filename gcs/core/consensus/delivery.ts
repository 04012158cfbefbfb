/** What this member hands up: everything chosen and durable here but noops, in order, each once. */
import type { LogIndex } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import type { Context } from './context.ts';
import type { Restored } from './contract.ts';
import { DeliveryCheck, isBroadcast, type MessageLedger } from './proposals.ts';

const NO_ENTRIES: readonly LogEntry[] = [];

export class Delivery {
  isPaused = false;
  readonly #context: Context;
  readonly #check: DeliveryCheck;
  readonly #ledgerFrom: LogIndex;
  #upTo: LogIndex;

  constructor(context: Context, restored: Restored) {
    assert(restored.deliveredUpTo <= restored.chosenUpTo, 'only what is chosen was delivered');
    assert(restored.deliveredUpTo >= context.log.firstIndex - 1, 'what is not kept any more was delivered');
    this.#context = context;
    this.#check = new DeliveryCheck(restored);
    this.#ledgerFrom = restored.chosenUpTo;
    this.#upTo = restored.deliveredUpTo;
  }

  get upTo(): LogIndex {
    return this.#upTo;
  }

  get hasMore(): boolean {
    return !this.isPaused && this.#upTo < this.#deliverableUpTo();
  }

  /** One slice; `delivered` is called for each broadcast in it. */
  take(delivered: (entry: LogEntry) => void): readonly LogEntry[] {
    const { log, options } = this.#context;
    const from = this.#upTo + 1;
    const upTo = Math.min(this.#deliverableUpTo(), this.#upTo + options.appendEntriesMax);
    if (this.isPaused || from > upTo) return NO_ENTRIES;
    const slice: LogEntry[] = [];
    for (const entry of log.entries(from, upTo, options.deliverBytesMax)) {
      assert(entry.index === this.#upTo + 1, 'delivery has no gaps');
      this.#upTo = entry.index;
      if (entry.kind === 'noop') continue;
      if (isBroadcast(entry)) {
        this.#check.delivering(entry);
        delivered(entry);
      }
      slice.push(entry);
    }
    return slice;
  }

  /** The last broadcast of each member that the log holds. Cost: O(entries not yet delivered). */
  ledgerAtLogEnd(): MessageLedger {
    const { log, options } = this.#context;
    const ledger = this.#check.ledger.copy();
    let from = Math.max(this.#upTo, this.#ledgerFrom) + 1;
    while (from <= log.lastIndex) {
      const entries = log.entries(from, log.lastIndex, options.appendBytesMax);
      for (const entry of entries) {
        if (!isBroadcast(entry)) continue;
        assert(ledger.isNext(entry), 'the log holds a broadcast once and in the order of its origin');
        ledger.record(entry);
      }
      from += entries.length;
    }
    return ledger;
  }

  /**
   * Not before the term is durable in which the last of it was learnt to be chosen: what the owner then remembers as
   * chosen is in the log of every leader that this member may still hear after a restart.
   */
  #deliverableUpTo(): LogIndex {
    const { log } = this.#context;
    return log.hardStateDurable ? Math.min(log.chosenUpTo, log.durableUpTo) : this.#upTo;
  }
}
