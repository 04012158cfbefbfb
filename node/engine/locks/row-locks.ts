/**
 * The row locks of a member: what transactions of all its connections hold and wait for. They are of this member alone, and
 * order its own transactions; across members certification decides, for which a row read `forUpdate` is part of the
 * transaction (H7). So whatever the group's order writes wins over who holds the row here, and that one learns at once.
 *
 * Whoever is granted a row is told in a later turn; nothing of another transaction runs within a statement or a delivery.
 */
import type { RowKey } from '../../../certifier/types.ts';
import type { Clock } from '../../../gcs/base/index.ts';
import { deadlock, invalidArgument, lockTimeout, overloaded, type RequestError, show } from '../errors.ts';
import { catalogItemKey, tableIdOf } from '../key-codec.ts';
import type { Limits } from '../limits.ts';
import { showKey } from '../shown-key.ts';
import type { Table } from '../table.ts';
import { LockTable } from './lock-table.ts';

/** A transaction, as far as its locks are concerned. */
export interface LockOwner {
  /** What is done in vain if it ends, beside its locks. */
  readonly writtenRows: number;
  readonly lockEvents: LockEvents | null;
  /**
   * The group's order has written the row, or `by`, the catalog item of its table. What it makes of that: an error if the
   * transaction has lost by it, else null.
   */
  overtaken(key: RowKey, by: RowKey): RequestError | null;
}

/** Who runs a transaction, and is told what becomes of its locks. */
export interface LockEvents {
  /** When it was begun. Monotonic. */
  readonly startedMs: number;
  /** Neither over nor handed to the group. */
  readonly isUndecided: boolean;
  /** The row that it waited for is its own: the statement runs again. */
  rowGranted(): void;
  /** The transaction cannot go on; its locks are gone when this returns. */
  lockLost(error: RequestError): void;
}

/** A statement has to wait: it is to be run again when the row is granted. Nothing of it has happened but locks. */
export class RowAwaited extends Error {
  override readonly name = 'RowAwaited';
  readonly table: Table;
  readonly key: RowKey;
  /** Of a `transact`: the step that waits. */
  step: number | null = null;

  constructor(table: Table, key: RowKey) {
    super('a row is locked by another transaction');
    this.table = table;
    this.key = key;
  }

