/** The last conflicts that this member has seen: every refusal in the total order, and its own before that; above a rate a sample of them. */
import type { DangerousStructure, RowKey, Writer } from '../../../certifier/types.ts';
import type { MemberOrdinal, SequenceNumber } from '../../../gcs/base/index.ts';

export interface SeenConflict {
  readonly stampMs: number;
  readonly reason: 'conflict' | 'dangerous-structure' | 'snapshot-too-old' | 'out-of-bounds';
  /** Null unless it is one. */
  readonly structure: DangerousStructure | null;
  /** Refused in the total order, or by the loser's member before that. */
  readonly phase: 'local' | 'group';
  /** Of the item that conflicted or cannot be, or of the first one; or what was written in a range that conflicted. */
  readonly key: RowKey;
  readonly found: 'item' | 'range' | 'bounds';
  readonly loser: MemberOrdinal;
  readonly loserTransactionId: string;
  readonly winner: Writer | null;
  /** What the loser saw there. */
  readonly snapshotVersion: SequenceNumber;
  /** How many it stands for, itself included. */
  readonly standsFor: number;
}

export class ConflictLog {
  readonly #countMax: number;
  readonly #ring: SeenConflict[] = [];
  #next = 0;
  #count = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** How many were added. */
  get count(): number {
    return this.#count;
  }

  add(conflict: SeenConflict): void {
    this.#count++;
    this.#ring[this.#next] = conflict;
    this.#next = (this.#next + 1) % this.#countMax;
  }

  /** Those behind the first `after`, oldest first, at most `countMax`; null if not all of them are kept. */
  behind(after: number, countMax: number): readonly SeenConflict[] | null {
    const missed = this.#count - after;
    if (missed > this.#ring.length) return null;
    const first = this.#next - missed + this.#countMax;
    return Array.from({ length: Math.min(missed, countMax) }, (_, i) => this.#ring[(first + i) % this.#countMax]!);
  }

  /** Newest first. */
  *newestFirst(): Iterable<SeenConflict> {
    const count = this.#ring.length;
    for (let back = 1; back <= count; back++) {
      yield this.#ring[(this.#next - back + this.#countMax) % this.#countMax]!;
    }
  }
}
