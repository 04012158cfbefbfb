/** What the main thread and a lane's worker say to each other. */
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { LaneIdentity } from './lane-format.ts';

export interface LaneWorkerData {
  readonly path: string;
}

export type ToWorker =
  | { readonly kind: 'create'; readonly identity: LaneIdentity }
  | { readonly kind: 'flush'; readonly batch: ArrayBuffer; readonly length: number }
  | { readonly kind: 'close' };

export type FromWorker =
  /** First of all. `identity: null`: the environment is new. */
  | { readonly kind: 'opened'; readonly identity: LaneIdentity | null }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'created' }
  | { readonly kind: 'flushed'; readonly upTo: SequenceNumber }
  /** Nothing more is written. */
  | { readonly kind: 'failed'; readonly reason: string };
