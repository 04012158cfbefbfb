/** What a member's group layer is given, what it tells, and what is asked of it. */
import type { Environment, Incarnation, LogIndex, MemberId, MemberOrdinal } from '../../base/index.ts';
import type { ConsensusOptions, ConsensusStatus } from '../consensus/consensus.ts';
import type { SegmentLogOptions } from '../log/segment-log.ts';
import type { Compression } from '../messages/index.ts';
import type { TransferOptions } from '../transfer/contract.ts';
import type { Delivery, GroupDefinition, GroupMember, GroupView } from '../types.ts';

/** How a member comes to its group, or comes back to it. Null: it belongs to one already. */
export type Formation =
  | {
      readonly kind: 'bootstrap';
      /** Group addresses of all the other founding members. */
      readonly seeds: readonly string[];
      readonly groupName: string;
      readonly options: Readonly<Record<string, string | number>>;
    }
  /** Forms the group with the member that bootstraps it, or joins the one that is there: whichever the seeds say. */
  | { readonly kind: 'seeds'; readonly seeds: readonly string[] }
  /** It was expelled, or left: it comes back to the group of its directory, with its log, under a new ordinal. */
  | { readonly kind: 'rejoin' }
  | null;

export interface GroupOptions {
  readonly tickMs: number;
  /** A peer unheard for so long is shown as unreachable. */
  readonly unreachableAfterMs: number;
  /** A member that has not answered the leader for `unreachableAfterMs` and this is expelled. */
  readonly memberExpelTimeoutMs: number;
  /** A learner whose log lacks no more than so many of the chosen entries becomes a voter, once its owner is ready. */
  readonly promotionLagMax: number;
  readonly redialMinMs: number;
  readonly redialMaxMs: number;
  /** A connection with more than this queued is closed: the peer is too slow for it. */
  readonly peerBufferBytesMax: number;
  /** A longer message is sent in parts of this size, so that short ones need not wait for all of it. */
  readonly fragmentBytesMax: number;
  /** Parts of this member's long message under way at a time. */
  readonly fragmentsInFlight: number;
  /** While others' messages come, too, the next part waits so many times as long as the one before was on its way. */
  readonly fragmentRest: number;
  /** A longer part or message is compressed, if that makes it shorter. */
  readonly compressionThresholdBytes: number;
  readonly messageBytesMax: number;
  /** So much of the log is kept at least, for members that come back after a while. */
  readonly logKeepBytes: number;
  /**
   * From so much log on, members that have not received its beginning are not waited for: they need a state transfer. Kept
   * beyond it is what the owner needs, what is pinned, and what was ordered since the first part of a large message that is
   * not complete: each member has one such at most. Who sends no more of it is expelled, or its next run says something.
   */
  readonly logBytesMax: number;
  /** An idle log is sealed after so long: then its last block, too, can be told from a torn one. */
  readonly sealAfterMs: number;
  readonly consensus: ConsensusOptions;
  readonly log: SegmentLogOptions;
  readonly transfer: TransferOptions;
}

export interface GroupEvents {
  /**
   * The member belongs to its group, durably (now, or from an earlier run). The owner restores itself and calls
   * `start`. `self` is its own stay; the view in force may not have it yet, or not any more.
   */
  formed(definition: GroupDefinition, self: GroupMember): void;
  /** The next message of the total order. Perhaps within a `broadcast`, but never for the message that it hands over. */
  delivered(delivery: Delivery): void;
  /**
   * For who wants to look ahead: the first `taken` bytes have come of what is to be the payload of a large message, if the
   * rest comes. Its place in the order is not known yet.
   */
  growing?(payload: Uint8Array, taken: number): void;
  /** At its place among the deliveries; `index` is that of its entry. Within `start`, too, with the view in force there (index 0: the founding one). */
  viewChanged(view: GroupView, index: LogIndex): void;
  statusChanged(headline: GroupHeadline): void;
  reachabilityChanged(peer: GroupMember, reachable: boolean): void;
  /** Best-effort news from a peer. */
  noticed(from: MemberOrdinal, bytes: Uint8Array): void;
  /** A peer or a stranger was turned away, or turned us away; for the operator's eyes. */
  refusedPeer(address: string, reason: string): void;
  /** The disk has no room for more log; or has it again. Meanwhile nothing is appended here. */
  roomChanged(hasRoom: boolean): void;
  /** The group goes on without this member: its stay is over. Final for this run. `view`: one that it is not in. */
  expelled(view: GroupView): void;
  /** As asked by `leave`. Final for this run. */
  left(): void;
  /**
   * The group does not keep any more what this member lacks: it needs a state transfer. Final for this run. `atLeast`: a
   * state that ends before that index of the log is of no use.
   */
  behind(atLeast: LogIndex): void;
  /** This member cannot be part of the group; final. */
  refused(reason: string): void;
  /** The disk failed, final: nothing more is promised. A DamagedRecord: the next run can repair it. */
  failed(error: Error): void;
}

/** What of the status is news when it changes. */
export type GroupHeadline = Pick<
  ConsensusStatus,
  'role' | 'term' | 'leader' | 'caughtUp' | 'hasQuorum' | 'isBehind' | 'viewNumber'
>;

export interface GroupSetup {
  readonly environment: Environment;
  readonly compression: Compression;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
  /** As peers reach it: `host:port`. */
  readonly groupAddress: string;
  /** As clients reach it. */
  readonly host: string;
  readonly port: number;
  readonly formation: Formation;
  readonly options: GroupOptions;
  readonly events: GroupEvents;
}

/** A hold on the log: nothing from the place it was taken at on is truncated until it is let go. */
export interface LogPin {
  release(): void;
}
