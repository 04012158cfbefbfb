import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, type TestContext, test } from 'node:test';
import { runCommand } from '../testing/run-command.ts';
import { checkCommand } from './command.ts';
import { fileWith, get, linesOf, put, type Request, transaction } from './testing/history-file.ts';

const LISTS = 'test.lists';
const REGISTERS = 'test.registers';

/** Reads the list, appends to it. */
function append(process: number, id: number, before: readonly number[], value: number, commit: number) {
  const set = { values: [...before, value] };
  const write =
    before.length === 0
      ? put(LISTS, { id, ...set })
      : { op: 'update', arguments: { table: LISTS, key: id, set }, ok: { matched: 1 } };
  const read = get(LISTS, id, before.length === 0 ? null : { id, values: before });
  return transaction([read, write], { process, tx: `t${commit}`, commit });
}

function check(t: TestContext, requests: readonly Request[], ...options: readonly string[]) {
  return runHere(t, [fileWith(t, linesOf(requests)), ...options]);
}

/** As `runCommand`, in this process. */
async function runHere(t: TestContext, args: readonly string[]) {
  let output = '';
  let errors = '';
  const stream = new Writable({
    decodeStrings: false,
    write(text: string, _, done) {
      output += text;
      done();
    },
  });
  const written = t.mock.method(process.stderr, 'write', (text: string) => {
    errors += text;
    return true;
  });
  try {
    const optionNames = new Set(checkCommand.optionNames);
    const context = { args, environment: {}, output: stream as unknown as NodeJS.WriteStream, optionNames };
    const code = await checkCommand.run(context);
    return { code, output, errors };
  } finally {
    written.mock.restore();
  }
}

const GOOD = [...append(1, 1, [], 10, 1), ...append(2, 1, [10], 11, 2), get(LISTS, 1, { id: 1, values: [10, 11] })];

/** Each reads the row that the other writes: lines 2 to 17. */
const SKEW: readonly Request[] = [
  { process: 1, op: 'begin', arguments: { tx: 'a' }, ok: {} },
  { process: 2, op: 'begin', arguments: { tx: 'b' }, ok: {} },
  { ...get(REGISTERS, 1, null), process: 1, arguments: { tx: 'a', table: REGISTERS, key: 1 } },
  { ...get(REGISTERS, 2, null), process: 2, arguments: { tx: 'b', table: REGISTERS, key: 2 } },
  { process: 1, op: 'put', arguments: { tx: 'a', table: REGISTERS, row: { id: 2, value: 20 } }, ok: {} },
  { process: 2, op: 'put', arguments: { tx: 'b', table: REGISTERS, row: { id: 1, value: 10 } }, ok: {} },
  { process: 1, op: 'commit', arguments: { tx: 'a' }, ok: { gtid: 'g:4', sequenceNumber: 4 } },
  { process: 2, op: 'commit', arguments: { tx: 'b' }, ok: { gtid: 'g:5', sequenceNumber: 5 } },
];

