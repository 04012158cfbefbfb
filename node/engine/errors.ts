/** Every error that a client can be answered with: one table of codes, and one builder for each that the engine raises. */
import type { MemberState } from './replica.ts';

/** What a client may do about it. */
export type Retry = 'no' | 'transaction' | 'elsewhere' | 'withKey';

interface ErrorClass {
  readonly sqlState: string;
  readonly retry: Retry;
}

export const ERROR_CLASSES = {
  CERTIFICATION_CONFLICT: { sqlState: '40001', retry: 'transaction' },
  SNAPSHOT_TOO_OLD: { sqlState: '40001', retry: 'transaction' },
  DEADLOCK: { sqlState: '40001', retry: 'transaction' },
  SCHEMA_CHANGED: { sqlState: '40001', retry: 'transaction' },
  /** Its `retry` is that of its cause. */
  TRANSACTION_ABORTED: { sqlState: '40000', retry: 'no' },
  LOCK_TIMEOUT: { sqlState: 'HY000', retry: 'transaction' },
  TIMEOUT: { sqlState: 'HY000', retry: 'transaction' },
  DUPLICATE_KEY: { sqlState: '23000', retry: 'no' },
  FOREIGN_KEY_VIOLATION: { sqlState: '23000', retry: 'no' },
  NULL_VIOLATION: { sqlState: '23000', retry: 'no' },
  OUT_OF_BOUNDS: { sqlState: '23000', retry: 'no' },
  EXPECTATION_FAILED: { sqlState: '02000', retry: 'no' },
  NO_SUCH_TABLE: { sqlState: '42S02', retry: 'no' },
  TABLE_EXISTS: { sqlState: '42S01', retry: 'no' },
  NO_SUCH_COLUMN: { sqlState: '42S22', retry: 'no' },
  NO_SUCH_INDEX: { sqlState: '42S12', retry: 'no' },
  INDEX_EXISTS: { sqlState: '42S11', retry: 'no' },
  NO_SUCH_ROW: { sqlState: '02000', retry: 'no' },
  TYPE_MISMATCH: { sqlState: '22018', retry: 'no' },
  INVALID_ARGUMENT: { sqlState: '22023', retry: 'no' },
  NO_SUCH_TRANSACTION: { sqlState: '25000', retry: 'no' },
  NO_SUCH_SUBSCRIPTION: { sqlState: '25000', retry: 'no' },
  READ_ONLY_TRANSACTION: { sqlState: '25000', retry: 'no' },
  NOT_PRIMARY: { sqlState: 'HY000', retry: 'elsewhere' },
  NOT_ONLINE: { sqlState: '08000', retry: 'elsewhere' },
  NO_QUORUM: { sqlState: '08000', retry: 'elsewhere' },
  SHUTTING_DOWN: { sqlState: '08000', retry: 'elsewhere' },
  DISK_FULL: { sqlState: '08000', retry: 'elsewhere' },
  UNKNOWN_OUTCOME: { sqlState: '08007', retry: 'withKey' },
  COMMITTED_NOT_EVERYWHERE: { sqlState: '01000', retry: 'no' },
  KEY_REUSED: { sqlState: '22023', retry: 'no' },
  KEY_FENCED: { sqlState: '22023', retry: 'no' },
  KEY_EXPIRED: { sqlState: '22023', retry: 'no' },
  HISTORY_PURGED: { sqlState: 'HY000', retry: 'no' },
  TRANSACTION_TOO_LARGE: { sqlState: '54000', retry: 'no' },
  ROW_TOO_LARGE: { sqlState: '54000', retry: 'no' },
  RESULT_TOO_LARGE: { sqlState: '54000', retry: 'no' },
  OVERLOADED: { sqlState: '53000', retry: 'transaction' },
  UNAUTHENTICATED: { sqlState: '28000', retry: 'no' },
  FORBIDDEN: { sqlState: '42501', retry: 'no' },
  MALFORMED_MESSAGE: { sqlState: '08P01', retry: 'no' },
  UNKNOWN_OPERATION: { sqlState: '0A000', retry: 'no' },
  /** Only as the `cause` of TRANSACTION_ABORTED: the client gave the request up, or an operator the transaction. */
  CANCELLED: { sqlState: '57014', retry: 'no' },
} as const satisfies Readonly<Record<string, ErrorClass>>;

