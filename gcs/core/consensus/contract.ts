/** What the consensus core is told, what it asks for, and what it says about itself. */
import type { Incarnation, LogIndex, MemberOrdinal, MessageNumber, Random, Term } from '../../base/index.ts';
import type { EntryId, GroupView, HardState, LastMessages, LogEntry, LogReader, PersistRequest } from '../types.ts';
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
  /** Own read indexes asked for and not yet answered. More are answered with null at once. */
  readonly pendingReadsMax: number;
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
  pendingReadsMax: 4096,
  stampBoundMs: 500,
  resendMs: 500,
};

/** What a member knows from its disk when it starts. */
export interface Restored {
  readonly hardState: HardState;
  /** Known to be chosen; at least the index of the log's base. */
  readonly chosenUpTo: LogIndex;
  /** Delivery goes on behind it. At most `chosenUpTo`, at least the index of the log's base. */
  readonly deliveredUpTo: LogIndex;
  /** As of `chosenUpTo`. */
  readonly lastMessages: LastMessages;
}

export interface Now {
  readonly monotonicMs: number;
  readonly wallMs: number;
}

export interface ConsensusSetup {
  /** In no view yet, or no more: a learner. */
  readonly self: MemberOrdinal;
  /** In force where the log's base and entries tell of no other. */
  readonly foundingView: GroupView;
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
  /** The hard states of the PersistRequest of this number and of all before it are durable, if not yet their entries. */
  | { readonly kind: 'hard-state-durable'; readonly number: number }
  /** Broadcast of this member: one incarnation a run, numbers dense from 1, only while `canPropose()`. */
  | {
      readonly kind: 'propose';
      readonly incarnation: Incarnation;
      readonly messageNumber: MessageNumber;
      readonly entryKind: 'message' | 'fragment';
      readonly isCompressed: boolean;
      readonly payload: Uint8Array;
    }
  | { readonly kind: 'link-changed'; readonly peer: MemberOrdinal; readonly connected: boolean }
  | { readonly kind: 'delivery-paused'; readonly paused: boolean }
  /** To the view that follows `Consensus.view`; at most one voter more or less. Only while `canChangeView`. */
  | { readonly kind: 'change-view'; readonly view: GroupView }
  /** Null: to the fittest. Nothing happens unless this member leads and such a member can be reached; nothing is promised. */
  | { readonly kind: 'transfer-leadership'; readonly to: MemberOrdinal | null }
  /** Asks for an index so high that who has delivered it has delivered all that was chosen before the question. */
  | { readonly kind: 'read-index'; readonly ticket: number }
  /** Of a learner: its owner has rebuilt its state and could be a full member. The leader is told. */
  | { readonly kind: 'ready'; readonly ready: boolean }
  /** No entry can be written for the time being: this member does not stand for leader, and gives leadership away. */
  | { readonly kind: 'disk-full'; readonly full: boolean }
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
  /** Chosen and durable here, in the total order, each once; all but noops. */
  readonly deliver: readonly LogEntry[];
  readonly moreToDeliver: boolean;
  readonly reads: readonly ReadIndexAnswer[];
}

export interface ReadIndexAnswer {
  readonly ticket: number;
  /** Null: no leader answered within `electionTimeoutMs`, or too many ask. Ask again. */
  readonly index: LogIndex | null;
}

export type Role = 'follower' | 'pre-candidate' | 'candidate' | 'leader';

export interface PeerStatus {
  readonly peer: MemberOrdinal;
  readonly connected: boolean;
  /** Monotonic time; null: never. */
  readonly lastHeardMs: number | null;
  /** In the latest view. */
  readonly isVoter: boolean;
  /** Known to a leader only. */
  readonly matchedUpTo: LogIndex | null;
  /** Known to a leader only: when it last answered in this term, monotonic time; null: never, too. */
  readonly answeredMs: number | null;
  /** Known to a leader only: what the peer's owner said; see the input `ready`. */
  readonly ready: boolean;
}

/** As of the last step. */
export interface ConsensusStatus {
  readonly role: Role;
  readonly term: Term;
  readonly leader: MemberOrdinal | null;
  readonly chosenUpTo: LogIndex;
  readonly deliveredUpTo: LogIndex;
  readonly durableUpTo: LogIndex;
  /** The log begins here. */
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Chosen, and durable on every member of the latest view, learners too. */
  readonly receivedByAll: LogIndex;
  /** Of the latest view that this member's log holds. */
  readonly viewNumber: number;
  /** The leader's log begins behind what this member needs next: it needs a transfer of the state. */
  readonly isBehind: boolean;
  readonly claim: EntryId | null;
  readonly pendingMessages: number;
  /** Since its start this member has learnt from a leader how far the log was chosen, and has delivered that far. */
  readonly caughtUp: boolean;
  /** Leader: a majority answered within `electionTimeoutMs`. Others: the leader was heard within it. */
  readonly hasQuorum: boolean;
  /** By ordinal: the others of the latest view, and who else was met. */
  readonly peers: readonly PeerStatus[];
}
