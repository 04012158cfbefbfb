/**
 * What writers of other members lost is seen here in the order: writers of this member that are to come hold back from
 * those rows until that one has got through, or for a bounded time. A hint that costs nobody a message: if it is of no use
 * any more, as when its client gave up, the rows are free again soon.
 */
import { isOfRow } from '../../../certifier/index.ts';
import type { RowKey, WriteSetItem } from '../../../certifier/types.ts';
import type { Clock, MemberOrdinal } from '../../../gcs/base/index.ts';
import type { Limits } from '../limits.ts';
import type { RowLocks } from '../locks/row-locks.ts';
import type { WatchedRows } from '../replica.ts';
import type { Deadlines } from './deadlines.ts';
import type { RowsInFlight, YieldTerm } from './rows-in-flight.ts';

export interface YieldingSetup {
  readonly clock: Clock;
  readonly limits: Pick<Limits, 'yieldMs' | 'helpedAfterLosses' | 'yieldKeysMax' | 'yieldingMax'>;
  readonly deadlines: Deadlines;
  readonly rows: RowsInFlight;
  readonly locks: RowLocks;
}

/** Since the start. */
export interface YieldCounters {
  /** Rows kept free for writers of other members. */
  yields: number;
}

export class Yielding implements WatchedRows {
  readonly #setup: YieldingSetup;
  readonly #counters: YieldCounters;
  /** By row: how often in a row a member has lost it, as far as that was lately. */
  readonly #losses = new Map<RowKey, Map<MemberOrdinal, { readonly count: number; readonly term: YieldTerm }>>();

  constructor(setup: YieldingSetup, counters: YieldCounters) {
    this.#setup = setup;
    this.#counters = counters;
  }

  get size(): number {
    return this.#setup.locks.size + this.#losses.size;
  }

  written(items: readonly { readonly key: RowKey }[], origin: MemberOrdinal): void {
    const { locks, rows } = this.#setup;
    if (locks.size > 0) locks.written(items);
    if (this.#losses.size === 0) return;
    for (const { key } of items) {
      this.#losses.get(key)?.delete(origin);
      rows.written(key, origin);
    }
  }

  tablesChanged(tableIds: readonly number[]): void {
    const { locks } = this.#setup;
    if (locks.size > 0) locks.tablesChanged(tableIds);
  }

  lost(items: readonly WriteSetItem[], origin: MemberOrdinal): void {
    const { clock, limits, deadlines, rows } = this.#setup;
    if (limits.yieldMs === 0 || items.length > 2 * limits.yieldKeysMax) return;
    const keys = items.filter(({ kind }) => isOfRow(kind)).map(({ key }) => key);
    if (keys.length > limits.yieldKeysMax || this.#losses.size + keys.length > limits.yieldingMax) return;
    const term = { origin, keys };
    let most = 0;
    for (const key of keys) {
      let ofKey = this.#losses.get(key);
      if (ofKey === undefined) {
        ofKey = new Map();
        this.#losses.set(key, ofKey);
      }
      const count = (ofKey.get(origin)?.count ?? 0) + 1;
      ofKey.set(origin, { count, term });
      most = Math.max(most, count);
    }
    if (most >= limits.helpedAfterLosses) {
      this.#counters.yields += keys.length;
      rows.beginYield(term);
    }
    deadlines.add(clock.monotonicMs() + limits.yieldMs, () => this.#end(term));
  }

  #end(term: YieldTerm): void {
    for (const key of term.keys) {
      const ofKey = this.#losses.get(key);
      if (ofKey === undefined) continue;
      if (ofKey.get(term.origin)?.term === term) ofKey.delete(term.origin);
      if (ofKey.size === 0) this.#losses.delete(key);
    }
    this.#setup.rows.endYield(term);
  }
}
