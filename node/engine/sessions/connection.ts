/**
 * One client's connection: reads requests, starts them in the order sent, and answers each exactly once. What is sent
 * behind a schema change starts when that is done, so that a client may create a table and fill it without waiting.
 *
 * A request that names a transaction and fails, for whatever reason, dooms it (unless begun with `onError: "continue"`):
 * otherwise a pipelined `commit` behind it would commit half of what was meant. A `cancel` answers `{cancelled}`, true
 * where the target was still waiting: that one is answered TRANSACTION_ABORTED, with the cause CANCELLED. What was
 * handed to the group is not given up: it may be committed already.
 */
import type { Transaction as CertifiedTransaction } from '../../../certifier/types.ts';
import { assert, formatIsoTime } from '../../../gcs/base/index.ts';
import { layersOf } from '../commit-layers.ts';
import {
  cancelled,
  invalidArgument,
  malformedMessage,
  noSuchTransaction,
  notOnline,
  overloaded,
  RequestError,
  rolledBack,
  shuttingDown,
  timeout,
  transactionAborted,
  unknownOperation,
} from '../errors.ts';
import { fingerprintOfRequest, fingerprintOfWrites } from '../idempotency/fingerprint.ts';
import { DEFAULT_ISOLATION } from '../isolation.ts';
import { RowAwaited } from '../locks/row-locks.ts';
import { awaitedArgument, isTime, pastPlaceOf, whenHere } from '../past-place.ts';
import { type Administration, zeroTimes } from '../replica.ts';
import { booleanOf, optionalTableNameOf, wholeNumberOf } from '../statements/arguments.ts';
import type { Message, Statement, StatementContext } from '../statements/statement.ts';
import { Transaction, type TransactionStart } from '../transaction.ts';
import { isPlainObject } from '../values.ts';
import { abortError, administrationError, administrationOf } from './administration.ts';
import { type BeginOptions, beginOptionsOf, defaultBeginOptions } from './begin-arguments.ts';
import { Cursors } from './cursors.ts';
import { Execution } from './execution.ts';
import { bindsNothing, firstAnswer, isOfKey, keyError, tellOutcome, withKey } from './keyed.ts';
import { OpenTransaction, type QueuedRequest } from './open-transaction.ts';
import { OPERATIONS, type Operation } from './operations.ts';
import { commitError, committed, nothingWritten, refusalError } from './outcomes.ts';
import { RowWait } from './row-wait.ts';
import { runStatement } from './run-statement.ts';
import { moveSavepoint } from './savepoints.ts';
import { SchemaRequests } from './schema-requests.ts';
import type { EngineContext, RequestId, Session, WaitingRequest } from './session.ts';
import { subscribeWhenReached } from './subscribe-wait.ts';
import type { Outlet } from './subscriptions/subscription.ts';
import { Subscriptions } from './subscriptions/subscriptions.ts';
import { transactWork } from './transact.ts';
import { variableChangeOf } from './variable-arguments.ts';

/** How long a client that has too much outstanding is asked to wait. */
const OVERLOADED_RETRY_MS = 100;
const CONFLICTS_DEFAULT = 100;
const CONFLICTS_MAX = 10_000;
const TRANSACTIONS_DEFAULT = 100;
const TRANSACTIONS_MAX = 10_000;
const TRANSACTION_NAME_CHARACTERS_MAX = 256;
/** What is about a transaction that the client named, beside its statements. */
const OF_TRANSACTION: ReadonlySet<Operation['kind']> = new Set([
  'begin',
  'commit',
  'rollback',
  'savepoint',
  'rollbackTo',
]);
/** Of what the group was not asked for. */
const NOT_ORDERED = zeroTimes();
const READ_NOW: TransactionStart = { isolation: DEFAULT_ISOLATION, isReadOnly: true, asOf: null };

