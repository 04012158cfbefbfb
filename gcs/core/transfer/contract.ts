/** Transfer connections: what one member sends another outside of the order, state and missing log entries. */
import type { Environment, Incarnation, LogIndex, MemberId, MemberOrdinal } from '../../base/index.ts';
import type { GroupDefinition, GroupView, LogEntry } from '../types.ts';

export interface TransferOptions {
  /** Payload of one chunk. */
  readonly chunkBytes: number;
  /** Chunks sent and not yet acknowledged. */
  readonly windowChunks: number;
  /** A transfer whose other side says nothing for so long is over. */
  readonly silenceMs: number;
  /** A receiver asks the next member after so long, and shows itself to all so often. */
  readonly retryMs: number;
  /** Transfers that a member serves at a time; more are told that it is busy. */
  readonly servedMax: number;
}

export const TRANSFER_DEFAULTS: TransferOptions = {
  chunkBytes: 256 * 1024,
  windowChunks: 4,
  silenceMs: 10_000,
  retryMs: 500,
  servedMax: 2,
};

/** Bytes to be sent, made as they are wanted. */
export interface StateSource {
  /**
   * The next ones, at most `bytesMax`, and none where more is to be asked for in a later turn; null: that was all. The
   * caller's from then on. May throw: the transfer fails.
   */
  next(bytesMax: number): Uint8Array | null;
  /** Called once, whether or not all was taken. */
  close(): void;
}

/**
 * Opens what a donor sends; null: it cannot now (it is not ready itself, or its state ends before `atLeast`). The log is
 * pinned meanwhile.
 */
export type OpenState = (atLeast: LogIndex) => StateSource | null;

/** Takes one attempt's bytes. */
export interface TransferSink {
  /** The next chunk; one at a time, the next one follows after `done(null)`. An error ends the whole transfer. */
  take(chunk: Uint8Array, done: (error: Error | null) => void): void;
  /** The attempt is over: what was taken of it is worth nothing; another may begin. */
  aborted(reason: string): void;
}

/** Which stay of which member a directory belongs to; see `readBelonging`. */
export interface Belonging {
  readonly definition: GroupDefinition;
  /** Its ordinal. */
  readonly self: MemberOrdinal;
  /** A chosen one that has it: the founding one, the one that it joined with, or a later one. */
  readonly view: GroupView;
}

export interface TransferClientSetup {
  readonly environment: Pick<Environment, 'clock' | 'random' | 'network'>;
  readonly memberId: MemberId;
  readonly incarnation: Incarnation;
  readonly groupAddress: string;
  readonly host: string;
  readonly port: number;
  readonly belonging: Belonging;
  /** The latest of the member's log, for whom to ask besides. It may not be chosen: which one is, the members tell. */
  readonly view: GroupView;
  readonly options: TransferOptions;
  /** Of the order, which this takes no part in: what the members compare. */
  readonly messageBytesMax: number;
  readonly events: TransferEvents;
}

export interface TransferEvents {
  /** The group goes on without this member. Final. */
  expelled(view: GroupView): void;
  /** Somebody turned us away, for the operator's eyes. */
  refusedPeer(address: string, reason: string): void;
}

/** `not-kept`: no member that can be asked has these entries any more, by the word of one at least that takes part in the order. */
export type EntriesOutcome =
  | { readonly kind: 'received' }
  | { readonly kind: 'not-kept' }
  | { readonly kind: 'failed'; readonly error: Error };

export type StateOutcome = { readonly kind: 'received' } | { readonly kind: 'failed'; readonly error: Error };

/** The receiver's side. It shows itself to all members meanwhile, so that it is not taken for silent. */
export interface TransferReceiver {
  open(): void;
  /**
   * Asks one member after another until one has sent all; `begin` is called for each attempt. `donor`: who sends.
   * `atLeast`: a state that ends before is taken only if
   * nobody has another, since what would follow it is not kept by whom this member heard last; 0: any will do.
   */
  receiveState(
    atLeast: LogIndex,
    begin: (donor: MemberId) => TransferSink,
    done: (outcome: StateOutcome) => void,
  ): void;
  /** All of them chosen, in order, each once. `take` as a sink's. */
  receiveEntries(
    range: { readonly from: LogIndex; readonly upTo: LogIndex },
    take: (entry: LogEntry, done: (error: Error | null) => void) => void,
    done: (outcome: EntriesOutcome) => void,
  ): void;
  /** No callback comes after it. */
  stop(): void;
}
