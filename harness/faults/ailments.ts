/** What faults do to the members of a group now, and what may have come of it. */
import type { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';

/** Heals a fault; harmless a second time. Members that it starts are on their way when it is done. */
export type Heal = () => Promise<void>;

/** How long a member may take to end after its disk has failed it. */
export const END_MS_MAX = 5_000;

export class Ailments {
  #hasEnded = false;
  readonly #heals = new Set<Heal>();
  readonly #heldDown = new Map<LocalMember, number>();
  readonly #paused = new Map<LocalMember, number>();
  /** When a member may have ended because of a fault, by the system's time of day. */
  readonly #mayEnd: { readonly member: LocalMember; readonly fromMs: number; upToMs: number }[] = [];

  add(undo: Heal): Heal {
    let healed: Promise<void> | null = null;
    const heal = () => {
      this.#heals.delete(heal);
      healed ??= undo();
      return healed;
    };
    this.#heals.add(heal);
    return heal;
  }

  async healAll(): Promise<void> {
    for (const heal of [...this.#heals].reverse()) await heal();
  }

  /** Heals, and starts nobody. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.healAll();
  }

  /** `members` may end from now until what is returned is called, and a little longer. */
  mayEnd(members: readonly LocalMember[]): () => void {
    const spans = members.map((member) => ({ member, fromMs: Date.now(), upToMs: Number.POSITIVE_INFINITY }));
    this.#mayEnd.push(...spans);
    return () => {
      for (const span of spans) span.upToMs = Date.now() + END_MS_MAX;
    };
  }

  explains(member: LocalMember, endedAtMs: number): boolean {
    return this.#mayEnd.some((span) => span.member === member && span.fromMs <= endedAtMs && endedAtMs <= span.upToMs);
  }

  holdDown(members: readonly LocalMember[]): Heal {
    for (const member of members) this.#heldDown.set(member, (this.#heldDown.get(member) ?? 0) + 1);
    const noMore = this.mayEnd(members);
    return async () => {
      noMore();
      for (const member of members) this.#heldDown.set(member, this.#heldDown.get(member)! - 1);
      this.startThose(members);
    };
  }

  startThose(members: readonly LocalMember[]): void {
    if (this.#hasEnded) return;
    for (const member of members) {
      if (!member.isRunning && (this.#heldDown.get(member) ?? 0) === 0) member.start();
    }
  }

  pause(members: readonly LocalMember[]): Heal {
    for (const member of members) {
      this.#paused.set(member, (this.#paused.get(member) ?? 0) + 1);
      if (member.isRunning) member.pause();
    }
    return async () => {
      for (const member of members) {
        const count = this.#paused.get(member)! - 1;
        this.#paused.set(member, count);
        if (count === 0 && member.isPaused) member.resume();
      }
    };
  }
}

const ailments = new WeakMap<LocalGroup, Ailments>();

export function ailmentsOf(group: LocalGroup): Ailments {
  let found = ailments.get(group);
  if (found === undefined) {
    const created = new Ailments();
    // What flaps or hangs must not do so for ever.
    group.atEnd(() => created.end());
    ailments.set(group, created);
    found = created;
  }
  return found;
}
