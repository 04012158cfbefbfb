/**
 * What this member wants of the membership: to leave, or that another one goes. Said to the leader again and again, until
 * it is so, or is refused, or for `WISH_MS`: what was answered as unknown must not come true much later, by surprise.
 */
import type { MemberOrdinal } from '../../base/index.ts';
import type { GroupView } from '../types.ts';
import { memberOf } from '../views.ts';

/** `unknown`: not in time. It is not asked for any more, but a leader that was asked may still do it. */
export type RemovalOutcome =
  | { readonly kind: 'removed' }
  | { readonly kind: 'refused'; readonly problem: string }
  | { readonly kind: 'unknown' };

interface Wish {
  readonly ordinal: MemberOrdinal;
  readonly deadlineMs: number;
  readonly done: (outcome: RemovalOutcome) => void;
}

/** Elections fit into it, also several. */
const WISH_MS = 10_000;
/** After that a leader that was asked last may have proposed it, and not yet have it chosen. */
const UNDER_WAY_MS = 5_000;

export class Removals {
  /** Until then this member goes of its own will, if it goes. */
  #leavesUntilMs = 0;
  #wishes: readonly Wish[] = [];

  isLeaving(nowMs: number): boolean {
    return nowMs < this.#leavesUntilMs;
  }

  leave(self: MemberOrdinal, nowMs: number, done: (outcome: RemovalOutcome) => void): void {
    this.#leavesUntilMs = nowMs + WISH_MS + UNDER_WAY_MS;
    this.expel(self, nowMs, (outcome) => {
      if (outcome.kind === 'refused') this.#leavesUntilMs = 0;
      done(outcome);
    });
  }

  expel(ordinal: MemberOrdinal, nowMs: number, done: (outcome: RemovalOutcome) => void): void {
    this.#wishes = [...this.#wishes, { ordinal, deadlineMs: nowMs + WISH_MS, done }];
  }

  /** Whose removal is to be asked for now. */
  wanted(nowMs: number): ReadonlySet<MemberOrdinal> {
    this.#settle(({ deadlineMs }) => (deadlineMs < nowMs ? { kind: 'unknown' } : null));
    return new Set(this.#wishes.map(({ ordinal }) => ordinal));
  }

  chosen(view: GroupView): void {
    this.#settle(({ ordinal }) => (memberOf(view, ordinal) === undefined ? { kind: 'removed' } : null));
  }

  refused(ordinal: MemberOrdinal, problem: string): void {
    this.#settle((wish) => (wish.ordinal === ordinal ? { kind: 'refused', problem } : null));
  }

  /** `outcome`: null as long as there is none. */
  #settle(outcome: (wish: Wish) => RemovalOutcome | null): void {
    const settled: (() => void)[] = [];
    const open: Wish[] = [];
    for (const wish of this.#wishes) {
      const how = outcome(wish);
      if (how === null) open.push(wish);
      else settled.push(() => wish.done(how));
    }
    this.#wishes = open;
    for (const tell of settled) tell();
  }
}
