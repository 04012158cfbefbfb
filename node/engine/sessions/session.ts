/** What the parts of one connection share. */
import type { Clock, Random } from '../../../gcs/base/index.ts';
import type { RequestError } from '../errors.ts';
import type { ImageCodec } from '../image-codec.ts';
import type { Limits } from '../limits.ts';
import type { LockCounters } from '../locks/row-locks.ts';
import type { Replica } from '../replica.ts';
import type { ConstraintCounters, TransactionSetup } from '../transaction.ts';
import type { Deadlines } from './deadlines.ts';
import type { GeneratedNumbers } from './generated-numbers.ts';
import type { OpenTransactions } from './open-transactions.ts';
import type { RowsInFlight } from './rows-in-flight.ts';
import type { SlowTransactions, SlowTransactionsOptions } from './slow-transactions.ts';
import type { ChangeRows } from './subscriptions/change-rows.ts';
import type { Feed } from './subscriptions/feed.ts';
import type { YieldCounters } from './yielding.ts';

/** What a member gives to its sessions. */
export interface EngineSetup {
  readonly replica: Replica;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: Limits;
  readonly imageCodec: ImageCodec;
  /** Which transactions are told as slow, and to whom. Absent: none. */
  readonly slow?: SlowTransactionsOptions;
}

/** The same for all connections of a member. */
export interface EngineContext extends EngineSetup {
  readonly deadlines: Deadlines;
  readonly transactions: TransactionSetup;
  readonly feed: Feed;
  readonly changeRows: ChangeRows;
  readonly counters: EngineCounters;
  readonly openTransactions: OpenTransactions;
  readonly numbers: GeneratedNumbers;
  /** Of what is executed as a whole, over all connections. */
  readonly rows: RowsInFlight;
  readonly slowTransactions: SlowTransactions;
}

/** Since the start. */
export interface EngineCounters extends LockCounters, YieldCounters, ConstraintCounters {
  eventsSent: number;
  /** Ended with `tooSlow`. */
  slowSubscriptionsEnded: number;
  /** Told or not. */
  slowTransactions: number;
  /** Named ones whose clients asked for nothing for too long. */
  idleTransactionsEnded: number;
}

export type RequestId = string | number;

/** How one request is answered, exactly once; nothing is sent any more when the connection is closed. */
export interface Answering {
  succeed(id: RequestId, result: unknown): void;
  refuse(id: RequestId, error: RequestError): void;
}

/** A request that waits for something other than the group's verdict: it can be given up. */
export interface WaitingRequest {
  readonly id: RequestId;
  /** Answers with `error` and leaves nothing behind. */
  giveUp(error: RequestError): void;
}

/** One connection, as its requests see it. */
export interface Session extends Answering {
  readonly engine: EngineContext;
  readonly waiting: Set<WaitingRequest>;
  /** Nobody is served any more: the connection closed or the member stops. */
  readonly isEnding: boolean;
}