export type ErrorCode = keyof typeof ERROR_CLASSES;

/** The `error` of an answer. */
export interface ErrorAnswer {
  readonly code: ErrorCode;
  readonly sqlState: string;
  readonly message: string;
  readonly retry: Retry;
  readonly [fact: string]: unknown;
}

/** A request that cannot be done. Thrown by statements, caught once, by the session. */
export class RequestError extends Error {
  override readonly name = 'RequestError';
  readonly answer: ErrorAnswer;

  constructor(code: ErrorCode, message: string, facts: Readonly<Record<string, unknown>>, retry?: Retry) {
    super(message);
    const { sqlState, retry: retryOfCode } = ERROR_CLASSES[code];
    this.answer = { code, sqlState, message, retry: retry ?? retryOfCode, ...facts };
  }

  /** The same error of one step of a `transact`. */
  atStep(step: number): RequestError {
    const { code, sqlState: _sqlState, message, retry, ...facts } = this.answer;
    return new RequestError(code, message, { ...facts, step }, retry);
  }
}

export function certificationConflict(facts: {
  table: string;
  item: 'row' | 'unique' | 'reference' | 'range';
  index?: string;
  key: unknown;
  snapshotVersion: number;
  winner: { gtid: string; member: string };
  phase: 'local' | 'group';
  /** There would be a circle (`certification_rule` `serial-safety-net`). */
  reason?: 'dangerous structure';
  /** Who has to come before this transaction, and cannot come before the winner; null: forgotten. */
  before?: { table: string; key: unknown; gtid: string; member: string } | null;
}): RequestError {
  const { item, table, index } = facts;
  const where = item === 'range' ? ', in a range that this transaction has read,' : '';
  const of = item === 'row' || index === undefined ? table : `index ${show(index)} of ${table}`;
  const what = { row: 'Row', unique: 'Key', range: 'Row', reference: 'What refers to key' }[item];
  const message = `${what} ${show(facts.key)} of ${of}${where} was written by ${facts.winner.gtid} (member ${facts.winner.member}) after this transaction's snapshot ${facts.snapshotVersion}.${dangerOf(facts)}`;
  return new RequestError('CERTIFICATION_CONFLICT', message, facts);
}

function dangerOf({
  reason,
  before,
}: {
  reason?: string;
  before?: { table: string; key: unknown; gtid: string } | null;
}) {
  if (reason === undefined) return '';
  if (before == null) return ' Whether a serial order has both is not known any more (dangerous structure).';
  return ` No serial order has both, since ${before.gtid} read or wrote row ${show(before.key)} of ${before.table} (dangerous structure).`;
}

export function schemaChanged(facts: { table: string; snapshotVersion: number; winner?: unknown }): RequestError {
  const message = `Table ${facts.table} was dropped, truncated or altered after this transaction's snapshot ${facts.snapshotVersion}.`;
  return new RequestError('SCHEMA_CHANGED', message, facts);
}

export function snapshotTooOld(facts: {
  snapshotVersion?: number;
  purgeFloor?: number;
  oldest?: number;
  oldestTime?: string | null;
  asOf?: string;
  cursor?: string;
}): RequestError {
  const what = facts.cursor === undefined ? 'this transaction' : `cursor ${show(facts.cursor)}`;
  const message = `The snapshot of ${what} is no longer kept${heldSince(facts)}.`;
  // The past does not come back.
  return new RequestError('SNAPSHOT_TOO_OLD', message, facts, facts.oldest === undefined ? undefined : 'no');
}

