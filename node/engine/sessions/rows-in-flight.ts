/**
 * Rows that autocommit writes and `transact` of this member, over all its connections, have on their way to the group. A
 * write to such a row waits behind the others: at its place in the order it would conflict with them. Those that only
 * increment it do not, and share it (H8); behind one that waits they wait, too. Whoever waits for a row holds none, so that
 * no two wait for each other. A row that nobody has on its way costs an entry while it has.
 *
 * Writers of other members meet in the order only. One that has lost there is seen to lose by everybody; so that it does
 * not lose again to whoever comes next here, those wait until it has written the row, or for a bounded time: they yield.
 */
import type { RowKey } from '../../../certifier/types.ts';
import type { MemberOrdinal } from '../../../gcs/base/index.ts';

/** One that holds rows, or waits for one. */
export interface RowUser {
  /** The row waited for is free: go on. May hold it again, or wait for another one. */
  rowFreed(): void;
  /** The row waited for was held by one that is refused, since it found no quorum since `sinceMs` (monotonic). */
  noQuorumSince(sinceMs: number): void;
}

interface Held {
  /** Null: those that share it have it, or it is kept free for another member's. */
  holder: RowUser | null;
  /** Not empty where there are any. */
  sharers: Set<RowUser> | null;
  waiting: RowUser[] | null;
  /** Members for whose writers it is kept free when its holder is done, each with the latest of its terms. Null: none. */
  yields: Map<MemberOrdinal, YieldTerm> | null;
}

/** How long rows are kept free. Compared by identity. */
export interface YieldTerm {
  readonly origin: MemberOrdinal;
  readonly keys: readonly RowKey[];
}

export class RowsInFlight {
  readonly #rows = new Map<RowKey, Held>();
  #waiting = 0;
  #yielding = 0;

  /** Those that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Rows that are, or are to be, kept free for other members' writers. */
  get yielding(): number {
    return this.#yielding;
  }

  /**
   * Holds all `keys` for `user`; or none of them: then it waits for the first that is not to be had, which is returned.
   * `isShared`: of a key, whether it is only incremented. Absent: none is.
   */
  hold(keys: readonly RowKey[], user: RowUser, isShared: ((key: RowKey) => boolean) | null = null): RowKey | null {
    for (const key of keys) {
      const held = this.#rows.get(key);
      if (held === undefined || held.holder === user || canShare(held, user, isShared?.(key) ?? false)) continue;
      if (held.waiting === null) held.waiting = [user];
      else held.waiting.push(user);
      this.#waiting++;
      return key;
    }
    for (const key of keys) this.#take(key, user, isShared?.(key) ?? false);
    return null;
  }

  #take(key: RowKey, user: RowUser, isShared: boolean): void {
    const held = this.#rows.get(key);
    if (held === undefined) {
      const sharers = isShared ? new Set([user]) : null;
      this.#rows.set(key, { holder: isShared ? null : user, sharers, waiting: null, yields: null });
    } else if (isShared) held.sharers?.add(user);
    else if (held.holder !== user) {
      held.holder = user;
      held.sharers = null;
    }
  }

  /** Who holds the row, or one of those that share it; null: nobody of this member. */
  holderOf(key: RowKey): RowUser | null {
    const held = this.#rows.get(key);
    return held?.holder ?? held?.sharers?.values().next().value ?? null;
  }

  /** Someone who waits for `key` gives up. Cost: those who wait for it. */
  stopWaiting(key: RowKey, user: RowUser): void {
    const waiting = this.#rows.get(key)?.waiting;
    const at = waiting?.indexOf(user) ?? -1;
    if (at < 0) return;
    waiting!.splice(at, 1);
    this.#waiting--;
  }

  /** Whoever holds `keys` found no quorum since `sinceMs`: those behind it shall not find out one after the other. */
  tellNoQuorum(keys: readonly RowKey[], sinceMs: number): void {
    for (const key of keys) for (const user of [...(this.#rows.get(key)?.waiting ?? [])]) user.noQuorumSince(sinceMs);
  }

  /** Frees what `user` holds of `keys`. Those who waited go on in the order in which they came. */
  free(keys: readonly RowKey[], user: RowUser): void {
    const waiting: { key: RowKey; users: RowUser[] }[] = [];
    for (const key of keys) {
      const held = this.#rows.get(key);
      if (held === undefined) continue;
      if (held.sharers?.delete(user)) {
        if (held.sharers.size > 0) continue;
        held.sharers = null;
      } else if (held.holder !== user) continue;
      if (held.yields !== null) {
        held.holder = null;
        continue;
      }
      this.#rows.delete(key);
      if (held.waiting !== null) waiting.push({ key, users: held.waiting });
    }
    for (const { key, users } of waiting) this.#wake(key, users);
  }

  // For writers of other members

  /** From when these are free here they stay so, until `term.origin` has written them or `endYield`. */
  beginYield(term: YieldTerm): void {
    for (const key of term.keys) {
      let held = this.#rows.get(key);
      if (held === undefined) {
        held = { holder: null, sharers: null, waiting: null, yields: null };
        this.#rows.set(key, held);
      }
      if (held.yields === null) {
        held.yields = new Map();
        this.#yielding++;
      }
      held.yields.set(term.origin, term);
    }
  }

  /** The term is over, as far as no later one of that member has taken its place. */
  endYield(term: YieldTerm): void {
    for (const key of term.keys) {
      const held = this.#rows.get(key);
      if (held?.yields?.get(term.origin) === term) this.#endYieldOf(key, held, term.origin);
    }
  }

  /** A writer of that member has got through. */
  written(key: RowKey, origin: MemberOrdinal): void {
    const held = this.#rows.get(key);
    if (held?.yields?.has(origin)) this.#endYieldOf(key, held, origin);
  }

  #endYieldOf(key: RowKey, held: Held, origin: MemberOrdinal): void {
    held.yields!.delete(origin);
    if (held.yields!.size > 0) return;
    held.yields = null;
    this.#yielding--;
    if (held.holder !== null || held.sharers !== null) return;
    this.#rows.delete(key);
    if (held.waiting !== null) this.#wake(key, held.waiting);
  }

  #wake(key: RowKey, users: RowUser[]): void {
    for (let i = 0; i < users.length; i++) {
      this.#waiting--;
      users[i]!.rowFreed();
      const held = this.#rows.get(key);
      // Who comes next may share it, and if not, waits for it again.
      if (held === undefined || (held.sharers !== null && !isWaitedFor(held))) continue;
      const came = held.waiting ?? [];
      const isAgain = came[0] === users[i];
      held.waiting = [...users.slice(isAgain ? i : i + 1), ...came.slice(isAgain ? 1 : 0)];
      return;
    }
  }
}

/** Whether `user` may have the row beside those that have it; or alone, where it is the only one. */
function canShare(held: Held, user: RowUser, isShared: boolean): boolean {
  const { holder, sharers, yields } = held;
  if (holder !== null || sharers === null) return false;
  if (sharers.has(user)) return isShared || sharers.size === 1;
  return isShared && yields === null && !isWaitedFor(held);
}

function isWaitedFor({ waiting }: Held): boolean {
  return waiting !== null && waiting.length > 0;
}
