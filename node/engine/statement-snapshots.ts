/**
 * READ COMMITTED: each statement reads a snapshot of its own, and each row written or observed is certified against that
 * of the first statement that touched it (H6). A later statement that writes over it, or reads what the transaction has
 * written there, while there is a newer version below, has lost already: it fails at once. So what one statement built on
 * a row is still so when the next one does.
 */
import type { RowKey } from '../../certifier/types.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { SnapshotHandle } from './replica.ts';

interface FirstTouch {
  readonly snapshotVersion: SequenceNumber;
  /** There was a row then. */
  readonly existed: boolean;
}

export class StatementSnapshots {
  readonly #touched = new Map<RowKey, FirstTouch>();
  /** Of the first statement that left something to be certified: nothing is read at it any more (H5). */
  #oldest: SnapshotHandle | null = null;
  #last: SequenceNumber | null = null;

  /** Of the statement before. */
  get last(): SequenceNumber | null {
    return this.#last;
  }

  /** Of the first that left something to be certified. */
  get oldest(): SequenceNumber | null {
    return this.#oldest?.sequenceNumber ?? null;
  }

  /** Undefined: nothing of the transaction is to be certified there. */
  firstTouch(key: RowKey): FirstTouch | undefined {
    return this.#touched.get(key);
  }

  touch(key: RowKey, touch: FirstTouch): void {
    this.#touched.set(key, touch);
  }

  /** The statement that read at `snapshot` is over. */
  end(snapshot: SnapshotHandle): void {
    this.#last = snapshot.sequenceNumber;
    if (this.#oldest === null && this.#touched.size > 0) {
      snapshot.stopReading();
      this.#oldest = snapshot;
    } else snapshot.release();
  }

  /** Nothing is to be certified of the row any more: what was written there is undone. */
  forget(key: RowKey): void {
    this.#touched.delete(key);
  }

  /** Lets go of everything, as if no statement had run. */
  release(): void {
    this.#oldest?.release();
    this.#oldest = null;
    this.#last = null;
    this.#touched.clear();
  }
}
