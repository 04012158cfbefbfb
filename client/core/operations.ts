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

export function isRead(op: string): boolean {
  return READS.has(op);
}

export function isStatement(op: string): boolean {
  return STATEMENTS.has(op);
}
