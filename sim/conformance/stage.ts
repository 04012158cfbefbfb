/** Where a conformance suite plays: simulated or real. */
import type { Disk, Network } from '../../gcs/base/index.ts';

export interface Stage {
  /** Calls `start` as a turn of the program, and waits until it has called `done`. */
  until<T>(start: (done: (value: T) => void) => void): Promise<T>;
  close(): Promise<void>;
}

export interface DiskStage extends Stage {
  readonly disk: Disk;
}

export interface NetworkStage extends Stage {
  /** Two networks that reach each other, and the address at which the first listens once asked to. */
  readonly listener: Network;
  readonly opener: Network;
  readonly address: string;
  /** An address at which nobody listens. */
  readonly nobody: string;
}
