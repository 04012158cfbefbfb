import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { FORMS } from './forms.ts';
import { helpOf, helpOverview } from './help.ts';
import { parseValue } from './lenient-json.ts';
import { parseStatement, usageOf } from './parse-statement.ts';
import { StatementError, showStatementError } from './statement-error.ts';

function problemOf(text: string): StatementError {
  try {
    parseStatement(text);
  } catch (error) {
    assert.ok(error instanceof StatementError, String(error));
    return error;
  }
  assert.fail(`${text} was read`);
}

function argumentsOf(text: string) {
  const { name, arguments: args } = parseStatement(text);
  return { op: name, ...args };
}

describe('statements', () => {
  test('a name is followed by its arguments in order, then by clauses in any order', () => {
    assert.deepEqual(argumentsOf('put shop.products {"id":1,"stock":5}'), {
      op: 'put',
      table: 'shop.products',
      row: { id: 1, stock: 5 },
    });
    assert.deepEqual(argumentsOf('get shop.products 1'), { op: 'get', table: 'shop.products', key: 1 });
    assert.deepEqual(argumentsOf("get shop.items ['order-7', 2] columns ['id']"), {
      op: 'get',
      table: 'shop.items',
      key: ['order-7', 2],
      columns: ['id'],
    });
    const scan = { op: 'scan', table: 'a.b', where: { x: { lt: 3 } }, limit: 10, reverse: true, gte: 'm' };
    assert.deepEqual(argumentsOf('scan a.b where {x: {lt: 3}} limit 10 reverse gte "m"'), scan);
    assert.deepEqual(argumentsOf('scan a.b reverse gte "m" limit 10 where {x:{lt:3}}'), scan);
    assert.deepEqual(argumentsOf('update a.b 1 {stock: 4} if {stock: 5}'), {
      op: 'update',
      table: 'a.b',
      key: 1,
      set: { stock: 4 },
      if: { stock: 5 },
    });
    assert.deepEqual(argumentsOf('update a.b {stock: 4} all'), {
      op: 'update',
      table: 'a.b',
      set: { stock: 4 },
      all: true,
    });
    assert.deepEqual(argumentsOf('delete a.b where {stock: 0}'), { op: 'delete', table: 'a.b', where: { stock: 0 } });
    assert.deepEqual(argumentsOf('createTable a.b ["id"] {id:{type:"integer"}} ifNotExists'), {
      op: 'createTable',
      table: 'a.b',
      primaryKey: ['id'],
      columns: { id: { type: 'integer' } },
      ifNotExists: true,
    });
  });

  test('an object at the end gives further arguments', () => {
    assert.deepEqual(argumentsOf('get a.b 1 {atLeast: 17}'), { op: 'get', table: 'a.b', key: 1, atLeast: 17 });
    assert.deepEqual(argumentsOf('put a.b {id: 1} {attempts: 1}'), {
      op: 'put',
      table: 'a.b',
      row: { id: 1 },
      attempts: 1,
    });
    assert.deepEqual(argumentsOf('begin readOnly {onError: "continue"}'), {
      op: 'begin',
      readOnly: true,
      onError: 'continue',
    });
    assert.match(problemOf('get a.b 1 {key: 2}').message, /key is said twice/);
  });

  test('arguments may be one object, and a statement a whole request', () => {
    const get = { op: 'get', table: 'a.b', key: 1 };
    assert.deepEqual(argumentsOf('get {table: "a.b", key: 1}'), get);
    assert.deepEqual(argumentsOf('{"id": 7, "op": "get", "table": "a.b", "key": 1}'), get);
    assert.deepEqual(argumentsOf('setVariable {name: "member_weight", value: 5}'), {
      op: 'setVariable',
      name: 'member_weight',
      value: 5,
    });
    assert.match(problemOf('{"table": "a.b"}').message, /no "op"/);
    assert.match(problemOf('{op: "get"} 5').message, /unexpected 5/);
  });

  test('names are found in any case, and by their alias', () => {
    assert.equal(parseStatement('SCAN a.b').name, 'scan');
    assert.equal(parseStatement('createtable a.b ["id"]').name, 'createTable');
    assert.equal(parseStatement('stats').name, 'memberStats');
    assert.equal(parseStatement('quit').isShellCommand, true);
  });

  test('what cannot be read is an error that names it and its place', () => {
    const cases: [string, number, RegExp][] = [
      ['select * from t', 0, /select is no statement; help lists them/],
      ['get', 3, /TABLE is missing; get is get TABLE KEY/],
      ['get a.b', 7, /KEY is missing/],
      ['get a.b violin', 8, /KEY is violin; it takes a key: .*texts in quotes/],
      ['get a.b {x: 1} 5', 8, /KEY is \{x: 1\}/],
      ['put a.b 5', 8, /\{ROW\} is 5; it takes an object/],
      ['scan a.b limit', 14, /limit has no value; it takes a whole number/],
      ['scan a.b limit -1', 15, /limit is -1/],
      ['scan a.b frist 1', 9, /unexpected frist; scan takes where, gte/],
      ['scan a.b limit 1 limit 2', 17, /limit is said twice/],
      ['put a.b {id: 1}}', 15, /\} closes nothing/],
      ['put a.b {id: violin}', 13, /unexpected violin; texts are written in quotes/],
      ['put a.b {id: 1 x: 2}', 15, /unexpected x/],
      ['put a.b {id: 1,, x: 2}', 15, /unexpected ","/],
      ['put a.b {name: "\u{1f3bb}", id 5}', 24, /unexpected "5"/],
      ['put a.b {n: 9223372036854775807, id 5}', 36, /unexpected "5"/],
      ['put a.b {n: "one\ntwo", id 5}', 26, /unexpected "5"/],
      ['put a.b {id: 1', 8, /\{ is not closed/],
      ['rollback now', 9, /unexpected now; rollback takes nothing more/],
    ];
    for (const [text, offset, message] of cases) {
      const problem = problemOf(text);
      assert.match(problem.message, message, text);
      assert.equal(problem.offset, offset, text);
    }
    assert.equal(
      showStatementError(problemOf('put a.b {\n  id: violin}'), 'put a.b {\n  id: violin}'),
      'unexpected violin; texts are written in quotes\n    id: violin}\n        ^',
    );
  });

  test('no text makes it throw anything but its error, with a place in the text', () => {
    const names = FORMS.map(({ name }) => name);
    const piece = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom(
        ...names,
        'where',
        'limit',
        'a.b',
        '{',
        '}',
        '[',
        ']',
        '"',
        "'",
        '\\',
        '//',
        '/*',
        ':',
        ',',
        '\n',
        '9999999999999999999',
        '-',
      ),
      fc.json(),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom(' ', ''), (pieces, separator) => {
        const text = pieces.join(separator);
        try {
          parseStatement(text);
        } catch (error) {
          assert.ok(error instanceof StatementError, String(error));
          assert.ok(error.offset >= 0 && error.offset <= text.length, `${error.offset} in ${JSON.stringify(text)}`);
          showStatementError(error, text);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** Integers of 64 bits stay what they are. */
function exactly(_name: string, value: unknown): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || !/^-?\d+$/.test(String(value))) return value;
  return Math.abs(value) < 2 ** 63 ? BigInt(String(value)) : value;
}

describe('values', () => {
  test('every JSON value is read as JSON reads it', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 2), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        assert.deepEqual(parseValue(text), JSON.parse(text, exactly));
      }),
      { numRuns: 1_000 },
    );
  });

  test('an integer of any length is read exactly', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (integer) => {
        const expected = Number.isSafeInteger(Number(integer)) ? Number(integer) : integer;
        assert.deepEqual(parseValue(`{a: [${integer}], b: ${integer}}`), { a: [expected], b: expected });
        assert.equal(parseValue(String(integer)), expected);
      }),
    );
    assert.deepEqual(parseValue('["9223372036854775807", 1e20, 100000000000000000000, {a9223372036854775807: 1}]'), [
      '9223372036854775807',
      1e20,
      1e20,
      { a9223372036854775807: 1 },
    ]);
  });

  test('bytes are written as the API writes them, texts may have several lines', () => {
    assert.deepEqual(parseValue('{photo: {$bytes: "AQID"}}'), { photo: new Uint8Array([1, 2, 3]) });
    assert.deepEqual(parseValue('{$bytes: "no base64!"}'), { $bytes: 'no base64!' });
    assert.equal(parseValue('"one\ntwo\u2028three"'), 'one\ntwo\u2028three');
    assert.equal(parseValue("'one \\\ntwo'"), 'one two');
  });

  test('names, quotes, commas and comments may be as people write them', () => {
    const text = `{id: 1, // the key
      'name': 'vio"lin', /* { */ stock: +5, tags: ['a', "b",],}`;
    assert.deepEqual(parseValue(text), { id: 1, name: 'vio"lin', stock: 5, tags: ['a', 'b'] });
    assert.deepEqual(Object.keys(parseValue('{__proto__: {a: 1}}') as object), ['__proto__']);
  });

  test('a value nested deeper than a request may be is refused', () => {
    assert.doesNotThrow(() => parseValue('['.repeat(32) + ']'.repeat(32)));
    assert.throws(() => parseValue('['.repeat(100_000) + ']'.repeat(100_000)), /nested deeper than 32/);
  });
});

describe('help', () => {
  test('every example of every statement can be read, and is that statement', () => {
    for (const form of FORMS) {
      assert.ok(form.examples.length > 0, form.name);
      for (const example of form.examples) {
        assert.equal(parseStatement(example).name, form.name, example);
        assert.ok(helpOf(form).includes(example));
      }
    }
  });

  test('the overview names every statement, and the usage everything that it takes', () => {
    const overview = helpOverview();
    for (const form of FORMS) {
      assert.match(overview, new RegExp(`^  ${form.name}\\b`, 'm'));
      for (const clause of Object.keys(form.clauses)) assert.ok(usageOf(form).includes(`[${clause}`), form.name);
    }
    for (const line of overview.split('\n')) assert.ok(line.length <= 150, line);
  });
});
