/** Every operation that this version knows, and the arguments that it takes. */

import { STATEMENTS } from '../statements/index.ts';
import { SCHEMA_ARGUMENTS } from '../statements/schema-change.ts';
import type { Statement } from '../statements/statement.ts';
import { ArgumentNames, BEGIN_ARGUMENTS } from './begin-arguments.ts';

export type Operation =
  | {
      readonly kind: 'statement';
      readonly statement: Statement;
      /** In a transaction. */
      readonly inside: ArgumentNames;
      /** As a transaction of its own. */
      readonly alone: ArgumentNames;
    }
  | { readonly kind: 'schema'; readonly argumentNames: ArgumentNames }
  | {
      readonly kind:
        | 'begin'
        | 'commit'
        | 'rollback'
        | 'savepoint'
        | 'rollbackTo'
        | 'transact'
        | 'outcome'
        | 'cancel'
        | 'ping'
        | 'members'
        | 'memberStats'
        | 'transactions'
        | 'abortTransaction'
        | 'conflicts'
        | 'conflictSummary'
        | 'variables'
        | 'setVariable'
        | 'leave'
        | 'join'
        | 'expel'
        | 'transferLeadership'
        | 'subscribe'
        | 'unsubscribe';
      readonly argumentNames: ArgumentNames;
    };

const ENVELOPE = ['id', 'op'];

export const OPERATIONS: ReadonlyMap<string, Operation> = new Map<string, Operation>([
  ...[...STATEMENTS].map(([op, statement]) => [op, statementOperation(op, statement)] as const),
  ...Object.entries(SCHEMA_ARGUMENTS).map(([op, known]) => [op, schemaOperation(op, known)] as const),
  simple('begin', ['tx', ...BEGIN_ARGUMENTS]),
  simple('commit', ['tx', 'profile']),
  simple('rollback', ['tx']),
  simple('savepoint', ['tx', 'name']),
  simple('rollbackTo', ['tx', 'name']),
  simple('transact', ['steps', 'attempts', 'profile', ...BEGIN_ARGUMENTS]),
  simple('outcome', ['idempotencyKey', 'fence']),
  simple('cancel', ['target']),
  simple('ping', []),
  simple('members', []),
  simple('memberStats', []),
  simple('transactions', ['limit']),
  simple('abortTransaction', ['transactionId']),
  simple('conflicts', ['limit', 'table']),
  simple('conflictSummary', ['limit', 'table']),
  simple('variables', []),
  simple('setVariable', ['name', 'value']),
  simple('leave', []),
  simple('join', []),
  simple('expel', ['memberId']),
  simple('transferLeadership', ['memberId']),
  simple('subscribe', ['stream', 'table', 'from', 'waitTimeoutMs']),
  simple('unsubscribe', ['subscription']),
]);

function simple(
  op: Exclude<Operation['kind'], 'statement' | 'schema'>,
  known: readonly string[],
  unsupported: Readonly<Record<string, string>> = {},
): readonly [string, Operation] {
  return [op, { kind: op, argumentNames: new ArgumentNames({ op, known: [...ENVELOPE, ...known], unsupported }) }];
}

function statementOperation(op: string, statement: Statement): Operation {
  const unsupported = statement.unsupported ?? {};
  const known = [...ENVELOPE, ...statement.argumentNames];
  return {
    kind: 'statement',
    statement,
    inside: new ArgumentNames({ op, known: [...known, 'tx'], unsupported }),
    alone: new ArgumentNames({
      op,
      known,
      unsupported,
      ofBegin: [...BEGIN_ARGUMENTS, 'attempts', 'profile'],
    }),
  };
}

function schemaOperation(op: string, known: readonly string[]): Operation {
  return { kind: 'schema', argumentNames: new ArgumentNames({ op, known: [...ENVELOPE, ...known], unsupported: {} }) };
}
