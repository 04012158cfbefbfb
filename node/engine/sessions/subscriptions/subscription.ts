/** What one client follows. It is not sent to by what happens: it takes what has happened, as far as its client has room. */
import type { SequenceNumber } from '../../../../gcs/base/index.ts';

export type Stream = 'changes' | 'views' | 'conflicts';

/** How far a subscription came. `more` is there, but others come first; or there is no room at its client; or it has to end. */
export type Advance = 'up-to-date' | 'more' | 'no-room' | { readonly mustEnd: EndReason };

export type EndReason =
  /** What comes next is held here no more. */
  'tooSlow' | 'notOnline' | 'shuttingDown';

/** Where a subscription's events go. */
export interface Outlet {
  /** Whether the client takes what it is sent; if not, it is told to the connection when it does again. */
  hasRoom(): boolean;
  /** `bytes`: of the rows in it, where they may be many. */
  send(event: object, bytes?: number): void;
}

export interface Subscription {
  /** Unique on its connection. */
  readonly name: string;
  /** Where it stands: everything up to here was sent, or was not asked for. */
  readonly position: SequenceNumber;
  readonly stream: Stream;
  /** Sends what there is, a bounded part at a time. */
  advance(): Advance;
}