  timeout(ms: number): RequestError {
    return lockTimeout({ ...this.#row, ms });
  }

  deadlock(transactions: number): RequestError {
    return deadlock({ ...this.#row, transactions });
  }

  /** For people, and for members that are told of it. */
  get shown(): { readonly table: string; readonly key: string } {
    const { table, key } = this.#row;
    return { table, key: show(key) };
  }

  get #row(): { readonly table: string; readonly key: unknown } {
    const { table, key } = this;
    return { table: table.name, key: showKey(key, table)?.key ?? null };
  }
}

/** Since the start. */
export interface LockCounters {
  lockWaits: number;
  lockTimeouts: number;
  deadlocks: number;
  /** Transactions that ended because the group's order wrote a row that they had locked. */
  locksLost: number;
}

const OVERLOADED_RETRY_MS = 100;

export class RowLocks {
  readonly #counters: LockCounters;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #table = new LockTable<LockOwner>();
  /** Those that wait, or have been granted what they waited for and are not told yet. */
  readonly #waits = new Map<LockOwner, RowAwaited>();
  #granted: LockOwner[] = [];

  constructor(setup: { readonly clock: Clock; readonly limits: Limits; readonly counters: LockCounters }) {
    this.#clock = setup.clock;
    this.#limits = setup.limits;
    this.#counters = setup.counters;
  }

  /** Rows held. */
  get size(): number {
    return this.#table.size;
  }

  get waiting(): number {
    return this.#table.waiting;
  }

  heldBy(owner: LockOwner): number {
    return this.#table.heldBy(owner);
  }

  /** Who holds the row that `owner` waits for. */
  blockerOf(owner: LockOwner): LockOwner | null {
    const awaited = this.#table.awaitedBy(owner);
    return awaited === null ? null : (this.#table.holderOf(awaited) ?? null);
  }

  /**
   * All of `keys` are its own, or it waits for the first that another one holds.
   *
   * @throws RowAwaited; RequestError DEADLOCK, OVERLOADED, INVALID_ARGUMENT: what it has got so far stays its own.
   */
  lock(owner: LockOwner, table: Table, keys: readonly RowKey[]): void {
    for (const key of keys) {
      if (this.#table.holderOf(key) === owner) continue;
      this.#requireRoom(owner, key);
      while (!this.#take(owner, table, key)) {
        // A victim made way: the row is asked for again.
      }
    }
  }

  /** Gives up a wait. What was granted meanwhile stays its own. */
  stopWaiting(owner: LockOwner): void {
    this.#waits.delete(owner);
    this.#table.stopWaiting(owner);
  }

  release(owner: LockOwner): void {
    this.#waits.delete(owner);
    for (const grant of this.#table.release(owner)) {
      this.#granted.push(grant.owner);
      if (this.#granted.length === 1) this.#clock.schedule(0, this.#tellGranted);
    }
  }

  /** The group's order has written these rows. Cost: the fewer of those and of the rows locked, of which each is asked for. */
  written(rows: readonly { readonly key: RowKey }[]): void {
    if (rows.length <= this.#table.size) for (const { key } of rows) this.#overtake(key);
    else for (const key of [...this.#table.keys]) this.#overtake(key);
  }

  /** A schema change concerns whoever has used these tables. Cost: the rows locked. */
  tablesChanged(tableIds: readonly number[]): void {
    for (const key of [...this.#table.keys]) {
      if (tableIds.includes(tableIdOf(key))) this.#overtake(key, catalogItemKey(tableIdOf(key)));
    }
  }

  /** Where it was not written since its holder's snapshot, nothing happens. */
  #overtake(key: RowKey, by: RowKey = key): void {
    const holder = this.#table.holderOf(key);
    if (!holder?.lockEvents?.isUndecided) return;
    const error = holder.overtaken(key, by);
    if (error === null) return;
    this.#counters.locksLost++;
    holder.lockEvents.lockLost(error);
  }

  /** False: try again. */
  #take(owner: LockOwner, table: Table, key: RowKey): boolean {
    const result = this.#table.lock(key, owner);
    if (result.kind === 'granted') return true;
    const awaited = new RowAwaited(table, key);
    if (result.kind === 'waits') {
      this.#counters.lockWaits++;
      this.#waits.set(owner, awaited);
      throw awaited;
    }
    const { cycle } = result;
    this.#counters.deadlocks++;
    const victim = this.#cheapest(cycle);
    if (victim === owner) throw awaited.deadlock(cycle.length);
    victim.lockEvents!.lockLost(this.#waits.get(victim)!.deadlock(cycle.length));
    return false;
  }

  /** Fewest rows written and locked; of several the youngest. */
  #cheapest(cycle: readonly LockOwner[]): LockOwner {
    const costOf = (owner: LockOwner): number => owner.writtenRows + this.#table.heldBy(owner);
    const startOf = (owner: LockOwner): number => owner.lockEvents?.startedMs ?? 0;
    return cycle.reduce((victim, owner) => {
      const more = costOf(owner) - costOf(victim);
      return more < 0 || (more === 0 && startOf(owner) > startOf(victim)) ? owner : victim;
    });
  }

  #requireRoom(owner: LockOwner, key: RowKey): void {
    const { locksMax, locksInAllMax, lockWaitersInAllMax } = this.#limits;
    if (this.#table.heldBy(owner) >= locksMax) {
      throw invalidArgument('forUpdate', `the transaction has locked ${locksMax} rows, and may lock no more`);
    }
    if (this.#table.size >= locksInAllMax) {
      throw overloaded(OVERLOADED_RETRY_MS, 'The transactions of this member have locked as many rows as they may');
    }
    if (this.#table.waiting >= lockWaitersInAllMax && this.#table.holderOf(key) !== undefined) {
      throw overloaded(OVERLOADED_RETRY_MS, 'As many transactions of this member wait for locked rows as may');
    }
  }

  readonly #tellGranted = (): void => {
    const granted = this.#granted;
    this.#granted = [];
    for (const owner of granted) {
      // It may have ended, or given up and wait for another row.
      if (this.#table.awaitedBy(owner) === null && this.#waits.delete(owner)) owner.lockEvents!.rowGranted();
    }
  };
}