function heldSince({ oldest, oldestTime }: { oldest?: number; oldestTime?: string | null }): string {
  if (oldest === undefined) return '';
  return `; this member holds the past from sequence number ${oldest} on${oldestTime == null ? '' : ` (${oldestTime})`}`;
}

export function transactionAborted(tx: string | null, cause: ErrorAnswer): RequestError {
  const what = tx === null ? 'The transaction' : `Transaction ${show(tx)}`;
  const message = `${what} is aborted (${cause.code}: ${cause.message})`;
  return new RequestError('TRANSACTION_ABORTED', message, { cause }, cause.retry);
}

export function cancelled(): RequestError {
  return new RequestError('CANCELLED', 'The client gave the request up while it waited.', {});
}

export function rolledBack(): RequestError {
  return new RequestError('CANCELLED', 'The client rolled the transaction back while it waited.', {});
}

export function endedByOperator(): RequestError {
  return new RequestError('CANCELLED', 'It was ended by `abortTransaction`.', {});
}

export function timeout(
  waitedFor: 'atLeast' | 'asOf' | 'from' | 'row' | 'lock' | 'transaction' | 'request' | 'retry' | 'view' | 'member',
  ms: number,
): RequestError {
  const what = {
    atLeast: 'what `atLeast` names was not visible here',
    asOf: 'the group had not come beyond the time that `asOf` names',
    from: 'the group had not come beyond the time that `from` names',
    row: 'an earlier write of this connection to the same row was not finished',
    lock: 'a row was still locked by another transaction',
    transaction: 'the transaction was not committed',
    request: 'its client had asked for nothing more of the transaction',
    retry: 'no attempt succeeded',
    member: 'the member that has it had not answered; it may yet do it',
    view: 'the group had not made the change; it may yet',
  }[waitedFor];
  return new RequestError('TIMEOUT', `After ${ms} ms ${what}.`, { waitedFor, ms });
}

export function lockTimeout(facts: { table: string; key: unknown; ms: number }): RequestError {
  const message = `After ${facts.ms} ms row ${show(facts.key)} of ${facts.table} was still locked by another transaction of this member.`;
  return new RequestError('LOCK_TIMEOUT', message, facts);
}

/** `transactions`: how many wait for each other, this one included. */
export function deadlock(facts: { table: string; key: unknown; transactions: number }): RequestError {
  const message = `Row ${show(facts.key)} of ${facts.table} is locked by one of ${facts.transactions} transactions that would wait for each other; this one is rolled back.`;
  return new RequestError('DEADLOCK', message, facts);
}

export function duplicateKey(facts: { table: string; index: string; values: unknown }): RequestError {
  const { table, index, values } = facts;
  const what = index === 'primary' ? 'key' : `${show(index)}`;
  const message = `${table} already has a row with ${what} ${show(values)}.`;
  return new RequestError('DUPLICATE_KEY', message, facts);
}

/** `values`: of the columns that are referred to. `isReferredTo`: the row of `references` may not go; else there is none. */
export function foreignKeyViolation(facts: {
  table: string;
  foreignKey: string;
  references: string;
  values: readonly unknown[];
  isReferredTo: boolean;
}): RequestError {
  const { table, foreignKey, references, values, isReferredTo } = facts;
  const what = isReferredTo
    ? `${table} has a row that refers to ${show(values)} of ${references}`
    : `${references} has no row ${show(values)} for ${table} to refer to`;
  return new RequestError('FOREIGN_KEY_VIOLATION', `${what} (foreign key ${show(foreignKey)}).`, facts);
}

export function nullViolation(table: string, column: string): RequestError {
  return new RequestError('NULL_VIOLATION', `Column ${show(column)} of ${table} must have a value.`, {
    table,
    column,
  });
}

export function expectationFailed(facts: { step: number; expected: unknown; got: unknown }): RequestError {
  const message = `Step ${facts.step} was expected to give ${show(facts.expected)} and gave ${show(facts.got)}; nothing was written.`;
  return new RequestError('EXPECTATION_FAILED', message, facts);
}

