/**
 * Who holds which row, and who waits for it: one holder a row, and behind it those who want it, in the order in which they
 * came. An owner waits for one row at a time, so it waits for one other owner, the holder; those before it in the queue
 * wait for the same one. That makes the wait-for graph a set of chains, and a cycle can only be closed by an owner that
 * begins to wait: it is found by following the chain from the row's holder, before the wait begins.
 *
 * Whoever comes next is the holder at once; the caller tells it. No clock, no callbacks: nothing happens in between.
 */
import type { RowKey } from '../../../certifier/types.ts';
import { assert } from '../../../gcs/base/index.ts';

interface Lock<Owner> {
  holder: Owner;
  /** Those who want it, first come first. */
  readonly queue: Owner[];
}

interface OwnerState {
  readonly held: Set<RowKey>;
  awaited: RowKey | null;
}

export type LockResult<Owner> =
  | { readonly kind: 'granted' }
  | { readonly kind: 'waits' }
  /** To wait would wait for itself: each of `cycle` waits for the next and the last for the first, who asked. Nothing is changed. */
  | { readonly kind: 'deadlock'; readonly cycle: readonly Owner[] };

export interface Grant<Owner> {
  readonly key: RowKey;
  readonly owner: Owner;
}

const GRANTED = { kind: 'granted' } as const;
const WAITS = { kind: 'waits' } as const;

export class LockTable<Owner> {
  readonly #locks = new Map<RowKey, Lock<Owner>>();
  readonly #owners = new Map<Owner, OwnerState>();
  #waiting = 0;

  /** Rows held. */
  get size(): number {
    return this.#locks.size;
  }

  /** Owners that wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Rows held. In no order that means anything. */
  get keys(): IterableIterator<RowKey> {
    return this.#locks.keys();
  }

  holderOf(key: RowKey): Owner | undefined {
    return this.#locks.get(key)?.holder;
  }

  /** How many rows it holds. */
  heldBy(owner: Owner): number {
    return this.#owners.get(owner)?.held.size ?? 0;
  }

  /** What it waits for, or null. */
  awaitedBy(owner: Owner): RowKey | null {
    return this.#owners.get(owner)?.awaited ?? null;
  }

  /** Takes the row, or queues for it. An owner that waits asks for nothing. Cost: where it has to wait, the length of the chain. */
  lock(key: RowKey, owner: Owner): LockResult<Owner> {
    assert(this.awaitedBy(owner) === null, 'an owner waits for one row at a time');
    const lock = this.#locks.get(key);
    if (lock === undefined) {
      this.#locks.set(key, { holder: owner, queue: [] });
      this.#stateOf(owner).held.add(key);
      return GRANTED;
    }
    if (lock.holder === owner) return GRANTED;
    const cycle = this.#cycleThrough(owner, lock.holder);
    if (cycle !== null) return { kind: 'deadlock', cycle };
    lock.queue.push(owner);
    this.#stateOf(owner).awaited = key;
    this.#waiting++;
    return WAITS;
  }

  /** It waits no more, and keeps what it holds. Cost: those who wait for that row. */
  stopWaiting(owner: Owner): void {
    const state = this.#owners.get(owner);
    if (state === undefined || state.awaited === null) return;
    const { queue } = this.#locks.get(state.awaited)!;
    queue.splice(queue.indexOf(owner), 1);
    state.awaited = null;
    this.#waiting--;
    this.#forgetIfIdle(owner, state);
  }

  /** It waits no more and holds nothing. Returns who holds its rows now. Cost: rows held, and those who wait for them. */
  release(owner: Owner): readonly Grant<Owner>[] {
    this.stopWaiting(owner);
    const state = this.#owners.get(owner);
    if (state === undefined) return [];
    this.#owners.delete(owner);
    const grants: Grant<Owner>[] = [];
    for (const key of state.held) {
      const lock = this.#locks.get(key)!;
      const next = lock.queue.shift();
      if (next === undefined) {
        this.#locks.delete(key);
        continue;
      }
      lock.holder = next;
      const nextState = this.#owners.get(next)!;
      nextState.held.add(key);
      nextState.awaited = null;
      this.#waiting--;
      grants.push({ key, owner: next });
    }
    return grants;
  }

  /** `owner` is about to wait for `holder`. */
  #cycleThrough(owner: Owner, holder: Owner): readonly Owner[] | null {
    const chain = [owner];
    for (let next: Owner | undefined = holder; next !== undefined; ) {
      if (next === owner) return chain;
      chain.push(next);
      const awaited = this.awaitedBy(next);
      next = awaited === null ? undefined : this.holderOf(awaited);
    }
    return null;
  }

  #stateOf(owner: Owner): OwnerState {
    let state = this.#owners.get(owner);
    if (state === undefined) {
      state = { held: new Set(), awaited: null };
      this.#owners.set(owner, state);
    }
    return state;
  }

  #forgetIfIdle(owner: Owner, { held, awaited }: OwnerState): void {
    if (held.size === 0 && awaited === null) this.#owners.delete(owner);
  }
}
