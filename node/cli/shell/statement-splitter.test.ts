import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { oneLine } from './history-file.ts';
import { parseValue } from './lenient-json.ts';
import { STATEMENT_CHARACTERS_MAX, StatementSplitter } from './statement-splitter.ts';

function split(input: string) {
  const splitter = new StatementSplitter();
  const statements = input.split('\n').flatMap((line) => [...splitter.push(line)]);
  return { statements, openedBy: splitter.openedBy, unfinished: splitter.unfinished };
}

const textsOf = (input: string) => split(input).statements.map(({ text }) => text);

describe('input', () => {
  test('a statement ends with its line or at a semicolon, but for what is in brackets and quotes', () => {
    assert.deepEqual(textsOf('begin; put a.b {t: "x;y", u: [";"]} ;commit\n\nget a.b 1;'), [
      'begin',
      'put a.b {t: "x;y", u: [";"]}',
      'commit',
      'get a.b 1',
    ]);
  });

  test('an open bracket or quote goes on in the next line, and says what is open', () => {
    assert.deepEqual(textsOf('put a.b {\n  id: 1,\n}\nping'), ['put a.b {\n  id: 1,\n}', 'ping']);
    for (const [input, opened] of [
      ['put a.b {', '{'],
      ['put a.b {t: [1,', '['],
      ['put a.b {t: "x', '"'],
      ["put a.b {t: 'x}", "'"],
      ['put a.b {t: /* ]', '/*'],
      ['put a.b {t: 1 // }', '{'],
      ['put a.b {t: "x\\"', '"'],
    ] as const) {
      assert.equal(split(input).openedBy, opened, input);
      assert.deepEqual(split(input).unfinished, { text: input, line: 1 });
    }
    assert.equal(split('put a.b {t: "{"}').openedBy, null);
  });

  test('a bracket that closes nothing ends the statement with its line', () => {
    assert.deepEqual(textsOf('put a.b {id: 1]\nping'), ['put a.b {id: 1]', 'ping']);
  });

  test('a statement knows its line, and lines that begin with # are comments', () => {
    assert.deepEqual(split('# shop\nbegin\n\nput a.b {\n# no comment\n}\n  # end\ncommit').statements, [
      { text: 'begin', line: 2 },
      { text: 'put a.b {\n# no comment\n}', line: 4 },
      { text: 'commit', line: 8 },
    ]);
  });

  test('an unfinished statement can be dropped', () => {
    const splitter = new StatementSplitter();
    splitter.push('put a.b {');
    splitter.drop();
    assert.equal(splitter.unfinished, null);
    assert.deepEqual(splitter.push('ping'), [{ text: 'ping', line: 2 }]);
  });

  test('a statement does not grow without end', () => {
    const splitter = new StatementSplitter();
    splitter.push('put a.b {');
    const part = ' '.repeat(1024 * 1024);
    assert.throws(() => {
      for (let i = 0; i * part.length <= STATEMENT_CHARACTERS_MAX; i++) splitter.push(part);
    }, /longer than/);
    assert.deepEqual(splitter.push('ping').length, 1);
  });

  test('no line makes it throw', () => {
    const units = fc.constantFrom('{', '}', '[', ']', '"', "'", '\\', '/', '*', ';', '#', 'a', ' ');
    fc.assert(fc.property(fc.array(fc.string({ unit: units })), (lines) => void split(lines.join('\n'))));
  });
});

describe('history', () => {
  test('an input of several lines is kept as one that means the same', () => {
    const input = `{id: 1, // the "key
      'name': 'one
two', url: "http://x", /* { */ stock: 5}`;
    const line = oneLine(input);
    assert.doesNotMatch(line, /\n/);
    assert.deepEqual(parseValue(line), parseValue(input));
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const text = JSON.stringify(value, null, 2);
        assert.deepEqual(parseValue(oneLine(text)), parseValue(text));
      }),
    );
  });
});
