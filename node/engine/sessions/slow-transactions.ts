/** Transactions that took long, told one by one with the layer that took most: at most so many a second. */
import { layersOf, slowestLayer } from '../commit-layers.ts';
import { LineRate } from '../line-rate.ts';
import type { CommitLayers, OrderedTimes } from '../replica.ts';
import type { Transaction } from '../transaction.ts';

/** What is told of one. */
export interface SlowTransaction extends CommitLayers {
  /** As `transactions` named it; null: it never did. */
  readonly transactionId: string | null;
  /** The request that ended it. */
  readonly op: string;
  /** `committed`, `nothing written`, or the code of the error that it was answered with. */
  readonly outcome: string;
  readonly sequenceNumber: number | null;
  readonly ms: number;
  /** The layer that took most. */
  readonly slowest: 'l2' | 'l1' | 'l0';
  /** Executions. */
  readonly attempts: number;
  /** Written. */
  readonly rows: number;
  /** Touched; the first ten. */
  readonly tables: readonly string[];
  /** Slow transactions before it that were not told, since there were too many. */
  readonly leftOut: number;
}

export interface SlowTransactionsOptions {
  /** What takes as long is told. `Infinity`: nothing is. */
  readonly fromMs: number;
  readonly told: (slow: SlowTransaction) => void;
}

/** What is known of one when it is answered. */
export interface Ended {
  readonly transactionId: string | null;
  readonly op: string;
  readonly outcome: string;
  readonly sequenceNumber: number | null;
  readonly ms: number;
  readonly ordered: OrderedTimes;
  readonly attempts: number;
  /** Not yet released. */
  readonly transaction: Transaction | null;
}

const TOLD_PER_SECOND_MAX = 10;
const TABLES_TOLD_MAX = 10;

export const NOTHING_SLOW: SlowTransactionsOptions = { fromMs: Number.POSITIVE_INFINITY, told: () => {} };

export class SlowTransactions {
  readonly #options: SlowTransactionsOptions;
  readonly #counters: { slowTransactions: number };
  readonly #rate = new LineRate(TOLD_PER_SECOND_MAX);

  constructor(options: SlowTransactionsOptions, counters: { slowTransactions: number }) {
    this.#options = options;
    this.#counters = counters;
  }

  /** Whether one that took so long is to be told. */
  isSlow(ms: number): boolean {
    return ms >= this.#options.fromMs;
  }

  /** Of one that is slow. `nowMs`: monotonic. */
  tell({ transactionId, op, outcome, sequenceNumber, ms, ordered, attempts, transaction }: Ended, nowMs: number): void {
    this.#counters.slowTransactions++;
    const leftOut = this.#rate.take(nowMs);
    if (leftOut === null) return;
    const layers = layersOf(ms, ordered);
    this.#options.told({
      transactionId,
      op,
      outcome,
      sequenceNumber,
      ms: Math.round(ms * 1000) / 1000,
      slowest: slowestLayer(layers),
      ...layers,
      attempts,
      rows: transaction?.writtenRows ?? 0,
      tables: transaction?.tables.slice(0, TABLES_TOLD_MAX).map(({ name }) => name) ?? [],
      leftOut,
    });
  }
}
