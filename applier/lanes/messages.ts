/** What the main thread and a lane's worker say to each other. */
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { KeyRange } from '../types.ts';
import type { EncodedRows, LaneIdentity } from './lane-format.ts';

export interface LaneWorkerData {
  readonly path: string;
  /** Makes an environment with this identity, durable when the worker says so, and ends; null: opens the one there is. */
  readonly make: LaneIdentity | null;
}

export type ToWorker =
  | {
      readonly kind: 'write';
      readonly upTo: SequenceNumber;
      readonly clear: readonly KeyRange[];
      readonly rows: readonly EncodedRows[];
      /** Everything that is there goes first. */
      readonly clearsAll: boolean;
    }
  | { readonly kind: 'close' };

export type FromWorker =
  /** First of all, if an environment is opened. */
  | { readonly kind: 'opened'; readonly identity: LaneIdentity }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'made' }
  | { readonly kind: 'written'; readonly upTo: SequenceNumber }
  /** The disk has no room: nothing of the batch was written, and it may come again. */
  | { readonly kind: 'no-room'; readonly reason: string }
  /** Nothing more is written. */
  | { readonly kind: 'failed'; readonly reason: string };