export function noSuchRow(facts: { table: string; key: unknown }): RequestError {
  return new RequestError('NO_SUCH_ROW', `${facts.table} has no row with key ${show(facts.key)}.`, facts);
}

/** `value`: what the column had without it. */
export function outOfBounds(facts: {
  table: string;
  key: unknown;
  column: string;
  by: unknown;
  value: unknown;
  min?: unknown;
  max?: unknown;
  problem: 'below-min' | 'above-max' | 'out-of-range' | 'no-number';
}): RequestError {
  const { table, key, column, by, value, min, max, problem } = facts;
  const clause = {
    'below-min': `it would fall below ${show(min)}`,
    'above-max': `it would rise above ${show(max)}`,
    'out-of-range': 'it would have a value that its type has not',
    'no-number': 'there is nothing to add to',
  }[problem];
  const message = `Column ${show(column)} of row ${show(key)} of ${table} is ${show(value)}; with ${show(by)} more ${clause}. Nothing was written.`;
  return new RequestError('OUT_OF_BOUNDS', message, facts);
}

export function noSuchTable(table: string): RequestError {
  return new RequestError('NO_SUCH_TABLE', `There is no table ${show(table)}.`, { table });
}

export function tableExists(table: string): RequestError {
  return new RequestError('TABLE_EXISTS', `Table ${show(table)} exists already.`, { table });
}

export function noSuchColumn(table: string, column: string): RequestError {
  return new RequestError('NO_SUCH_COLUMN', `Table ${table} has no column ${show(column)}.`, { table, column });
}

export function noSuchIndex(table: string, index: string): RequestError {
  return new RequestError('NO_SUCH_INDEX', `Table ${table} has no index ${show(index)}.`, { table, index });
}

export function indexExists(table: string, index: string): RequestError {
  const message = `Table ${table} has an index or a foreign key ${show(index)} already.`;
  return new RequestError('INDEX_EXISTS', message, { table, index });
}

/** The table, or a unique index of it, stays while another table refers to it. */
export function isReferenced(facts: {
  table: string;
  index?: string;
  foreignKey: string;
  referencingTable: string;
}): RequestError {
  const what = facts.index === undefined ? `Table ${facts.table}` : `Index ${show(facts.index)} of ${facts.table}`;
  const message = `${what} is referred to by foreign key ${show(facts.foreignKey)} of ${facts.referencingTable}; drop that first.`;
  return new RequestError('FOREIGN_KEY_VIOLATION', message, facts);
}

export function typeMismatch(facts: { table: string; column: string; type: string; got: string }): RequestError {
  const message = `Column ${show(facts.column)} of ${facts.table} takes ${facts.type}, not ${facts.got}.`;
  return new RequestError('TYPE_MISMATCH', message, facts);
}

export function invalidArgument(argument: string, problem: string): RequestError {
  return new RequestError('INVALID_ARGUMENT', `Argument ${show(argument)}: ${problem}.`, { argument, problem });
}

export function noSuchTransaction(tx: string): RequestError {
  return new RequestError('NO_SUCH_TRANSACTION', `No transaction ${show(tx)} is open on this connection.`, {
    tx,
  });
}

export function noSuchOpenTransaction(transactionId: string): RequestError {
  const message = `No transaction ${show(transactionId)} is open, or not any more.`;
  return new RequestError('NO_SUCH_TRANSACTION', message, { transactionId });
}

export function noSuchSubscription(subscription: string): RequestError {
  const message = `No subscription ${show(subscription)} is open on this connection.`;
  return new RequestError('NO_SUCH_SUBSCRIPTION', message, { subscription });
}

/** `oldest`: what a stream can still go on from. `oldestTime`: when that was committed; null: it is not known. */
export function historyPurged(facts: { oldest: number; oldestTime: string | null }): RequestError {
  const { oldest, oldestTime } = facts;
  const since = oldestTime === null ? '' : ` (${oldestTime})`;
  const message = `This member can tell the changes behind sequence number ${oldest}${since} only; what was before is no longer held.`;
  return new RequestError('HISTORY_PURGED', message, facts);
}