describe('concert check', () => {
  test('says that there is no violation, what was checked and how much', async (t) => {
    const { code, output, errors } = await runCommand(['check', fileWith(t, linesOf(GOOD))]);
    assert.equal(code, 0, errors);
    assert.match(output, /^lists: test\.lists\.values$/m);
    assert.match(
      output,
      /^3 transactions: 3 committed, 0 failed, 0 of unknown outcome; 2 appends, 3 reads of lists; /m,
    );
    assert.match(output, /^no violation of snapshot isolation$/m);
  });

  test('shows a violation: who, where in the file, and what each saw of the other', async (t) => {
    const { code, output } = await runCommand(['check', fileWith(t, linesOf(SKEW)), '--level', 'serializable']);
    assert.equal(code, 1);
    const expected = [
      'VIOLATION: G2-item (write skew)',
      '  T1: lines 2 to 15, process 1 at member-1, 0.004 s to 0.013 s, sequence number 4',
      '  T2: lines 4 to 17, process 2 at member-1, 0.006 s to 0.015 s, sequence number 5',
      '  - T1 read nothing of test.registers[1].value, and after that version T2 wrote 10 (rw)',
      '  - T2 read nothing of test.registers[2].value, and after that version T1 wrote 20 (rw)',
      '',
      '1 violation of serializable: 1 G2-item',
    ];
    assert(output.endsWith(`${expected.join('\n')}\n`), output);
  });

  test('shows what the level allows, and does not call it a violation', async (t) => {
    const { code, output } = await check(t, SKEW);
    assert.equal(code, 0);
    assert.match(output, /^allowed: G2-item \(write skew\)$/m);
    assert.match(output, /^no violation of snapshot isolation; allowed at this level: 1 G2-item$/m);
  });

  test('holds each transaction to the isolation that it asked for, if that is wanted', async (t) => {
    const asking = (...levels: string[]) =>
      SKEW.map((request, at) =>
        at < levels.length ? { ...request, arguments: { ...request.arguments, isolation: levels[at] } } : request,
      );
    for (const [levels, last] of [
      [['SERIALIZABLE', 'SERIALIZABLE'], '1 violation of what each transaction asked for: 1 G2-item'],
      [['SERIALIZABLE'], 'no violation of what each transaction asked for; allowed at this level: 1 G2-item'],
      [[], 'no violation of what each transaction asked for; allowed at this level: 1 G2-item'],
      [['READ COMMITTED', 'SERIALIZABLE'], 'no violation of what each transaction asked for'],
    ] as const) {
      const { output } = await check(t, asking(...levels), '--level=as-asked');
      assert(output.endsWith(`${last}\n`), output);
    }
  });

  test('takes levels with hyphens, and puts versions in order by either way', async (t) => {
    const old = [...append(1, 1, [], 10, 1), { ...get(LISTS, 1, null), process: 2 }];
    for (const order of ['reads', 'sequence-numbers']) {
      const { code } = await check(t, old, '--level=strong-snapshot-isolation', '--version-order', order);
      assert.equal(code, 1, order);
      assert.equal((await check(t, old, '--version-order', order)).code, 0, order);
    }
  });

  test('has no list in the order of its commits if their numbers say otherwise, and is content with what was read', async (t) => {
    const swapped = [...append(1, 1, [], 10, 2), ...append(2, 1, [10], 11, 1)];
    assert.equal((await check(t, swapped)).code, 1);
    assert.equal((await check(t, swapped, '--version-order=reads')).code, 0);
  });

  test('prints all that as JSON', async (t) => {
    const { code, output } = await check(t, SKEW, '--json', '--level', 'serializable');
    assert.equal(code, 1);
    const { violations, ...report } = JSON.parse(output);
    assert.deepEqual(
      { ...report, file: '' },
      {
        file: '',
        level: 'serializable',
        versionOrder: 'sequence-numbers',
        hasViolations: true,
        isTorn: false,
        lists: [],
        registers: ['test.registers.value'],
        banks: [],
        notChecked: [],
        transactions: { ok: 2, fail: 0, info: 0 },
        operations: { appends: 0, listReads: 0, writes: 2, reads: 2, totals: 0 },
        dependencies: 2,
        dependenciesNotFollowed: 0,
        violationCount: 1,
        allowedCount: 0,
        allowed: [],
      },
    );
    assert.deepEqual(violations[0].kind, 'G2-item');
    assert.deepEqual(
      violations[0].transactions.map(({ firstLine }: { firstLine: number }) => firstLine),
      [2, 4],
    );
  });

  test('shows as many anomalies as it is told to, and how many there are', async (t) => {
    const wrong = [5, 6, 7].map((value) => get(REGISTERS, 1, { id: 1, value }));
    const { code, output } = await check(
      t,
      [{ ...put(REGISTERS, { id: 1, value: 1 }), ok: {} }, ...wrong],
      '--limit=1',
    );
    assert.equal(code, 1);
    assert.equal(output.match(/^VIOLATION/gm)?.length, 1);
    assert.match(output, /^anomalies not shown \(see --limit\): 2$/m);
    assert.match(output, /^3 violations of snapshot isolation: 3 unknown-value$/m);
  });

  test('shows the beginning of a very long circle, and of very many transactions', async (t) => {
    const count = 30;
    const ids = Array.from({ length: count }, (_, id) => id);
    const begun = ids.flatMap((id): Request[] => [
      { process: id, op: 'begin', arguments: { tx: 'a' }, ok: {} },
      { process: id, op: 'get', arguments: { tx: 'a', table: REGISTERS, key: id }, ok: null },
      {
        process: id,
        op: 'put',
        arguments: { tx: 'a', table: REGISTERS, row: { id: (id + 1) % count, value: id } },
        ok: {},
      },
    ]);
    const ended = ids.map((id) => ({
      process: id,
      op: 'commit',
      arguments: { tx: 'a' },
      ok: { gtid: `g:${id + 1}`, sequenceNumber: id + 1 },
    }));
    const circle = await check(t, [...begun, ...ended], '--level=serializable');
    assert.match(circle.output, /^ {2}T12: .*\n {2}- (.*\n {2}- ){11}and so on: 30 steps back to T1$/m);

    const updates = ids.flatMap((id) =>
      transaction([get(REGISTERS, 1, null), put(REGISTERS, { id: 1, value: id })], {
        process: id,
        tx: 'a',
        commit: id + 1,
      }),
    );
    const lost = await check(t, updates, '--limit=1');
    assert.match(
      lost.output,
      /^ {2}T12: .*\n {2}- test\.registers\[1\]\.value: they read null, and each wrote\n {2}- 18 more of /m,
    );
  });

  test('does not let what it shows move the cursor of a terminal', async (t) => {
    const wrong = get(REGISTERS, '\u001b[2J', { id: '\u001b[2J', value: 'x\u001b[31m' });
    const { output } = await check(t, [{ ...put(REGISTERS, { id: 1, value: 1 }), ok: {} }, wrong]);
    assert.match(output, /unknown-value/);
    assert(!output.includes('\u001b'), JSON.stringify(output));
  });

  describe('with a bank', () => {
    const account = (id: number, balance: number) => ({ ...put('test.bank', { id, balance }), ok: {} });
    const scan = (...balances: readonly number[]): Request => ({
      op: 'scan',
      arguments: { table: 'test.bank' },
      ok: { rows: balances.map((balance, id) => ({ id, balance })) },
    });
    const setUp = [account(0, 60), account(1, 40)];

    test('finds a total that changes', async (t) => {
      const good = await check(t, [...setUp, scan(60, 40), scan(100)], '--bank', 'test.bank.balance');
      assert.equal(good.code, 0, good.errors);
      const { code, output } = await check(t, [...setUp, scan(60, 40), scan(60)], '--bank', 'test.bank.balance');
      assert.equal(code, 1);
      assert.match(output, /^VIOLATION: wrong-total \(a total that changes\)$/m);
      assert.match(output, /test\.bank\.balance: 60 was read, not 100$/m);
    });

    test('finds a total that is not what it was said to be', async (t) => {
      assert.equal((await check(t, [...setUp, scan(60, 40)], '--bank', 'test.bank.balance=100')).code, 0);
      assert.equal((await check(t, [...setUp, scan(60, 40)], '--bank', 'test.bank.balance=99')).code, 1);
    });

    test('looks neither at reads of a part, nor at what a transaction has half moved', async (t) => {
      const part = { ...scan(60), arguments: { table: 'test.bank', limit: 1 } };
      const paged = { ...scan(60), ok: { rows: [{ id: 0, balance: 60 }], cursor: 'c' } };
      const moving = transaction(
        [put('test.bank', { id: 0, balance: 10 }), scan(10, 40), put('test.bank', { id: 1, balance: 90 })],
        { tx: 'a', commit: 3 },
      );
      const { code, output } = await check(
        t,
        [...setUp, scan(60, 40), part, paged, ...moving],
        '--bank',
        'test.bank.balance',
      );
      assert.equal(code, 0, output);
      assert.match(output, /; 1 total; /);
    });

    test('needs a read of all accounts', async (t) => {
      const { code, errors } = await check(t, setUp, '--bank', 'test.bank.balance');
      assert.equal(code, 2);
      assert.match(errors, /nobody reads all of test\.bank by one scan/);
    });
  });

  describe('leaves a column out, and says why and by which line,', () => {
    const columns: readonly (readonly [string, readonly Request[], RegExp])[] = [
      [
        'if a value is written to a row twice',
        [1, 2].map(() => ({ ...put(REGISTERS, { id: 1, value: 7 }), ok: {} })),
        /test\.registers\.value, line 4: 7 is written to row 1 a second time, after line 2/,
      ],
      [
        'if rows are set by a range of keys',
        [
          { ...put(REGISTERS, { id: 1, value: 7 }), ok: {} },
          { op: 'update', arguments: { table: REGISTERS, all: true, set: { value: 3 } }, ok: { matched: 1 } },
        ],
        /test\.registers\.value, line 4: rows are set by a range of keys/,
      ],
      [
        'if it is incremented, before it is ever written, too',
        [
          { op: 'increment', arguments: { table: REGISTERS, key: 1, column: 'value', by: 1 }, ok: {} },
          { ...put(REGISTERS, { id: 1, value: 7 }), ok: {} },
        ],
        /test\.registers\.value, line 2: it is incremented/,
      ],
      [
        'if rows are put without it',
        [
          { ...put(REGISTERS, { id: 1, value: 7 }), ok: {} },
          { ...put(REGISTERS, { id: 2 }), ok: {} },
        ],
        /test\.registers\.value, line 2: some rows are put without it/,
      ],
      [
        'if its table is emptied',
        [
          { ...put(REGISTERS, { id: 1, value: 7 }), ok: {} },
          { op: 'truncateTable', arguments: { table: REGISTERS }, ok: { sequenceNumber: 3 } },
        ],
        /test\.registers\.value, line 4: the table is emptied by truncateTable/,
      ],
    ];
    for (const [name, requests, expected] of columns) {
      test(name, async (t) => {
        const { code, output, errors } = await check(t, requests);
        assert.equal(code, 2, 'nothing is left to check');
        assert.match(errors, expected);
        assert.equal(output, '');
        const first = linesOf(GOOD).length - 1;
        const beside = await check(t, [...GOOD, ...requests]);
        assert.equal(beside.code, 0, beside.errors);
        const line = Number(/line (\d+):/.exec(expected.source)![1]) + first;
        assert.match(beside.output, new RegExp(`^not checked:\n  test\\.registers\\.value, line ${line}: `, 'm'));
      });
    }
  });

  describe('cannot check, says why and ends with 2', () => {
    const refused: readonly (readonly [string, readonly string[], readonly string[], RegExp])[] = [
      ['what is no history', ['{"a":1}'], [], /history\.jsonl, line 1: has no header/],
      ['a line that is no JSON', [linesOf([])[0]!, 'x', 'y'], [], /history\.jsonl, line 2: is no JSON/],
      [
        'a request without arguments',
        [linesOf([])[0]!, '{"index":0,"timeUs":0,"type":"invoke","process":1,"member":null,"op":"get"}'],
        [],
        /history\.jsonl, line 2: get has no arguments/,
      ],
      ['a history of nothing', linesOf([]), [], /no request in it reads or writes rows/],
      [
        'a column that nobody writes',
        linesOf(GOOD),
        ['--list=test.lists.items'],
        /nobody writes test\.lists\.items; its columns are values/,
      ],
      [
        'a table that nobody writes',
        linesOf(GOOD),
        ['--register=test.other.value'],
        /nobody writes test\.other\.value; tables are test\.lists/,
      ],
      [
        'a list that is none',
        linesOf(SKEW),
        ['--list=test.registers.value'],
        /line 10: test\.registers\.value is no list: it is set to 20/,
      ],
      [
        'a row without its key',
        linesOf([{ ...put(REGISTERS, { name: 1, value: 2 }), ok: {} }]),
        [],
        /line 2: a row of test\.registers has no column id; say --primary-key test\.registers\.COLUMN/,
      ],
    ];
    for (const [name, lines, options, expected] of refused) {
      test(name, async (t) => {
        const { code, output, errors } = await runHere(t, [fileWith(t, lines), ...options]);
        assert.equal(code, 2);
        assert.equal(output, '');
        assert.match(errors, expected);
        assert.equal(errors.trim().split('\n').length, 1);
      });
    }

    test('a file that is not there', async () => {
      const { code, errors } = await runCommand(['check', '/nowhere/history.jsonl']);
      assert.equal(code, 2);
      assert.match(errors, /\/nowhere\/history\.jsonl cannot be read: ENOENT/);
    });

    test('what options do not say', async () => {
      for (const [option, expected] of [
        ['--level=mine', /--level is "mine"; it takes one of read committed, /],
        ['--list=a.b', /--list is "a\.b"; it takes columns SCHEMA\.TABLE\.COLUMN/],
        ['--bank=a.b.c=x', /--bank is "a\.b\.c=x"; it takes columns SCHEMA\.TABLE\.COLUMN or /],
      ] as const) {
        const { code, errors } = await runCommand(['check', 'history.jsonl', option]);
        assert.equal(code, 2);
        assert.match(errors, expected);
      }
    });
  });

  test('does not stumble over requests that made no sense and were refused', async (t) => {
    const refused: readonly Request[] = [
      { op: 'put', arguments: {}, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'put', arguments: { table: REGISTERS, row: { value: 1 } }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'insert', arguments: { table: REGISTERS, row: 7 }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'update', arguments: { table: REGISTERS, key: 1 }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'delete', arguments: { table: 3 }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'getMany', arguments: { keys: 3 }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'transact', arguments: { steps: 'x' }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'transact', arguments: { steps: [null, {}, 3] }, fail: { code: 'INVALID_ARGUMENT' } },
      { op: 'commit', arguments: { tx: 'none' }, fail: { code: 'NO_SUCH_TRANSACTION' } },
    ];
    const { code, errors } = await check(t, [...GOOD, ...refused]);
    assert.equal(code, 0, errors);
  });

  test('knows the primary key from the creation of the table, or as it is told', async (t) => {
    const rows: readonly Request[] = [
      { ...put(REGISTERS, { part: 1, name: 'a', value: 1 }), ok: {} },
      { op: 'get', arguments: { table: REGISTERS, key: [1, 'a'] }, ok: { part: 1, name: 'a', value: 1 } },
    ];
    const created = { op: 'createTable', arguments: { table: REGISTERS, primaryKey: ['part', 'name'] }, ok: {} };
    assert.equal((await check(t, rows)).code, 2);
    assert.equal((await check(t, [created, ...rows])).code, 0);
    assert.equal((await check(t, rows, '--primary-key=test.registers.part,test.registers.name')).code, 0);
  });
});
