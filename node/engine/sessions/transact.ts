/** `transact`: several statements in one request, each perhaps with what it is expected to give. */
import { expectationFailed, invalidArgument, RequestError, unknownOperation } from '../errors.ts';
import { fingerprintOfRequest } from '../idempotency/fingerprint.ts';
import type { Limits } from '../limits.ts';
import { RowAwaited } from '../locks/row-locks.ts';
import { STATEMENTS } from '../statements/index.ts';
import type { Message, Statement, StatementContext } from '../statements/statement.ts';
import type { Transaction } from '../transaction.ts';
import { isPlainObject } from '../values.ts';
import { ArgumentNames } from './begin-arguments.ts';
import type { Work } from './execution.ts';
import { runStatement } from './run-statement.ts';

interface Step {
  readonly op: string;
  readonly statement: Statement;
  readonly message: Message;
  readonly expected: Expectation | null;
}

type Expectation = { readonly matched: number } | { readonly found: boolean };

const STEP_ARGUMENTS: ReadonlyMap<string, ArgumentNames> = new Map(
  [...STATEMENTS].map(([op, { argumentNames, unsupported }]) => {
    const known = ['op', 'expect', ...argumentNames];
    return [op, new ArgumentNames({ op, known, ...(unsupported === undefined ? {} : { unsupported }) })];
  }),
);

/** @throws RequestError */
export function transactWork(message: Message, context: StatementContext, options: TransactOptions): Work {
  const { limits, continuesOnError } = options;
  const { steps: given } = message;
  if (!Array.isArray(given) || given.length === 0) throw invalidArgument('steps', 'expected an array of statements');
  if (given.length > limits.stepsMax) throw invalidArgument('steps', `at most ${limits.stepsMax} are allowed`);
  const steps = given.map((step, position) => stepOf(step, position));
  /** By the place of a step: why it has failed before it was executed, in this attempt. */
  const failed = new Map<number, RequestError>();
  return {
    op: 'transact',
    mayLock: true,
    run: (transaction) =>
      steps.map((step, position) => {
        const error = failed.get(position);
        return error === undefined
          ? runStep(step, position, transaction, context, continuesOnError)
          : { error: error.answer };
      }),
    attemptBegins: () => failed.clear(),
    goesOnWithout: (step, error) => {
      if (continuesOnError) failed.set(step, error);
      return continuesOnError;
    },
    answer: (results, commit, attempts) => ({ ...commit, results, attempts }),
    fingerprint: typeof message.idempotencyKey === 'string' ? fingerprintOfRequest(message) : null,
  };
}

export interface TransactOptions {
  readonly limits: Limits;
  /** A step that fails gives `{error}` as its result, and the others go on. */
  readonly continuesOnError: boolean;
}

function stepOf(given: unknown, position: number): Step {
  const argument = `steps[${position}]`;
  if (!isPlainObject(given)) throw invalidArgument(argument, 'expected a statement');
  const { op } = given;
  if (typeof op !== 'string') throw invalidArgument(`${argument}.op`, 'expected the name of a statement');
  const statement = STATEMENTS.get(op);
  if (statement === undefined) throw unknownOperation(op).atStep(position);
  try {
    STEP_ARGUMENTS.get(op)!.check(given);
    return { op, statement, message: given, expected: expectationOf(given.expect, op) };
  } catch (error) {
    throw error instanceof RequestError ? error.atStep(position) : error;
  }
}

function expectationOf(expect: unknown, op: string): Expectation | null {
  if (expect === undefined || expect === null) return null;
  if (isPlainObject(expect) && Object.keys(expect).length === 1) {
    const { matched, found } = expect;
    if (typeof matched === 'number' && (op === 'update' || op === 'delete')) return { matched };
    if (typeof found === 'boolean' && op === 'get') return { found };
  }
  throw invalidArgument('expect', 'expected {matched: number} of update and delete, or {found: boolean} of get');
}

function runStep(
  step: Step,
  position: number,
  transaction: Transaction,
  context: StatementContext,
  continuesOnError: boolean,
): unknown {
  let result: unknown;
  try {
    result = runStatement(step, transaction, context);
  } catch (error) {
    if (error instanceof RowAwaited) error.step = position;
    if (!(error instanceof RequestError)) throw error;
    // A deadlock is over only when its victim has let go of its locks.
    if (!continuesOnError || error.answer.code === 'DEADLOCK') throw error.atStep(position);
    return { error: error.answer };
  }
  if (step.expected !== null) requireExpected(step.expected, result, position);
  return result;
}

function requireExpected(expected: Expectation, result: unknown, step: number): void {
  if ('found' in expected) {
    const found = result !== null;
    if (found !== expected.found) throw expectationFailed({ step, expected, got: { found } });
    return;
  }
  const { matched } = result as { matched: number };
  if (matched !== expected.matched) throw expectationFailed({ step, expected, got: { matched } });
}
