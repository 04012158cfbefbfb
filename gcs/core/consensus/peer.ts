import type { MemberOrdinal } from '../../base/index.ts';
import type { ClockReading } from './stamp.ts';

/** Another member, as this one has met it since its start. */
export interface Peer {
  readonly ordinal: MemberOrdinal;
  connected: boolean;
  /** Monotonic time; null: never. */
  lastHeardMs: number | null;
  clock: ClockReading | null;
}
