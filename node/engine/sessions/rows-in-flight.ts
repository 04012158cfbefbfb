/**
 * Rows that one connection's autocommit writes have on their way to the group. A write to such a row waits behind the
 * others, so that a client's pipelined writes never conflict with each other. Whoever waits for a row
 * holds none, so that no two wait for each other.
 */
import type { RowKey } from '../../../certifier/types.ts';

/** One that holds rows, or waits for one. */
export interface RowUser {
  /** The row waited for is free: go on. May hold it again, or wait for another one. */
  rowFreed(): void;
}

interface Held {
  readonly holder: RowUser;
  waiting: RowUser[] | null;
}

export class RowsInFlight {
  readonly #rows = new Map<RowKey, Held>();

  /** Holds all `keys` for `user`, or none of them: then it waits for the first that another one holds. */
  hold(keys: readonly RowKey[], user: RowUser): boolean {
    for (const key of keys) {
      const held = this.#rows.get(key);
      if (held !== undefined && held.holder !== user) {
        if (held.waiting === null) held.waiting = [user];
        else held.waiting.push(user);
        return false;
      }
    }
    for (const key of keys) if (!this.#rows.has(key)) this.#rows.set(key, { holder: user, waiting: null });
    return true;
  }

  /** Someone who waits gives up. Cost: rows held. */
  stopWaiting(user: RowUser): void {
    for (const held of this.#rows.values()) {
      const at = held.waiting?.indexOf(user) ?? -1;
      if (at >= 0) held.waiting!.splice(at, 1);
    }
  }

  /** Frees what `user` holds of `keys`. Those who waited go on in the order in which they came. */
  free(keys: readonly RowKey[], user: RowUser): void {
    const waiting: { key: RowKey; users: RowUser[] }[] = [];
    for (const key of keys) {
      const held = this.#rows.get(key);
      if (held === undefined || held.holder !== user) continue;
      this.#rows.delete(key);
      if (held.waiting !== null) waiting.push({ key, users: held.waiting });
    }
    for (const { key, users } of waiting) this.#wake(key, users);
  }

  #wake(key: RowKey, users: readonly RowUser[]): void {
    for (let i = 0; i < users.length; i++) {
      users[i]!.rowFreed();
      const held = this.#rows.get(key);
      if (held === undefined) continue;
      const behind = users.slice(i + 1);
      held.waiting = held.waiting === null ? behind : [...behind, ...held.waiting];
      return;
    }
  }
}
