/**
 * The schema changes that one connection asks for. What was sent behind one waits until it has its place in the order; an
 * `alterTable` that leaves something to be built is answered when that is built, and holds nobody up meanwhile. Where
 * somebody else has dropped some of it by then, that is the answer: what it asked for never was there as a whole.
 */
import type { BuildOutcome } from '../builds/build-watch.ts';
import {
  duplicateKey,
  foreignKeyViolation,
  invalidArgument,
  noSuchIndex,
  noSuchTable,
  type RequestError,
  tableExists,
  unknownOutcome,
} from '../errors.ts';
import type { SchemaOutcome } from '../replica.ts';
import { tableNameOf } from '../statements/arguments.ts';
import { schemaChangeOf } from '../statements/schema-change.ts';
import type { Message } from '../statements/statement.ts';
import type { Build } from '../table-definition.ts';
import { refusalError } from './outcomes.ts';
import type { RequestId, Session, WaitingRequest } from './session.ts';

export class SchemaRequests {
  readonly #session: Session;
  readonly #passed: () => void;
  #underWay = 0;

  /** `passed`: called when none is on its way to its place any more. */
  constructor(session: Session, passed: () => void) {
    this.#session = session;
    this.#passed = passed;
  }

  /** Some are on their way to their places in the order. */
  get areUnderWay(): boolean {
    return this.#underWay > 0;
  }

  /** @throws RequestError */
  start(id: RequestId, op: string, message: Message): void {
    const { replica, clock, limits } = this.#session.engine;
    const change = schemaChangeOf(op, message);
    const name = tableNameOf(message);
    this.#underWay++;
    replica.changeSchema(change, clock.monotonicMs() + limits.commitWaitMsMax, (outcome) => {
      this.#underWay--;
      this.#answer(id, outcome, name);
      if (this.#underWay === 0) this.#passed();
    });
  }

  #answer(id: RequestId, outcome: SchemaOutcome, name: string): void {
    const session = this.#session;
    if (outcome.kind === 'done' && outcome.build !== null) return this.#waitFor(id, outcome.build, name);
    if (outcome.kind === 'done') return session.succeed(id, { sequenceNumber: outcome.sequenceNumber });
    if (outcome.kind === 'table-exists') return session.refuse(id, tableExists(name));
    if (outcome.kind === 'no-such-table') return session.refuse(id, noSuchTable(name));
    if (outcome.kind === 'refused') return session.refuse(id, outcome.error);
    session.refuse(id, refusalError(outcome, session.engine.replica));
  }

  #waitFor(id: RequestId, build: Build, name: string): void {
    const session = this.#session;
    if (session.isEnding) return session.refuse(id, unknownOutcome(null));
    const request: WaitingRequest = {
      id,
      giveUp: (error) => {
        session.waiting.delete(request);
        waiter.cancel();
        // It goes on: nobody is to do it again elsewhere.
        session.refuse(id, error.answer.code === 'SHUTTING_DOWN' ? unknownOutcome(null) : error);
      },
    };
    session.waiting.add(request);
    const waiter = session.engine.replica.whenBuilt(build, (outcome) => {
      session.waiting.delete(request);
      if (outcome.kind === 'valid') session.succeed(id, { sequenceNumber: outcome.sequenceNumber });
      else session.refuse(id, buildError(outcome, name));
    });
  }
}

function buildError(outcome: Exclude<BuildOutcome, { kind: 'valid' }>, name: string): RequestError {
  if (outcome.kind === 'unknown') return unknownOutcome(null);
  if (outcome.kind === 'dropped') {
    return outcome.table === null ? noSuchTable(name) : noSuchIndex(outcome.table, outcome.constraint);
  }
  const { table, failure } = outcome;
  if (failure.kind === 'duplicate') return duplicateKey({ table, index: failure.index, values: failure.values });
  if (failure.kind === 'not-indexable') {
    return invalidArgument('addIndexes', `${JSON.stringify(failure.index)}: ${failure.problem}`);
  }
  const { foreignKey, references, values } = failure;
  return foreignKeyViolation({ table, foreignKey, references, values, isReferredTo: false });
}
