import type { MemberOrdinal, SequenceNumber } from '../../gcs/base/index.ts';
import type { ItemKind, WriteKind } from '../item-kinds.ts';
import type { Negative, RowKey, Transaction, WriteSetItem } from '../types.ts';

export interface Written {
  readonly key: RowKey;
  readonly kind: WriteKind;
}

/** With what was done after its snapshot an item conflicts, in full. */
const CONFLICTS: Readonly<Record<ItemKind, ReadonlySet<WriteKind>>> = {
  put: new Set(['put', 'delete', 'delta', 'reference', 'mark']),
  delete: new Set(['put', 'delete', 'delta', 'reference', 'mark']),
  check: new Set(['put', 'delete', 'delta', 'reference', 'mark']),
  mark: new Set(['put', 'delete', 'delta', 'reference', 'mark']),
  reference: new Set(['put', 'delete', 'mark']),
  delta: new Set(['delete']),
};

/** What a transaction leaves behind, in its order. */
export function writtenBy(writeSet: readonly WriteSetItem[]): readonly Written[] {
  return writeSet.flatMap(({ key, kind }) => (kind === 'check' ? [] : [{ key, kind }]));
}

/** Certification by its definition: looks through everything certified so far. Slow and obviously right. */
export class CertificationByDefinition {
  readonly #certified: { readonly written: ReadonlyMap<RowKey, WriteKind>; readonly origin: MemberOrdinal }[] = [];

  get sequenceNumber(): SequenceNumber {
    return this.#certified.length;
  }

  judge({ snapshotVersion, writeSet, ranges = [] }: Transaction): Negative | null {
    for (const item of writeSet) {
      const own = item.snapshotVersion ?? snapshotVersion;
      for (let sequenceNumber = this.#certified.length; sequenceNumber > own; sequenceNumber--) {
        const { written, origin } = this.#certified[sequenceNumber - 1]!;
        const did = written.get(item.key);
        if (did !== undefined && CONFLICTS[item.kind].has(did)) {
          return { kind: 'conflict', item, winner: { sequenceNumber, origin } };
        }
      }
    }
    for (let sequenceNumber = this.#certified.length; sequenceNumber > snapshotVersion; sequenceNumber--) {
      const { written, origin } = this.#certified[sequenceNumber - 1]!;
      for (const key of [...written.keys()].reverse()) {
        const range = ranges.find(({ from, to }) => from <= key && key < to);
        if (range !== undefined) {
          return { kind: 'conflict', item: null, range, key, winner: { sequenceNumber, origin } };
        }
      }
    }
    return null;
  }

  accept(written: readonly Written[], origin: MemberOrdinal): void {
    this.#certified.push({ written: new Map(written.map(({ key, kind }) => [key, kind])), origin });
  }

  /** The highest sequence number that wrote one of the keys; 0 for none. */
  lastWriterOf(keys: readonly RowKey[]): SequenceNumber {
    for (let sequenceNumber = this.#certified.length; sequenceNumber > 0; sequenceNumber--) {
      if (keys.some((key) => this.#certified[sequenceNumber - 1]!.written.has(key))) return sequenceNumber;
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