export class Connection implements Session {
  readonly engine: EngineContext;
  readonly waiting = new Set<WaitingRequest>();
  readonly #send: (answer: object) => void;
  readonly #ended: (connection: Connection) => void;
  readonly #defaults: BeginOptions;
  readonly #transactions = new Map<string, OpenTransaction>();
  readonly #cursors: Cursors;
  readonly #subscriptions: Subscriptions;
  readonly #alone: StatementContext;
  readonly #inside: StatementContext;
  readonly #asStep: StatementContext;
  readonly #schemaRequests = new SchemaRequests(this, () => this.#startBehindSchema());
  /** What was sent behind one of them and is to see it, in the order sent. */
  #behindSchema: { readonly id: RequestId; readonly message: Message }[] = [];
  /** Invariant: requests received minus answers sent. */
  #unanswered = 0;
  #isClosed = false;
  #isShuttingDown = false;

  /** `outlet`: where answers and events go. `ended`: called once, when the connection was closed. */
  constructor(engine: EngineContext, outlet: Outlet, ended: (connection: Connection) => void) {
    this.engine = engine;
    this.#send = outlet.send;
    this.#ended = ended;
    this.#subscriptions = new Subscriptions(engine, {
      hasRoom: outlet.hasRoom,
      send: (event, bytes) => {
        if (this.#isClosed) return;
        engine.counters.eventsSent++;
        outlet.send(event, bytes);
      },
    });
    const { clock, random, numbers, limits, deadlines } = engine;
    this.#defaults = defaultBeginOptions(limits);
    this.#cursors = new Cursors({
      deadlines,
      openMax: limits.openCursorsMax,
      unusedMsMax: limits.transactionMsMax,
      nowMs: () => clock.monotonicMs(),
      listed: engine.openTransactions,
    });
    this.#alone = { clock, random, numbers, cursors: this.#cursors, isAlone: true };
    this.#inside = { clock, random, numbers, cursors: this.#cursors, isAlone: false };
    this.#asStep = { clock, random, numbers, cursors: null, isAlone: false };
  }

  get isEnding(): boolean {
    return this.#isClosed || this.#isShuttingDown;
  }

  /** Open transactions, doomed ones included. */
  get openTransactions(): number {
    return this.#transactions.size;
  }

  get openSubscriptions(): number {
    return this.#subscriptions.size;
  }

  /** The outlet has room for events, after it had none. */
  roomAgain(): void {
    if (this.#subscriptions.size > 0) this.engine.feed.wake();
  }

  /** Starts a request. `message`: decoded from the client's frame, of any content. Never throws at it. */
  receive(message: unknown): void {
    if (this.#isClosed) return;
    this.#unanswered++;
    if (!isPlainObject(message)) return this.#answerMalformed(null, 'expected an object');
    const { id } = message;
    if (typeof id !== 'string' && !(typeof id === 'number' && Number.isFinite(id))) {
      return this.#answerMalformed(null, "'id' must be a string or a number");
    }
    if (this.#mustWait(message)) this.#behindSchema.push({ id, message });
    else this.#startOrRefuse(id, message);
  }

  /** The client is gone: what is open is rolled back, and nothing is sent any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endEverything();
    this.#ended(this);
  }

  /** What is committing goes on; everything else, now and later, is answered SHUTTING_DOWN. */
  shutDown(): void {
    if (this.isEnding) return;
    this.#isShuttingDown = true;
    this.#endEverything();
  }

  succeed(id: RequestId, result: unknown): void {
    this.#unanswered--;
    if (!this.#isClosed) this.#send({ id, ok: true, result });
  }

  refuse(id: RequestId, error: RequestError): void {
    this.#unanswered--;
    if (!this.#isClosed) this.#send({ id, ok: false, error: error.answer });
  }

  /** Whether a schema change that was sent before is to be seen by this request, or by one before it. */
  #mustWait({ op }: Message): boolean {
    if (!this.#schemaRequests.areUnderWay && this.#behindSchema.length === 0) return false;
    if (this.isEnding || typeof op !== 'string') return false;
    const kind = OPERATIONS.get(op)?.kind;
    if (kind === 'schema') return this.#behindSchema.length > 0;
    return kind !== undefined && (OF_TRANSACTION.has(kind) || kind === 'statement' || kind === 'transact');
  }

  #startOrRefuse(id: RequestId, message: Message): void {
    try {
      this.#start(id, message);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
      this.#doomNamed(message, error);
      this.refuse(id, error);
    }
  }

  #start(id: RequestId, message: Message): void {
    const { op } = message;
    if (typeof op !== 'string') throw malformedMessage("'op' must be a string");
    if (this.#isShuttingDown) throw shuttingDown(this.engine.replica.state);
    if (this.#unanswered > this.engine.limits.pendingRequestsMax) {
      throw overloaded(OVERLOADED_RETRY_MS, 'This connection has too many requests outstanding');
    }
    const operation = OPERATIONS.get(op);
    if (operation === undefined) throw unknownOperation(op);
    if (operation.kind === 'statement' && message.tx === undefined) {
      return this.#startAlone(id, op, operation, message);
    }
    if (operation.kind === 'statement' || (operation.kind !== 'begin' && OF_TRANSACTION.has(operation.kind))) {
      const open = this.#transactionOf(message);
      open.lastAskedMs = this.engine.clock.monotonicMs();
      if (open.queue !== null) this.#queueInside(open, { id, op, message }, operation);
      else this.#executeInside(open, id, op, message);
      return;
    }
    this.#startOther(id, op, operation, message);
  }

  /**
   * Behind what waits; but a `rollback` waits for nothing, unless a `commit` was asked for before it: what it is behind is
   * given up, so that its name is free at once.
   */
  #queueInside(open: OpenTransaction, request: QueuedRequest, operation: Operation): void {
    if (operation.kind === 'rollback') operation.argumentNames.check(request.message);
    const isCommitting = open.queue!.some(({ op }) => op === 'commit');
    open.queue!.push(request);
    if (operation.kind !== 'rollback' || isCommitting) return;
    const error = rolledBack();
    if (open.giveUpBegin === null) open.doom(error);
    else open.giveUpBegin(transactionAborted(open.name, error.answer));
  }

  #startOther(id: RequestId, op: string, operation: Exclude<Operation, { kind: 'statement' }>, message: Message): void {
    const { replica, clock } = this.engine;
    operation.argumentNames.check(message);
    switch (operation.kind) {
      case 'begin':
        return this.#begin(id, message);
      case 'transact': {
        const options = beginOptionsOf(message, this.engine);
        const { limits } = this.engine;
        const { continuesOnError } = options;
        const work = transactWork(message, this.#asStep, { limits, continuesOnError });
        return new Execution(this, id, work, options).start();
      }
      case 'schema':
        return this.#schemaRequests.start(id, op, message);
      case 'outcome':
        return tellOutcome(this, id, message);
      case 'cancel':
        return this.#cancel(id, message.target);
      case 'ping':
        return this.succeed(id, { time: formatIsoTime(clock.wallMs()) });
      case 'members':
        return this.succeed(id, replica.members());
      case 'memberStats':
        return this.succeed(id, replica.memberStats());
      case 'transactions': {
        const limit = wholeNumberOf(message, 'limit', { min: 1, max: TRANSACTIONS_MAX }) ?? TRANSACTIONS_DEFAULT;
        return this.succeed(id, this.engine.openTransactions.rows(limit));
      }
      case 'abortTransaction':
        return this.#abortTransaction(id, message.transactionId);
      case 'conflicts':
      case 'conflictSummary': {
        const table = optionalTableNameOf(message);
        const limit = wholeNumberOf(message, 'limit', { min: 1, max: CONFLICTS_MAX }) ?? CONFLICTS_DEFAULT;
        if (operation.kind === 'conflicts') return this.succeed(id, replica.conflicts(limit, table));
        return this.succeed(id, replica.conflictSummary(limit, table));
      }
      case 'variables':
        return this.succeed(id, replica.variables());
      case 'setVariable':
        return this.#setVariable(id, message);
      case 'leave':
      case 'join':
      case 'expel':
      case 'transferLeadership':
        return this.#administer(id, administrationOf(operation.kind, message));
      case 'subscribe':
        return this.#subscribe(id, message);
      case 'unsubscribe':
        return this.succeed(id, this.#subscriptions.close(message));
      default:
        throw unknownOperation(op);
    }
  }

  #subscribe(id: RequestId, message: Message): void {
    const { limits } = this.engine;
    const from = pastPlaceOf(message, 'from', this.engine);
    const waitBounds = { min: 0, max: limits.transactionMsMax };
    const waitMs = wholeNumberOf(message, 'waitTimeoutMs', waitBounds) ?? limits.waitMsDefault;
    const open = (): object => this.#subscriptions.open(message);
    if (isTime(from) && message.stream === 'changes') subscribeWhenReached(this, id, { time: from, waitMs, open });
    else this.succeed(id, open());
  }

  #administer(id: RequestId, request: Administration): void {
    const { replica, clock } = this.engine;
    const startedMs = clock.monotonicMs();
    replica.administer(request, (outcome) => {
      if (outcome.kind === 'done') return this.succeed(id, { viewId: outcome.viewId });
      const waitedMs = Math.round(clock.monotonicMs() - startedMs);
      this.refuse(id, administrationError(request, outcome, { replica, waitedMs }));
    });
  }

  #abortTransaction(id: RequestId, transactionId: unknown): void {
    if (typeof transactionId !== 'string') throw invalidArgument('transactionId', 'expected what `transactions` shows');
    const { clock, openTransactions } = this.engine;
    const startedMs = clock.monotonicMs();
    openTransactions.abort(transactionId, (outcome) => {
      const waitedMs = Math.round(clock.monotonicMs() - startedMs);
      if (outcome === 'ended') this.succeed(id, {});
      else this.refuse(id, abortError(transactionId, outcome, waitedMs));
    });
  }

  #setVariable(id: RequestId, message: Message): void {
    const { replica, clock, limits } = this.engine;
    const change = variableChangeOf(message);
    replica.changeSchema(change, clock.monotonicMs() + limits.commitWaitMsMax, (outcome) => {
      if (outcome.kind === 'done') {
        const { sequenceNumber, changed } = outcome;
        return this.succeed(id, { sequenceNumber, changed });
      }
      assert(
        outcome.kind !== 'table-exists' && outcome.kind !== 'no-such-table' && outcome.kind !== 'refused',
        'a variable is no table',
      );
      this.refuse(id, refusalError(outcome, replica));
    });
  }

  #answerMalformed(id: null, problem: string): void {
    this.#unanswered--;
    this.#send({ id, ok: false, error: malformedMessage(problem).answer });
  }

  // Statements without `tx`

  #startAlone(id: RequestId, op: string, operation: Extract<Operation, { kind: 'statement' }>, message: Message): void {
    const { statement, alone } = operation;
    const options = alone.check(message) ? this.#optionsAlone(message) : this.#defaults;
    if (!statement.isWrite && options.isProfiled)
      throw invalidArgument('profile', 'only of what writes: a read commits nothing');
    if (!statement.isWrite && awaitedArgument(options) === null && !this.#isOrdered(op, options)) {
      return this.#readAlone(id, statement, message);
    }
    const context = this.#alone;
    const execution = new Execution(
      this,
      id,
      {
        op,
        mayLock: false,
        run: (transaction) => runStatement({ op, statement, message }, transaction, context),
        answer: (result, commit, attempts) => {
          if (!statement.isWrite) return result;
          return attempts > 1 ? { ...(result as object), ...commit, attempts } : { ...(result as object), ...commit };
        },
        fingerprint: options.idempotencyKey === null ? null : fingerprintOfRequest(message),
      },
      options,
    );
    execution.start();
  }

  /** A read that is a transaction of its own, and may see what no serial order has: of one row none does. */
  #isOrdered(op: string, { isolation }: BeginOptions): boolean {
    const { replica } = this.engine;
    return isolation === 'SERIALIZABLE' && op !== 'get' && replica.ordersReads(replica.appliedUpTo);
  }

  /** One statement has one snapshot: at READ COMMITTED too, and a cursor that it opens keeps it. */
  #optionsAlone(message: Message): BeginOptions {
    const options = beginOptionsOf(message, this.engine);
    return options.isolation === 'READ COMMITTED' ? { ...options, isolation: DEFAULT_ISOLATION } : options;
  }

  #readAlone(id: RequestId, statement: Statement, message: Message): void {
    const transaction = new Transaction(this.engine.transactions, READ_NOW);
    let result: unknown;
    try {
      result = statement.run(transaction, message, this.#alone);
    } finally {
      if (!transaction.isKept) transaction.release();
    }
    this.succeed(id, result);
  }

  // Transactions that the client named

  #begin(id: RequestId, message: Message): void {
    const { replica, limits } = this.engine;
    const { tx } = message;
    if (typeof tx !== 'string' || tx.length === 0 || tx.length > TRANSACTION_NAME_CHARACTERS_MAX) {
      throw invalidArgument('tx', `expected a name of 1 to ${TRANSACTION_NAME_CHARACTERS_MAX} characters`);
    }
    const options = beginOptionsOf(message, this.engine);
    const known = this.#transactions.get(tx);
    if (known !== undefined && !known.isSettled)
      throw invalidArgument('tx', `transaction ${JSON.stringify(tx)} is open`);
    if (replica.state !== 'ONLINE') throw notOnline(replica.state);
    const { idempotencyKey: key } = options;
    const decided = key === null ? null : replica.keyRefusal({ key, fingerprint: null });
    if (decided !== null && decided.kind !== 'replayed') throw keyError(decided, key!, this.engine);
    if (known === undefined) this.#makeRoom(limits.openTransactionsMax);
    this.#transactions.delete(tx);
    const open = new OpenTransaction(this.engine, tx, options);
    this.#transactions.set(tx, open);
    const awaited = awaitedArgument(options);
    if (decided !== null) {
      open.first = decided.first;
      this.succeed(id, { tx, ...firstAnswer(decided.first, this.engine) });
    } else if (awaited === null) this.succeed(id, { tx });
    else this.#beginWhenHere(id, open, awaited);
  }

  /** Forgets a transaction that is kept only for its `rollback`, where too many are open. */
  #makeRoom(openMax: number): void {
    if (this.#transactions.size < openMax) return;
    for (const [name, open] of this.#transactions) {
      if (!open.isSettled) continue;
      this.#transactions.delete(name);
      return;
    }
    throw overloaded(OVERLOADED_RETRY_MS, `This connection has ${openMax} transactions open, and may have no more`);
  }

  #beginWhenHere(id: RequestId, open: OpenTransaction, awaited: 'atLeast' | 'asOf'): void {
    const { replica, deadlines, clock } = this.engine;
    const { waitTimeoutMs } = open.options;
    let isHere = false;
    const waiter = whenHere(replica, open.options, () => {
      isHere = true;
      if (open.queue === null) return;
      endWait();
      open.lastAskedMs = clock.monotonicMs();
      open.spentMs += open.lastAskedMs - open.startedMs;
      this.succeed(id, { tx: open.name });
      this.#executeQueued(open);
    });
    if (isHere) return this.succeed(id, { tx: open.name });
    open.queue = [];
    open.giveUpBegin = (error) => request.giveUp(error);
    const request: WaitingRequest = {
      id,
      giveUp: (error) => {
        waiter.cancel();
        endWait();
        this.refuse(id, error);
        // The transaction was never begun; what was pipelined behind learns why, and then its name is free.
        open.doom(error);
        this.#executeQueued(open);
        this.#forget(open);
      },
    };
    const waitMs = Math.min(waitTimeoutMs, open.options.timeoutMs ?? waitTimeoutMs);
    const deadline = deadlines.add(clock.monotonicMs() + waitMs, () => request.giveUp(timeout(awaited, waitMs)));
    const endWait = () => {
      open.giveUpBegin = null;
      this.waiting.delete(request);
      deadlines.remove(deadline);
    };
    this.waiting.add(request);
  }

  /** Until one of them has to wait for a locked row. */
  #executeQueued(open: OpenTransaction): void {
    const queue = open.queue ?? [];
    open.queue = null;
    for (const [position, { id, op, message }] of queue.entries()) {
      try {
        // A client that is gone learns nothing, and nothing of what it left behind may commit, or wait again.
        if (this.isEnding) throw shuttingDown(this.engine.replica.state);
        if (open.isClosed) throw noSuchTransaction(open.name);
        this.#executeInside(open, id, op, message);
      } catch (error) {
        if (!(error instanceof RequestError)) throw error;
        open.failed(error);
        this.refuse(id, error);
      }
      if (open.wait === null) continue;
      open.queue = queue.slice(position + 1);
      return;
    }
  }

  /** @throws RequestError, which then dooms the transaction. */
  #executeInside(open: OpenTransaction, id: RequestId, op: string, message: Message): void {
    const operation = OPERATIONS.get(op)!;
    if (operation.kind === 'rollback') {
      operation.argumentNames.check(message);
      this.#forget(open);
      return this.succeed(id, {});
    }
    const isCommit = operation.kind === 'commit';
    // Whoever has written, and is not doomed, is judged at its place, by what it wrote.
    if (!isCommit || open.doomedBy !== null) open.lookForFirst();
    if (open.doomedBy !== null && !(isCommit && open.first !== null)) {
      if (isCommit) open.isSettled = true;
      throw open.doomedBy;
    }
    if (isCommit) {
      operation.argumentNames.check(message);
      return this.#commit(open, id, booleanOf(message, 'profile'));
    }
    if (operation.kind === 'savepoint' || operation.kind === 'rollbackTo') {
      operation.argumentNames.check(message);
      moveSavepoint(operation.kind, open.transaction, message);
      return this.succeed(id, {});
    }
    if (operation.kind !== 'statement') throw unknownOperation(op);
    operation.inside.check(message);
    this.#runInside(open, { id, op, message }, operation.statement);
  }

  #runInside(open: OpenTransaction, request: QueuedRequest, statement: Statement): void {
    const { transaction } = open;
    const { id, op, message } = request;
    const isFirst = transaction.snapshotVersion === null;
    const { clock } = this.engine;
    const startedMs = clock.monotonicMs();
    let result: unknown;
    try {
      result = runStatement({ op, statement, message }, transaction, this.#inside);
    } catch (thrown) {
      if (!(thrown instanceof RowAwaited)) throw thrown;
      // Its snapshot is taken after the grant (H7).
      if (isFirst) transaction.restart();
      const goOn = (): void => this.#executeQueued(open);
      new RowWait({ session: this, open, request, awaited: thrown, goOn });
      return;
    } finally {
      open.spentMs += clock.monotonicMs() - startedMs;
    }
    this.succeed(id, result);
  }

  #commit(open: OpenTransaction, id: RequestId, isProfiled: boolean): void {
    const { replica, clock, limits } = this.engine;
    const { transaction } = open;
    const startedMs = clock.monotonicMs();
    const { idempotencyKey: key } = open.options;
    const written = open.first === null ? this.#toCertify(open) : null;
    if (key !== null && (written === null || bindsNothing(written))) open.lookForFirst();
    const { first } = open;
    open.close();
    this.#transactions.delete(open.name);
    if (first !== null) {
      open.end();
      return this.succeed(id, firstAnswer(first, this.engine));
    }
    const toCertify =
      written === null || key === null
        ? written
        : withKey(written, { key, fingerprint: fingerprintOfWrites(written), result: {} }, this.engine);
    if (toCertify === null) {
      const answer = nothingWritten(transaction);
      const ms = open.spentMs + clock.monotonicMs() - startedMs;
      const layers = isProfiled ? { layers: layersOf(ms, NOT_ORDERED) } : {};
      open.tellIfSlow(ms, NOT_ORDERED, { outcome: 'nothing written', sequenceNumber: null });
      open.end();
      return this.succeed(id, { ...answer, ...layers });
    }
    const deadlineMs = Math.min(open.deadlineMs, startedMs + limits.commitWaitMsMax);
    replica.commit(toCertify, deadlineMs, (outcome) => {
      const { orderedTimes } = replica;
      const ms = clock.monotonicMs() - startedMs;
      if (outcome.kind === 'committed') {
        const { sequenceNumber } = outcome;
        open.tellIfSlow(open.spentMs + ms, orderedTimes, { outcome: 'committed', sequenceNumber });
        const layers = isProfiled ? { layers: layersOf(open.spentMs + ms, orderedTimes) } : {};
        this.succeed(id, { ...committed(outcome, transaction, replica), ...layers });
        replica.commitAnswered(ms, orderedTimes);
      } else if (outcome.kind === 'replayed') this.succeed(id, firstAnswer(outcome.first, this.engine));
      else {
        const error = isOfKey(outcome)
          ? keyError(outcome, key!, this.engine)
          : commitError(outcome, transaction, replica, key);
        open.tellIfSlow(open.spentMs + ms, orderedTimes, { outcome: error.answer.code, sequenceNumber: null });
        this.refuse(id, error);
      }
      open.end();
    });
  }

  /** @throws RequestError: nothing is left of the transaction then, as where the group refuses it */
  #toCertify(open: OpenTransaction): CertifiedTransaction | null {
    try {
      return open.transaction.toCertify();
    } catch (error) {
      this.#forget(open);
      throw error;
    }
  }

  #transactionOf(message: Message): OpenTransaction {
    const { tx } = message;
    if (typeof tx !== 'string') throw invalidArgument('tx', 'expected the name of an open transaction');
    const open = this.#transactions.get(tx);
    if (open === undefined) throw noSuchTransaction(tx);
    return open;
  }

  #forget(open: OpenTransaction): void {
    open.close();
    open.end();
    if (this.#transactions.get(open.name) === open) this.#transactions.delete(open.name);
  }

  /** A request that failed dooms the transaction that it names. */
  #doomNamed(message: Message, error: RequestError): void {
    const { tx, op } = message;
    if (typeof tx !== 'string' || op === 'begin') return;
    const open = this.#transactions.get(tx);
    open?.failed(error);
  }

  // Schema changes, cancelling, the end

  #startBehindSchema(): void {
    while (!this.#schemaRequests.areUnderWay && this.#behindSchema.length > 0) {
      const next = this.#behindSchema.shift()!;
      this.#startOrRefuse(next.id, next.message);
    }
  }

  #cancel(id: RequestId, target: unknown): void {
    if (typeof target !== 'string' && typeof target !== 'number') {
      throw invalidArgument('target', 'expected the id of a request');
    }
    this.succeed(id, { cancelled: this.#giveUp(target) });
  }

  #giveUp(target: RequestId): boolean {
    const cause = cancelled();
    for (const request of this.waiting) {
      if (request.id !== target) continue;
      request.giveUp(transactionAborted(null, cause.answer));
      return true;
    }
    const behind = this.#behindSchema.findIndex((queued) => queued.id === target);
    if (behind >= 0) {
      const [queued] = this.#behindSchema.splice(behind, 1);
      this.#doomNamed(queued!.message, cause);
      this.refuse(target, transactionAborted(null, cause.answer));
      return true;
    }
    for (const open of this.#transactions.values()) {
      const at = open.queue?.findIndex((queued) => queued.id === target) ?? -1;
      if (at < 0) continue;
      open.queue!.splice(at, 1);
      open.failed(cause);
      this.refuse(target, transactionAborted(open.name, cause.answer));
      return true;
    }
    return false;
  }

  #endEverything(): void {
    const error = shuttingDown(this.engine.replica.state);
    for (const request of [...this.waiting]) request.giveUp(error);
    for (const { id } of this.#behindSchema.splice(0)) this.refuse(id, error);
    this.#cursors.dropAll();
    this.#subscriptions.endAll('shuttingDown');
    for (const open of [...this.#transactions.values()]) this.#forget(open);
  }
}
