/** What the main thread and a lane's worker say to each other. */
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { LaneIdentity } from './lane-format.ts';

export interface LaneWorkerData {
  readonly path: string;
  /** Makes an environment with this identity, durable when the worker says so, and ends; null: opens the one there is. */
  readonly make: LaneIdentity | null;
}

export type ToWorker =
  | { readonly kind: 'flush'; readonly batch: ArrayBuffer; readonly length: number }
  | { readonly kind: 'close' };

export type FromWorker =
  /** First of all, if an environment is opened. */
  | { readonly kind: 'opened'; readonly identity: LaneIdentity }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'made' }
  | { readonly kind: 'flushed'; readonly upTo: SequenceNumber }
  /** Nothing more is written. */
  | { readonly kind: 'failed'; readonly reason: string };
