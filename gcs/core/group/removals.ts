/** What this member wants of the membership: to leave, or that another one goes. Said to the leader again and again, until it is so. */
import type { MemberOrdinal } from '../../base/index.ts';
import type { GroupView } from '../types.ts';
import { memberOf } from '../views.ts';

interface Wish {
  readonly ordinal: MemberOrdinal;
  readonly deadlineMs: number;
  readonly done: (problem: string | null) => void;
}

export class Removals {
  readonly #unansweredAfterMs: number;
  #isLeaving = false;
  #wishes: readonly Wish[] = [];

  constructor(options: { readonly unansweredAfterMs: number }) {
    this.#unansweredAfterMs = options.unansweredAfterMs;
  }

  get isLeaving(): boolean {
    return this.#isLeaving;
  }

  leave(): void {
    this.#isLeaving = true;
  }

  expel(ordinal: MemberOrdinal, nowMs: number, done: (problem: string | null) => void): void {
    this.#wishes = [...this.#wishes, { ordinal, deadlineMs: nowMs + this.#unansweredAfterMs, done }];
  }

  /** Whose removal is to be asked for now, `self` too. */
  wanted(self: MemberOrdinal, nowMs: number): ReadonlySet<MemberOrdinal> {
    this.#settle(({ deadlineMs }) => (deadlineMs < nowMs ? 'no leader made the change in time' : undefined));
    const wanted = new Set(this.#wishes.map(({ ordinal }) => ordinal));
    if (this.#isLeaving) wanted.add(self);
    return wanted;
  }

  chosen(view: GroupView): void {
    this.#settle(({ ordinal }) => (memberOf(view, ordinal) === undefined ? null : undefined));
  }

  failed(ordinal: MemberOrdinal, problem: string): void {
    this.#settle((wish) => (wish.ordinal === ordinal ? problem : undefined));
  }

  /** `outcome`: undefined as long as there is none. */
  #settle(outcome: (wish: Wish) => string | null | undefined): void {
    const settled: (() => void)[] = [];
    const open: Wish[] = [];
    for (const wish of this.#wishes) {
      const how = outcome(wish);
      if (how === undefined) open.push(wish);
      else settled.push(() => wish.done(how));
    }
    this.#wishes = open;
    for (const tell of settled) tell();
  }
}
