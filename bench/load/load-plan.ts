import type { Format } from '../wire.ts';
import type { Spacing } from './arrivals.ts';

export interface LoadPlan {
  /** Connections go round them. */
  readonly urls: readonly string[];
  readonly format: Format;
  /** Of all load generators together, as is `pipeline` on each. */
  readonly connections: number;
  readonly pipeline: number;
  /** Null: closed loop, where each slot starts a transaction when it is done with the last. */
  readonly openLoop: OpenLoop | null;
  /** Of one transaction, at most. */
  readonly attempts: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
  readonly seed: number;
}

export interface OpenLoop {
  /** Of all load generators together. */
  readonly ratePerSecond: number;
  readonly spacing: Spacing;
  /** Transactions of one load generator that may wait for a slot; those beyond it are missed. */
  readonly backlogMax: number;
}

/** Which of how many load generators one is, from 0. */
export interface GeneratorShare {
  readonly generator: number;
  readonly generators: number;
}