export function readOnlyTransaction(op: string): RequestError {
  const does = op === 'forUpdate' ? 'locks rows' : 'writes';
  return new RequestError('READ_ONLY_TRANSACTION', `${show(op)} ${does}, and the transaction is read-only.`, {
    op,
  });
}

export function notOnline(state: MemberState): RequestError {
  return new RequestError('NOT_ONLINE', `This member is ${state}.`, { state });
}

export function noQuorum(state: MemberState): RequestError {
  return new RequestError('NO_QUORUM', 'This member reaches no majority of the group.', { state });
}

export function shuttingDown(state: MemberState): RequestError {
  return new RequestError('SHUTTING_DOWN', 'This member is shutting down.', { state });
}

export function diskFull(state: MemberState): RequestError {
  return new RequestError('DISK_FULL', 'The disk of this member is full.', { state });
}

/** `idempotencyKey`: with which it may be asked for again, or asked about. */
export function unknownOutcome(idempotencyKey: string | null): RequestError {
  const message =
    'The group was asked to commit and the answer did not come in time: it may be committed, now or later.';
  return new RequestError('UNKNOWN_OUTCOME', message, idempotencyKey === null ? {} : { idempotencyKey });
}

/** `gtid`: of what committed with the key. */
export function keyReused(idempotencyKey: string, gtid: string): RequestError {
  const message = `Another request has committed with the idempotency key ${show(idempotencyKey)}.`;
  return new RequestError('KEY_REUSED', message, { idempotencyKey, gtid });
}

export function keyFenced(idempotencyKey: string): RequestError {
  const message = `The idempotency key ${show(idempotencyKey)} was fenced: nothing commits with it.`;
  return new RequestError('KEY_FENCED', message, { idempotencyKey });
}

export function keyExpired(idempotencyKey: string): RequestError {
  const message = `The idempotency key ${show(idempotencyKey)} was made too long ago, or far in the future: what became of it may be forgotten.`;
  return new RequestError('KEY_EXPIRED', message, { idempotencyKey });
}

export function tooLarge(
  what: 'TRANSACTION_TOO_LARGE' | 'ROW_TOO_LARGE' | 'RESULT_TOO_LARGE',
  facts: { bytes: number; bytesMax: number; table?: string },
): RequestError {
  const name = { TRANSACTION_TOO_LARGE: 'transaction', ROW_TOO_LARGE: 'row', RESULT_TOO_LARGE: 'result' }[what];
  return new RequestError(what, `The ${name} has ${facts.bytes} bytes; at most ${facts.bytesMax} are allowed.`, facts);
}

export function tooManyRows(facts: { rows: number; rowsMax: number }): RequestError {
  const message = `The transaction writes ${facts.rows} rows; at most ${facts.rowsMax} are allowed.`;
  return new RequestError('TRANSACTION_TOO_LARGE', message, facts);
}

export function overloaded(retryAfterMs: number, problem: string): RequestError {
  return new RequestError('OVERLOADED', `${problem}; try again in ${retryAfterMs} ms.`, { retryAfterMs });
}

export function malformedMessage(problem: string): RequestError {
  return new RequestError('MALFORMED_MESSAGE', `The message cannot be read: ${problem}.`, { problem });
}

export function unknownOperation(op: string): RequestError {
  return new RequestError('UNKNOWN_OPERATION', `This version knows no operation ${show(op)}.`, { op });
}

/** A short form of a client's value for a message; facts carry it in full. */
export function show(value: unknown): string {
  const text =
    JSON.stringify(value, (_, part) =>
      typeof part === 'bigint' ? String(part) : part instanceof Uint8Array ? `<${part.length} bytes>` : part,
    ) ?? String(value);
  return text.length <= 120 ? text : `${text.slice(0, 117).toWellFormed()}...`;
}
