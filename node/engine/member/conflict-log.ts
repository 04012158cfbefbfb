/** The last conflicts that this member has seen: every refusal in the total order, and its own before that. */
import type { RowKey, Writer } from '../../../certifier/types.ts';
import type { MemberOrdinal } from '../../../gcs/base/index.ts';

export interface SeenConflict {
  readonly stampMs: number;
  readonly reason: 'conflict' | 'snapshot-too-old';
  /** Refused in the total order, or by the loser's member before that. */
  readonly phase: 'local' | 'group';
  /** Of the item that conflicted, or of the first one. */
  readonly key: RowKey;
  readonly loser: MemberOrdinal;
  readonly loserTransactionId: string;
  readonly winner: Writer | null;
}

export class ConflictLog {
  readonly #countMax: number;
  readonly #ring: SeenConflict[] = [];
  #next = 0;

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  add(conflict: SeenConflict): void {
    this.#ring[this.#next] = conflict;
    this.#next = (this.#next + 1) % this.#countMax;
  }

  /** Newest first. */
  *newestFirst(): Iterable<SeenConflict> {
    const count = this.#ring.length;
    for (let back = 1; back <= count; back++) {
      yield this.#ring[(this.#next - back + this.#countMax) % this.#countMax]!;
    }
  }
}
