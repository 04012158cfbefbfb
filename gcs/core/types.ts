/** The shapes between the group layer's parts, and what it offers above. Bytes in, bytes out: it knows no transactions. */
import type {
  GroupId,
  Incarnation,
  LogIndex,
  MemberId,
  MemberOrdinal,
  MessageNumber,
  Term,
  ViewId,
} from '../base/index.ts';

/**
 * `noop`: what a new leader appends first; never delivered. `message`: a broadcast. `fragment`: a part of a large one,
 * which is delivered with its last part. `view`: the membership from here on.
 */
export type EntryKind = 'noop' | 'message' | 'fragment' | 'view';

/** One slot of the group's log. */
export interface LogEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly kind: EntryKind;
  /** Who broadcast it (a noop, a view: the leader). */
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  /** 0 for a noop and a view. */
  readonly messageNumber: MessageNumber;
  /** Time of day when the leader appended it, ms; bounded against the median of the members' clocks. */
  readonly stampMs: number;
  /** Messages and fragments only. */
  readonly isCompressed: boolean;
  /** Owned by nobody: never written to again. Empty for a noop, `encodeView` for a view. */
  readonly payload: Uint8Array;
}

/** What names an entry. Of two logs that of the higher last one (by term, then by index) is further. */
export interface EntryId {
  readonly term: Term;
  readonly index: LogIndex;
}

/** What a member must remember of elections before it promises anything. */
export interface HardState {
  readonly term: Term;
  readonly votedFor: MemberOrdinal | null;
  /**
   * Its log went up to there and lost its end to damage: until it is as far again it votes as if it had it, and does
   * not stand for leader. Null: nothing is lost.
   */
  readonly claim: EntryId | null;
}

/** Something for the log's disk. Requests are made durable in the order of their numbers. */
export interface PersistRequest {
  /** Dense, from 1 at each start: the answer `durable(number)` covers everything up to it. */
  readonly number: number;
  readonly hardState: HardState | null;
  /** Consecutive indexes. The first replaces an entry of that index and all behind it. */
  readonly entries: readonly LogEntry[];
}

/** The last broadcast of each member that the log holds: the next one of that member has the next number, or a later incarnation and number 1. */
export type LastMessages = ReadonlyMap<MemberOrdinal, LastMessage>;

export interface LastMessage {
  readonly incarnation: Incarnation;
  readonly messageNumber: MessageNumber;
}

/** What stands for the part of a log that is no longer kept: all of it was chosen. */
export interface LogBase {
  /** The last entry that is not kept; 0: everything is. */
  readonly index: LogIndex;
  readonly term: Term;
  /** In force at `index`. Null: the view that the group was founded with. */
  readonly view: GroupView | null;
  /** As of `index`. No message has fragments on both sides of `index`. */
  readonly lastMessages: LastMessages;
}

/** Read access to the log as far as it was handed over for persisting (durable or not). */
export interface LogReader {
  readonly base: LogBase;
  /** `base.index` + 1. Rises when the log is truncated. */
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Term of the entry at `index`. `index`: `base.index` to `lastIndex`. */
  termAt(index: LogIndex): Term;
  /** `index`: `firstIndex` to `lastIndex`. */
  kindAt(index: LogIndex): EntryKind;
  /** Indexes of the entries of kind `view`, ascending. */
  viewIndexes(): readonly LogIndex[];
  /** Entries from `from` to `upTo` inclusive, cut after `bytesMax` bytes of payload, but at least one. `from`: `firstIndex` or later. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[];
}

/** One stay of a member in the group. */
export interface GroupMember {
  /** Of this stay: never given twice. One who was expelled comes back under another. */
  readonly ordinal: MemberOrdinal;
  readonly memberId: MemberId;
  /** `host:port` of its group port. */
  readonly groupAddress: string;
  readonly host: string;
  /** Its port for clients. */
  readonly port: number;
  /** Counts for the quorum. Else it is a learner: it is catching up. */
  readonly isVoter: boolean;
}

export interface FormerMember {
  readonly ordinal: MemberOrdinal;
  readonly memberId: MemberId;
}

export interface GroupView {
  /** `<birth of the group, ms>:<number>`. */
  readonly viewId: ViewId;
  /** From 1, dense. */
  readonly number: number;
  /** By ordinal. */
  readonly members: readonly GroupMember[];
  /** For the next who joins. */
  readonly nextOrdinal: MemberOrdinal;
  /** The last ones that left or were expelled, by ordinal. */
  readonly former: readonly FormerMember[];
}

/** What all members of a group have in common, fixed when it is created. */
export interface GroupDefinition {
  readonly groupId: GroupId;
  readonly groupName: string;
  readonly view: GroupView;
  /** Group-wide options, opaque here; part of the identity of the group. Sorted by name. */
  readonly options: Readonly<Record<string, string | number>>;
}

/** The next message of the total order, put together from its fragments and decompressed. */
export interface Delivery {
  /** Of its last fragment. */
  readonly index: LogIndex;
  readonly term: Term;
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  /** Of its last fragment. */
  readonly messageNumber: MessageNumber;
  readonly stampMs: number;
  readonly payload: Uint8Array;
  /** What `broadcast` answered, if this run of this member broadcast it; else null. */
  readonly ticket: number | null;
  /** Of an own one, monotonic: since when this member knows it to be chosen; it may have waited since for its own disk. Else 0. */
  readonly chosenMs: number;
}
