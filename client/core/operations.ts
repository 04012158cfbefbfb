/** What the client has to know of an operation. One that it does not know is taken for a write. */

/** Change nothing, and so may be asked again. */
const READS: ReadonlySet<string> = new Set([
  'get',
  'getMany',
  'scan',
  'count',
  'tables',
  'describe',
  'members',
  'memberStats',
  'transactions',
  'conflicts',
  'conflictSummary',
  'variables',
  'outcome',
  'ping',
]);

/** Take the arguments of `begin`. */
const STATEMENTS: ReadonlySet<string> = new Set([
  'get',
  'getMany',
  'scan',
  'count',
  'tables',
  'describe',
  'insert',
  'put',
  'update',
  'delete',
  'increment',
  'transact',
]);

/** The options of a run that the member is told: arguments of `begin`, and of each statement that is a transaction of its own. */
export const RUN_ARGUMENTS = [
  'isolation',
  'consistency',
  'readOnly',
  'atLeast',
  'waitTimeoutMs',
  'lockTimeoutMs',
  'asOf',
  'idempotencyKey',
] as const;

export function isRead(op: string): boolean {
  return READS.has(op);
}

export function isStatement(op: string): boolean {
  return STATEMENTS.has(op);
}

/** Moves within a transaction; writes nothing by itself. */
export function isSavepoint(op: string): boolean {
  return op === 'savepoint' || op === 'rollbackTo';
}
