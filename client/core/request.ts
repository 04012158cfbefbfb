/** A request as a connection sees it: a message, and who learns what becomes of it. */
import type { ErrorAnswer } from '../concert-error.ts';
import type { Message } from './check-message.ts';
import type { Connection } from './connection.ts';

/** One of the four is called, once, unless the request was withdrawn before it was sent. None of them throws. */
export interface Request {
  readonly message: Message;
  /** Nobody wants it any more: if it is not sent yet, it never is. */
  readonly isWithdrawn: boolean;
  succeeded(result: unknown, connection: Connection): void;
  refused(error: ErrorAnswer, connection: Connection): void;
  lost(loss: Loss, connection: Connection): void;
  /** Its frame would be longer than the member takes; it was not sent. */
  tooLarge(bytes: number, bytesMax: number): void;
}

/** The connection ended before the answer. */
export interface Loss {
  /** Handed to the network: it may have been executed. */
  readonly wasSent: boolean;
  readonly problem: string;
  /** The member did not understand what it was sent (a frame too long, broken framing): it would be so again. */
  readonly isOurFault: boolean;
}
