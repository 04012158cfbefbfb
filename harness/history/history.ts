/** The lines of a history, as README.md describes them. */

/** The first line. */
export interface HistoryHeader {
  readonly history: typeof HISTORY_VERSION;
  /** ISO time of `timeUs` 0. */
  readonly startedAt: string;
  /** Whatever tells this history from others: members, seed, command. */
  readonly facts: Readonly<Record<string, unknown>>;
}

export const HISTORY_VERSION = 1;

interface Line {
  /** Counts the lines after the header, from 0: the order in which one recorder saw them. */
  readonly index: number;
  /** Microseconds since `startedAt`, by a clock that never goes back. */
  readonly timeUs: number;
}

/** A client sends a request. */
export interface Invocation extends Line {
  readonly type: 'invoke';
  /** One client's session, from 1: a connection, or a client that promises to read its own writes. */
  readonly process: number;
  /** Which member was asked; null: the client chose. */
  readonly member: string | null;
  /** As in the WebSocket API. What belongs to one transaction has the same `tx` among the arguments, unique in its process. */
  readonly op: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

/**
 * What became of it. `ok`: done, as `result` says. `fail`: certainly without effect. `info`: nobody told; it may have
 * taken effect, or may yet. An invocation without a completion is `info`, too.
 */
export interface Completion extends Line {
  readonly type: Outcome;
  readonly process: number;
  /** `index` of the invocation. */
  readonly invoked: number;
  readonly result?: unknown;
  readonly error?: HistoryError;
}

export type Outcome = 'ok' | 'fail' | 'info';

export interface HistoryError {
  readonly code: string;
  readonly message?: string;
  readonly [fact: string]: unknown;
}

/** Something else that happened: a fault, its healing. */
export interface Note extends Line {
  readonly type: 'note';
  readonly note: Readonly<Record<string, unknown>>;
}

export type HistoryLine = Invocation | Completion | Note;

/** What an error of the WebSocket API says about the request that it answers. */
export function outcomeOfError(code: string): Outcome {
  if (code === 'UNKNOWN_OUTCOME') return 'info';
  return code === 'COMMITTED_NOT_EVERYWHERE' ? 'ok' : 'fail';
}
