/** What the consensus core is told, what it asks for, and what it says about itself. */
import type { Incarnation, LogIndex, MemberOrdinal, MessageNumber, Random, Term } from '../../base/index.ts';
import type { HardState, LastMessages, LogEntry, LogReader, PersistRequest } from '../types.ts';
import type { PeerMessage } from './peer-message.ts';

/** All bounds are at least 1. `electionTimeoutMs` is at least four times `heartbeatMs`. */
export interface ConsensusOptions {
  /** A member that hears no leader asks for votes after this to twice this; a leader without a majority for this long steps down. */
  readonly electionTimeoutMs: number;
  /** A leader is silent towards a peer no longer than this. */
  readonly heartbeatMs: number;
  /** Of the entries in one append (one entry may be larger). */
  readonly appendBytesMax: number;
  /** In one append, and in one slice of deliveries. */
  readonly appendEntriesMax: number;
  /** Sent to one peer and not yet durable there: bounds what a slow peer costs in memory, here and there. */
  readonly windowBytesMax: number;
  readonly windowMessagesMax: number;
  /** Of recent durable entries kept in memory, to save reading them back. What is not yet durable is kept in any case. */
  readonly tailBytesMax: number;
  /** Of the deliveries in one Effects (one entry may be larger). */
  readonly deliverBytesMax: number;
  /** Own broadcasts not yet delivered. */
  readonly pendingMessagesMax: number;
  /** A leader's stamp lies no further than this from the median of the members' clocks. */
  readonly stampBoundMs: number;
  /** Own broadcasts that do not show up in the log are sent to the leader again after this. */
  readonly resendMs: number;
}

export const CONSENSUS_DEFAULTS: ConsensusOptions = {
  electionTimeoutMs: 600,
  heartbeatMs: 75,
  appendBytesMax: 1024 * 1024,
  appendEntriesMax: 1024,
  windowBytesMax: 8 * 1024 * 1024,
  windowMessagesMax: 256,
  tailBytesMax: 16 * 1024 * 1024,
  deliverBytesMax: 1024 * 1024,
  pendingMessagesMax: 4096,
  stampBoundMs: 500,
  resendMs: 500,
};

/** What a member knows from its disk when it starts. */
export interface Restored {
  readonly hardState: HardState;
  /** Known to be chosen; 0 if unknown. */
  readonly chosenUpTo: LogIndex;
  /** Delivery goes on behind it. At most `chosenUpTo`. */
  readonly deliveredUpTo: LogIndex;
  /** As of `chosenUpTo`. */
  readonly lastMessages: LastMessages;
}

export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface ConsensusSetup {
  readonly self: MemberOrdinal;
  /** All members, `self` included. */
  readonly members: readonly MemberOrdinal[];
  readonly options: ConsensusOptions;
  readonly restored: Restored;
  /** At the start it holds what is on disk, all of it durable. */
  readonly reader: LogReader;
  readonly random: Random;
  readonly now: Now;
}

export type ConsensusInput =
  /** Every third of `heartbeatMs` or so. */
  | { readonly kind: 'tick' }
  | { readonly kind: 'received'; readonly from: MemberOrdinal; readonly message: PeerMessage }
  /** The PersistRequest of this number is durable, and all before it. */
  | { readonly kind: 'durable'; readonly number: number }
  /** Broadcast of this member: one incarnation a run, numbers dense from 1, only while `canPropose()`. */
  | {
      readonly kind: 'propose';
      readonly incarnation: Incarnation;
      readonly messageNumber: MessageNumber;
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'link-changed'; readonly peer: MemberOrdinal; readonly connected: boolean }
  | { readonly kind: 'delivery-paused'; readonly paused: boolean }
  /** After an Effects with `moreToDeliver`. */
  | { readonly kind: 'continue' };

export interface Send {
  readonly to: MemberOrdinal;
  readonly message: PeerMessage;
}

/** What the core asks of its driver, to be done in the order of the fields and before the next step. */
export interface Effects {
  readonly persist: readonly PersistRequest[];
  /** Safe to send now: whatever they promise is durable already. */
  readonly send: readonly Send[];
  /** Chosen and durable here, of kind `message`, in the total order, each once. */
  readonly deliver: readonly LogEntry[];
  readonly moreToDeliver: boolean;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface PeerStatus {
  readonly peer: MemberOrdinal;
  readonly connected: boolean;
  /** Monotonic time; null: never. */
  readonly lastHeardMs: number | null;
  /** Known to a leader only. */
  readonly matchedUpTo: LogIndex | null;
}

/** As of the last step. */
export interface ConsensusStatus {
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberOrdinal | null;
  readonly chosenUpTo: LogIndex;
  readonly deliveredUpTo: LogIndex;
  readonly durableUpTo: LogIndex;
  readonly lastIndex: LogIndex;
  /** Chosen, and durable on every member. */
  readonly receivedByAll: LogIndex;
  readonly pendingMessages: number;
  /** Since its start this member has learnt from a leader how far the log was chosen, and has delivered that far. */
  readonly caughtUp: boolean;
  /** Leader: a majority answered within `electionTimeoutMs`. Others: the leader was heard within it. */
  readonly hasQuorum: boolean;
  readonly peers: readonly PeerStatus[];
}
