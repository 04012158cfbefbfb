/**
 * What clients have open on this member, for those who look after it: named transactions, those that commit included,
 * writes without one and `transact` that wait or have waited, and cursors of scans without one. The oldest come first; the
 * one that holds the purge floor back is always among them.
 */
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import type { AbortOutcome, Replica, SessionTransaction, TransactionRow } from '../replica.ts';

/** One of them, as it is at the moment. */
export interface Listed {
  readonly startedMs: number;
  /** As its row has it. */
  readonly floorHeld: SequenceNumber | null;
  /** Facts of its row but for its name and age. */
  describe(): Omit<SessionTransaction, 'transactionId' | 'ageMs'>;
  /** Ends it; false: it was handed to the group, which decides. */
  abort(): boolean;
}

/** Of whom is listed; null: nobody, or not one that is listed. */
export function transactionIdOf(one: object | null | undefined): string | null {
  return one != null && 'transactionId' in one ? (one.transactionId as string | null) : null;
}

const SEPARATOR = ':';

type ReplicaParts = 'memberId' | 'incarnation' | 'members' | 'transactionsElsewhere' | 'abortElsewhere';

export class OpenTransactions {
  readonly #replica: Pick<Replica, ReplicaParts>;
  readonly #nowMs: () => number;
  /** By number, in the order in which they were begun. */
  readonly #open = new Map<number, Listed>();
  #last = 0;

  constructor(setup: {
    readonly replica: Pick<Replica, ReplicaParts>;
    readonly nowMs: () => number;
  }) {
    this.#replica = setup.replica;
    this.#nowMs = setup.nowMs;
  }

  /** Returns its number. */
  add(listed: Listed): number {
    this.#open.set(++this.#last, listed);
    return this.#last;
  }

  remove(number: number): void {
    this.#open.delete(number);
  }

  /** What the group calls it: of no other transaction ever. */
  idOf(number: number): string {
    const { memberId, incarnation } = this.#replica;
    return [memberId, incarnation, number].join(SEPARATOR);
  }

  /** Of this member, oldest first, at most so many; the one that holds back most is among them. */
  oldest(limit: number): readonly SessionTransaction[] {
    const rows: SessionTransaction[] = [];
    const nowMs = this.#nowMs();
    const holder = this.#lowestHolder();
    for (const [number, listed] of this.#open) {
      const isLast = rows.length === limit - 1;
      if (isLast && holder !== null && number < holder) continue;
      if (rows.length === limit) break;
      const ageMs = Math.round(nowMs - listed.startedMs);
      rows.push({ transactionId: this.idOf(number), ageMs, ...listed.describe() });
    }
    return rows;
  }

  /** The oldest of those that hold back most. */
  #lowestHolder(): number | null {
    let holder: number | null = null;
    let lowest = Number.POSITIVE_INFINITY;
    for (const [number, { floorHeld }] of this.#open) {
      if (floorHeld === null || floorHeld >= lowest) continue;
      lowest = floorHeld;
      holder = number;
    }
    return holder;
  }

  /** Of the group: this member's, and the oldest of the others as they told last. Oldest first, at most so many; the one that
   * holds back most is among them. */
  rows(limit: number): readonly TransactionRow[] {
    const { memberId: member } = this.#replica;
    const own = this.oldest(limit).map((row) => ({ ...row, member }));
    const all = [...own, ...this.#replica.transactionsElsewhere()];
    let lowest = Number.POSITIVE_INFINITY;
    for (const { floorHeld } of all) lowest = Math.min(lowest, floorHeld ?? lowest);
    all.sort((left, right) => right.ageMs - left.ageMs);
    const shown = all.slice(0, limit);
    // Whom an operator looks for is always there.
    const holder = all.find(({ floorHeld }) => floorHeld === lowest);
    if (holder !== undefined && !shown.includes(holder)) shown[limit - 1] = holder;
    return shown.map((row) => ({ ...row, holdsFloor: row.floorHeld === lowest }));
  }

  /** Ends it where it is, at this member or another one. `done`: once, perhaps within the call. */
  abort(transactionId: string, done: (outcome: AbortOutcome) => void): void {
    const [memberId] = transactionId.split(SEPARATOR);
    if (memberId === this.#replica.memberId) return done(this.abortHere(transactionId));
    if (!this.#replica.members().some((row) => row.memberId === memberId)) return done('not-open');
    this.#replica.abortElsewhere(memberId!, transactionId, done);
  }

  /** One of this member. */
  abortHere(transactionId: string): Extract<AbortOutcome, 'ended' | 'not-open' | 'committing'> {
    const { memberId, incarnation } = this.#replica;
    const [member, run, number] = transactionId.split(SEPARATOR);
    const isOfRun = member === memberId && run === String(incarnation);
    const listed = isOfRun ? this.#open.get(Number(number)) : undefined;
    if (listed === undefined) return 'not-open';
    return listed.abort() ? 'ended' : 'committing';
  }
}
