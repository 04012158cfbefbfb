/** What can be done to a group of processes. Plain data, so that scripts can be files. */
import type { DiskOperation } from '../disk/faulty-disk.ts';
import type { Shape } from '../network/shapes.ts';

/** A place, from 0, or a role at the time when the fault strikes. `follower`: the first that does not lead. */
export type Place = number | 'leader' | 'follower';

export type Places = Place | 'all' | 'followers' | readonly Place[];

/** Flows of the network; `from` and `to`: those in this direction alone. */
export type Flows =
  | 'members'
  | 'clients'
  | 'all'
  | { readonly from: Places | 'clients'; readonly to: Places | 'clients' };

export type Fault =
  // Processes. Healed, they run again.
  /** kill -9. */
  | { readonly kind: 'kill'; readonly members: Places }
  /** SIGTERM, and waits for the end. */
  | { readonly kind: 'stop'; readonly members: Places }
  /** SIGSTOP; healed by SIGCONT. */
  | { readonly kind: 'pause'; readonly members: Places }
  /** What was not synced is lost. Needs a group with `powerCuts`. */
  | { readonly kind: 'powerCut'; readonly members: Places }

  // Network. Needs a group with `network`.
  /** `how`: see `FlowCondition.cut`; silent unless said. */
  | { readonly kind: 'cut'; readonly shape: Shape<Place>; readonly how?: 'silent' | 'reset' }
  /** Cut for `cutMs`, whole for `wholeMs`, and so on. */
  | {
      readonly kind: 'flapping';
      readonly shape: Shape<Place>;
      readonly how?: 'silent' | 'reset';
      readonly cutMs: number;
      readonly wholeMs: number;
    }
  /** The connections that there are. Has nothing to heal. */
  | { readonly kind: 'reset'; readonly flows: Flows }
  | { readonly kind: 'delay'; readonly flows: Flows; readonly ms: number; readonly jitterMs?: number }
  | { readonly kind: 'narrow'; readonly flows: Flows; readonly bytesPerSecond: number }

  // Disks. Needs a group with `faultyDisks`. Members that ended for it are started when it is healed.
  /** Writes and syncs unless `operations` says otherwise. */
  | {
      readonly kind: 'slowDisk';
      readonly members: Places;
      readonly ms: number;
      readonly jitterMs?: number;
      readonly operations?: readonly DiskOperation[];
      readonly path?: string;
    }
  /** EIO, from the `nth` call on, so many `times`; from now on and for ever unless said. */
  | {
      readonly kind: 'failingDisk';
      readonly members: Places;
      readonly operation: Exclude<DiskOperation, 'grow'>;
      readonly nth?: number;
      readonly times?: number;
      readonly path?: string;
    }
  /** A small disk of its own is filled, if the group has such (`diskBytes`); else whatever grows fails with ENOSPC. */
  | { readonly kind: 'fullDisk'; readonly members: Places }
  /** Writes and syncs do not come back. */
  | { readonly kind: 'hangingDisk'; readonly members: Places };

export type FaultKind = Fault['kind'];
