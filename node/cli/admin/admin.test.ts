import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MemberRow, TransactionRow } from '../../../client/index.ts';
import { memberLabel } from '../member-label.ts';
import { statusTable } from '../status.ts';
import { runCommand } from '../testing/run-command.ts';
import { transactionTable } from './open-transactions.ts';
import { memberCalled } from './run-admin.ts';
import { variableTable } from './variables.ts';

const ROWS: readonly MemberRow[] = ['aa10', 'aa20', 'bb30'].map((memberId, i) => ({
  memberId,
  host: '127.0.0.1',
  port: 7001 + i,
  state: 'ONLINE',
  role: 'PRIMARY',
  version: '1',
  viewId: '9:4',
  weight: 50,
  reachable: true,
  leads: i === 0,
  learner: i === 2,
  hasRoom: i !== 1,
  reaches: i === 2 ? [] : ['aa10', 'aa20'],
  transfer: i === 2 ? { kind: 'state', donor: 'aa10', bytes: 3 * 1024 * 1024, rows: 12 } : null,
}));

test('a member is called by its id, the beginning of it, or its address', () => {
  assert.equal(memberCalled('bb30', ROWS).port, 7003);
  assert.equal(memberCalled('bb', ROWS).port, 7003);
  assert.equal(memberCalled('127.0.0.1:7002', ROWS).memberId, 'aa20');
  assert.throws(() => memberCalled('aa', ROWS), /"aa" is the beginning of several: aa10 \(127.0.0.1:7001\), aa20/);
  assert.throws(() => memberCalled('cc', ROWS), /"cc" is none of the members: /);
});

test('status shows the view, what keeps members from being full ones, and who hears whom', () => {
  const lines = statusTable(ROWS, []).split('\n');
  assert.equal(lines[0], 'view 9:4: 2 voters, 1 catching up');
  assert.match(lines[2]!, /^aa10 +127\.0\.0\.1:7001 +ONLINE +leader +PRIMARY/);
  assert.match(lines[3]!, /ONLINE \(disk full\)/);
  assert.match(lines[4]!, /ONLINE \(learner, receiving state: 12 rows, 3\.0 MiB\)/);
  assert.match(lines[7]!, /^127\.0\.0\.1:7001 +yes +yes +no$/);
  assert.match(lines[9]!, /^127\.0\.0\.1:7003 +\? +\? +\?$/);
});

test('open transactions are shown with what they hold back and whom they wait for', () => {
  const row: TransactionRow = {
    transactionId: 'aa10:3:7',
    member: 'aa10',
    tx: '#1',
    state: 'open',
    ageMs: 61_240,
    isolation: 'SERIALIZABLE',
    isReadOnly: false,
    snapshotVersion: 12,
    floorHeld: 11,
    holdsFloor: true,
    rowsWritten: 2,
    bytes: 300,
    locks: 1,
    waitsFor: null,
  };
  const waiting: TransactionRow = {
    ...row,
    transactionId: 'bb30:1:2',
    member: 'bb30',
    state: 'waiting',
    snapshotVersion: null,
    floorHeld: null,
    holdsFloor: false,
    isReadOnly: true,
    waitsFor: { table: 'bank.account', key: '5', heldBy: 'aa10:3:7' },
  };
  const lines = transactionTable([row, waiting], memberLabel([], ROWS)).split('\n');
  assert.match(lines[1]!, /^aa10:3:7 +127\.0\.0\.1:7001 +#1 +open +61\.2 +12 +11 \(lowest\) +2 +1$/);
  assert.match(lines[2]!, /waiting, read-only +61\.2 +- +- +2 +1 +bank\.account 5, held by aa10:3:7$/);
  assert.equal(transactionTable([], memberLabel([], ROWS)), 'no transaction is open\n');
});

test('variables are shown with what they may be', () => {
  const row = { name: 'a_rule', value: 'one', default: 'one', allowed: ['one', 'two'], scope: 'group', since: 0 };
  const lines = variableTable([{ ...row, description: '' }]).split('\n');
  assert.match(lines[1]!, /^a_rule +one +- +one, two$/);
});

describe('concert admin', () => {
  const fails = async (code: number, expected: RegExp, ...args: string[]) => {
    const { code: exitCode, errors } = await runCommand(['admin', ...args]);
    assert.equal(exitCode, code, errors);
    assert.match(errors, expected);
    assert.equal(errors.trimEnd().split('\n').length, 1);
  };

  test('says what it can do', async () => {
    const { code, output } = await runCommand(['admin', '--help']);
    assert.equal(code, 0);
    for (const name of ['leave', 'join', 'expel', 'transfer-leader', 'transactions', 'abort', 'variables', 'set'])
      assert.match(output, new RegExp(`admin ${name} `));
    const expel = await runCommand(['admin', 'expel', '--help']);
    assert.match(expel.output, /^concert admin expel MEMBER: /);
  });

  test('refuses in one line what makes no sense', async () => {
    await fails(
      2,
      /says nothing of what to do; it takes one of leave, join, expel, transfer-leader, transactions, abort, variables, set/,
    );
    await fails(2, /has no "evict"/, 'evict');
    await fails(2, /MEMBER is missing/, 'expel');
    await fails(2, /TRANSACTION is missing/, 'abort');
    await fails(2, /VALUE is missing/, 'set', 'certification_rule');
    await fails(2, /--url is missing; it says which member is meant/, 'leave');
    await fails(2, /--url names several members/, 'join', '--url', 'ws://127.0.0.1:1/v1,ws://127.0.0.1:2/v1');
    await fails(2, /unknown option --force/, 'expel', 'aa', '--force');
  });
});
