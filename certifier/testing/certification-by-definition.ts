import type { MemberOrdinal, SequenceNumber } from '../../gcs/base/index.ts';
import type { Negative, RowKey, Transaction } from '../types.ts';

/** Certification by its definition: looks through everything certified so far. Slow and obviously right. */
export class CertificationByDefinition {
  readonly #certified: { readonly keys: ReadonlySet<RowKey>; readonly origin: MemberOrdinal }[] = [];

  get sequenceNumber(): SequenceNumber {
    return this.#certified.length;
  }

  judge({ snapshotVersion, writeSet, ranges = [] }: Transaction): Negative | null {
    for (const item of writeSet) {
      const own = item.snapshotVersion ?? snapshotVersion;
      for (let sequenceNumber = this.#certified.length; sequenceNumber > own; sequenceNumber--) {
        const { keys, origin } = this.#certified[sequenceNumber - 1]!;
        if (keys.has(item.key)) return { kind: 'conflict', item, winner: { sequenceNumber, origin } };
      }
    }
    for (let sequenceNumber = this.#certified.length; sequenceNumber > snapshotVersion; sequenceNumber--) {
      const { keys, origin } = this.#certified[sequenceNumber - 1]!;
      for (const key of [...keys].reverse()) {
        const range = ranges.find(({ from, to }) => from <= key && key < to);
        if (range !== undefined) {
          return { kind: 'conflict', item: null, range, key, winner: { sequenceNumber, origin } };
        }
      }
    }
    return null;
  }

  accept(keys: readonly RowKey[], origin: MemberOrdinal): void {
    this.#certified.push({ keys: new Set(keys), origin });
  }

  /** The highest sequence number that wrote one of the keys; 0 for none. */
  lastWriterOf(keys: readonly RowKey[]): SequenceNumber {
    for (let sequenceNumber = this.#certified.length; sequenceNumber > 0; sequenceNumber--) {
      if (keys.some((key) => this.#certified[sequenceNumber - 1]!.keys.has(key))) return sequenceNumber;
    }
    return 0;
  }

  /**
   * The purge floor: of the keys by last writing, newest first, the writer of the first one beyond the capacity.
   * `written`: all keys in the order in which they were recorded, with repetitions.
   */
  static floor(
    written: readonly { readonly key: RowKey; readonly writer: SequenceNumber }[],
    capacity: number,
  ): number {
    const newest = new Set<RowKey>();
    for (let at = written.length - 1; at >= 0; at--) {
      newest.add(written[at]!.key);
      if (newest.size > capacity) return written[at]!.writer;
    }
    return 0;
  }
}
