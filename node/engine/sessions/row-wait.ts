/** A statement of a named transaction that waits for a locked row. What is sent behind it waits with it, in order. */
import type { RequestError } from '../errors.ts';
import type { RowAwaited } from '../locks/row-locks.ts';
import type { Deadline } from './deadlines.ts';
import type { OpenTransaction, QueuedRequest } from './open-transaction.ts';
import type { RequestId, Session, WaitingRequest } from './session.ts';

export interface RowWaitSetup {
  readonly session: Session;
  readonly open: OpenTransaction;
  /** The statement. */
  readonly request: QueuedRequest;
  readonly awaited: RowAwaited;
  /** Goes on with what is queued. */
  readonly goOn: () => void;
}

export class RowWait implements WaitingRequest {
  readonly id: RequestId;
  readonly awaited: RowAwaited;
  readonly #setup: RowWaitSetup;
  readonly #deadline: Deadline;
  readonly #sinceMs: number;

  constructor(setup: RowWaitSetup) {
    const { session, open, request, awaited } = setup;
    const { lockTimeoutMs } = open.options;
    const { deadlines, clock, counters } = session.engine;
    this.#setup = setup;
    this.#sinceMs = clock.monotonicMs();
    this.id = request.id;
    this.awaited = awaited;
    this.#deadline = deadlines.add(this.#sinceMs + lockTimeoutMs, () => {
      counters.lockTimeouts++;
      this.giveUp(awaited.timeout(lockTimeoutMs));
    });
    session.waiting.add(this);
    open.queue = [];
    open.wait = this;
  }

  /** The row is the transaction's own: the statement runs, and then what is behind it. */
  granted(): void {
    const { open, request, goOn } = this.#setup;
    this.#end();
    open.queue!.unshift(request);
    goOn();
  }

  /** The statement fails, and so does its transaction, unless it was begun to go on. */
  giveUp(error: RequestError): void {
    const { open } = this.#setup;
    this.#end();
    open.engine.transactions.locks.stopWaiting(open.transaction);
    open.failed(error);
    this.#refuse(error);
  }

  /** Its transaction is doomed already, by this. */
  doomed(error: RequestError): void {
    this.#end();
    this.#refuse(error);
  }

  #refuse(error: RequestError): void {
    const { session, goOn } = this.#setup;
    session.refuse(this.id, error);
    goOn();
  }

  #end(): void {
    const { session, open } = this.#setup;
    session.waiting.delete(this);
    const { deadlines, clock } = session.engine;
    deadlines.remove(this.#deadline);
    open.lastAskedMs = clock.monotonicMs();
    open.spentMs += open.lastAskedMs - this.#sinceMs;
    open.wait = null;
  }
}
