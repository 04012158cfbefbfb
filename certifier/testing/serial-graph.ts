/** What transactions that were certified depend on each other for, by the definition, and whether that has a cycle. */
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { RowKey, Transaction } from '../types.ts';

interface Certified {
  readonly transaction: Transaction;
  readonly written: ReadonlySet<RowKey>;
}

export class SerialGraph {
  readonly #certified: (Certified | null)[] = [];

  /** Of every number, in order. Null: no transaction took it. */
  add(transaction: Transaction | null): void {
    const written = (transaction?.writeSet ?? []).filter(({ kind }) => kind !== 'check').map(({ key }) => key);
    this.#certified.push(transaction && { transaction, written: new Set(written) });
  }

  /** Whether read validation would have refused it, at this place. */
  isStale(transaction: Transaction): boolean {
    return this.#certified.some(
      (other, at) => other !== null && [...other.written].some((key) => readAt(transaction, key) <= at),
    );
  }

  /** Numbers of transactions that depend on each other in a circle, or null. */
  cycle(): readonly SequenceNumber[] | null {
    const edges = this.#certified.map((one, at) => (one === null ? [] : this.#edgesFrom(one, at)));
    const state = new Array<'new' | 'open' | 'done'>(edges.length).fill('new');
    const path: number[] = [];
    const visit = (at: number): readonly number[] | null => {
      if (state[at] === 'done') return null;
      if (state[at] === 'open') return path.slice(path.indexOf(at));
      state[at] = 'open';
      path.push(at);
      for (const next of edges[at]!) {
        const found = visit(next);
        if (found !== null) return found;
      }
      path.pop();
      state[at] = 'done';
      return null;
    };
    for (let at = 0; at < edges.length; at++) {
      const found = visit(at);
      if (found !== null) return found.map((each) => each + 1);
    }
    return null;
  }

  #edgesFrom(one: Certified, at: number): readonly number[] {
    const next: number[] = [];
    for (const [to, other] of this.#certified.entries()) {
      if (other === null || to === at) continue;
      // Whoever overwrites a version, or reads it, comes behind its writer; edges that others make between them are left out.
      if (to > at && [...one.written].some((key) => other.written.has(key))) next.push(to);
      const sees = (key: RowKey) => hasRead(other.transaction, key) && readAt(other.transaction, key) > at;
      if ([...one.written].some(sees)) next.push(to);
      // Whoever read what another overwrites comes before it.
      if ([...other.written].some((key) => readAt(one.transaction, key) <= to)) next.push(to);
    }
    return next;
  }
}

/** The snapshot at which it read `key`; infinite: it did not, or put or deleted it, so that it was not written since. */
function readAt({ snapshotVersion, writeSet, ranges = [] }: Transaction, key: RowKey): number {
  const item = writeSet.find((each) => each.key === key);
  if (item?.kind === 'check') return item.snapshotVersion ?? snapshotVersion;
  if (item !== undefined && item.kind !== 'delta' && item.kind !== 'reference') return Number.POSITIVE_INFINITY;
  return ranges.some(({ from, to }) => from <= key && key < to) ? snapshotVersion : Number.POSITIVE_INFINITY;
}

function hasRead(transaction: Transaction, key: RowKey): boolean {
  return readAt(transaction, key) < Number.POSITIVE_INFINITY;
}
