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

/** One slot of the group's log. */
export interface LogEntry {
  readonly index: LogIndex;
  readonly term: Term;
  /** `noop`: what a new leader appends first; never delivered. `message`: a broadcast. */
  readonly kind: 'noop' | 'message';
  /** Who broadcast it (a noop: the leader). */
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  /** 0 for a noop. */
  readonly messageNumber: MessageNumber;
  /** Time of day when the leader appended it, ms; bounded against the median of the members' clocks. */
  readonly stampMs: number;
  /** Owned by nobody: never written to again. Empty for a noop. */
  readonly payload: Uint8Array;
}

/** What a member must remember of elections before it promises anything. */
export interface HardState {
  readonly term: Term;
  readonly votedFor: MemberOrdinal | null;
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

/** Read access to the log as far as it was handed over for persisting (durable or not). */
export interface LogReader {
  readonly lastIndex: LogIndex;
  /** Term of the entry at `index` (0 for index 0). `index`: 0 to `lastIndex`. */
  termAt(index: LogIndex): Term;
  /** Entries from `from` to `upTo` inclusive, cut after `bytesMax` bytes of payload, but at least one. */
  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[];
}

/** A member as the group's founding list has it. */
export interface GroupMember {
  readonly ordinal: MemberOrdinal;
  readonly memberId: MemberId;
  /** `host:port` of its group port. */
  readonly groupAddress: string;
  readonly host: string;
  /** Its port for clients. */
  readonly port: number;
}

export interface GroupView {
  readonly viewId: ViewId;
  readonly members: readonly GroupMember[];
}

/** What all members of a group have in common, fixed when it is created. */
export interface GroupDefinition {
  readonly groupId: GroupId;
  readonly groupName: string;
  readonly view: GroupView;
  /** Group-wide options, opaque here; part of the identity of the group. Sorted by name. */
  readonly options: Readonly<Record<string, string | number>>;
}

/** The next message of the total order. */
export interface Delivery {
  readonly index: LogIndex;
  readonly term: Term;
  readonly origin: MemberOrdinal;
  readonly incarnation: Incarnation;
  readonly messageNumber: MessageNumber;
  readonly stampMs: number;
  readonly payload: Uint8Array;
}
