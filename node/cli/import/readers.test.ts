import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, test } from 'node:test';
import { parse as parseByLibrary } from 'csv-parse/sync';
import fc from 'fast-check';
import { openCsv } from './read-csv.ts';
import { readJsonArray } from './read-json-array.ts';
import { readJsonLines } from './read-json-lines.ts';
import { type Position, type SourceRow, START, UnreadableInput } from './source-row.ts';
import { allRows, pieces } from './testing/pieces.ts';

type Read = (bytes: Buffer, lengths: readonly number[], from: Position) => Promise<SourceRow[]>;

const jsonArray: Read = (bytes, lengths, from) => allRows(readJsonArray(pieces(bytes, lengths, from.bytes), from));
const jsonLines: Read = (bytes, lengths, from) => allRows(readJsonLines(pieces(bytes, lengths, from.bytes), from));
const csv: Read = async (bytes, lengths, from) => {
  const columns = from.rows === 0 ? null : ['a', 'b'];
  const { rows } = await openCsv(pieces(bytes, lengths, from.bytes), from, { delimiter: ',', columns });
  return allRows(rows);
};

const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 4 });
const space = fc.constantFrom('', ' ', '\n', '\r\n\t', '\n\n');

function contents(rows: readonly SourceRow[]): unknown[] {
  return rows.map(({ content }) => {
    if (content.kind === 'value') return content.value;
    return content.kind === 'fields' ? content.fields : content.problem;
  });
}

/** Whole numbers beyond 2^53 as bigints. */
function exact(value: unknown): unknown {
  if (typeof value === 'number')
    return /^-?\d{16,}$/.test(String(value)) && !Number.isSafeInteger(value) ? BigInt(String(value)) : value;
  if (Array.isArray(value)) return value.map(exact);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    Object.defineProperty(result, name, { value: exact(part), enumerable: true, writable: true, configurable: true });
  }
  return result;
}

/** The line that stands at an offset. */
function lineAt(bytes: Buffer, offset: number): number {
  return 1 + bytes.subarray(0, offset).filter((byte) => byte === 0x0a).length;
}

/** From behind each row the rest reads as it does from the start. */
async function checkRestarts(read: Read, bytes: Buffer, cuts: readonly number[], rows: readonly SourceRow[]) {
  for (const [place, row] of rows.entries()) {
    assert.equal(row.end.rows, place + 1);
    assert.equal(row.end.line, lineAt(bytes, row.end.bytes), 'a position knows its line');
    assert.deepEqual(await read(bytes, cuts, row.end), rows.slice(place + 1));
  }
}

describe('rows of a JSON array', () => {
  test('are what JSON.parse makes of the whole, in whatever chunks it comes, from the start or from behind any row', async () => {
    const element = fc.tuple(fc.jsonValue({ maxDepth: 3 }), space, space);
    await fc.assert(
      fc.asyncProperty(
        fc.array(element, { maxLength: 6 }),
        space,
        lengths,
        fc.boolean(),
        async (elements, around, cuts, indents) => {
          const texts = elements.map(
            ([value, before, behind]) => `${before}${JSON.stringify(value, null, indents ? 1 : 0)}${behind}`,
          );
          const bytes = Buffer.from(`${around}[${texts.join(',')}]${around}`);
          const rows = await jsonArray(bytes, cuts, START);
          assert.deepEqual(contents(rows), exact(JSON.parse(bytes.toString())));
          await checkRestarts(jsonArray, bytes, cuts, rows);
        },
      ),
    );
  });

  test('know the line that they begin on', async () => {
    const rows = await jsonArray(Buffer.from('[\n  {"a":\n 1},\n\n {"a": 2}, {"a": 3}\n]\n'), [3], START);
    assert.deepEqual(
      rows.map(({ line }) => line),
      [2, 5, 5],
    );
  });

  test('that are no JSON are unreadable one by one, and those behind them are read', async () => {
    const rows = await jsonArray(Buffer.from('[{"a":1},\n{"a":},{a:2} ,\n{"a":"]["} {},{"a":4}]'), [5], START);
    assert.deepEqual(
      rows.map(({ content, line }) => (content.kind === 'value' ? content.value : `${line} ${content.kind}`)),
      [{ a: 1 }, '2 unreadable', '2 unreadable', '3 unreadable', { a: 4 }],
    );
  });

  test('that are not UTF-8 are unreadable', async () => {
    const bytes = Buffer.concat([Buffer.from('[{"a":"'), Buffer.from([0xff]), Buffer.from('"},{"a":2}]')]);
    assert.deepEqual(contents(await jsonArray(bytes, [4], START)), ['text that is not UTF-8', { a: 2 }]);
  });

  test('end with the line of what is wrong where the array itself is', async () => {
    for (const [text, line, problem] of [
      ['', 1, /empty/],
      ['\n\n{"a":1}', 3, /expected "\[".*--format jsonl/],
      ['[{"a":1},\n]', 2, /a row is missing before "]"/],
      ['[\n,{"a":1}]', 2, /a row is missing before ","/],
      ['[{"a":1}', 1, /no end/],
      ['[{"a":1},\n{"a":"\n', 2, /no end/],
      ['[{"a":1},\n', 2, /ends before its array does/],
      ['[{"a":1}]\n[]', 2, /more behind the end/],
      ['[{"a":1}\n}]', 2, /"}" without/],
    ] as const) {
      await assert.rejects(jsonArray(Buffer.from(text), [2], START), (error) => {
        assert.ok(error instanceof UnreadableInput, text);
        assert.match(error.message, problem);
        assert.equal(error.line, line, text);
        return true;
      });
    }
  });

  test('may have a byte order mark before them', async () => {
    assert.deepEqual(contents(await jsonArray(Buffer.from('\ufeff[{"a":1}]'), [64], START)), [{ a: 1 }]);
  });
});

describe('rows of JSON lines', () => {
  test('are what JSON.parse makes of each line, in whatever chunks they come, from the start or from behind any row', async () => {
    const line = fc.option(fc.jsonValue({ maxDepth: 2 }), { nil: undefined });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 6 }),
        lengths,
        fc.constantFrom('\n', '\r\n'),
        async (values, cuts, end) => {
          const lines = values.map((value) => (value === undefined ? '  ' : JSON.stringify(value)));
          const bytes = Buffer.from(lines.join(end));
          const rows = await jsonLines(bytes, cuts, START);
          const expected = values.filter((value) => value !== undefined);
          assert.deepEqual(contents(rows), exact(JSON.parse(JSON.stringify(expected))));
          await checkRestarts(jsonLines, bytes, cuts, rows);
        },
      ),
    );
  });

  test('that are no JSON are unreadable one by one', async () => {
    const rows = await jsonLines(Buffer.from('\ufeff{"a":1}\n\n{"a":\n{"a":3}'), [7], START);
    assert.deepEqual(
      rows.map(({ content, line }) => [line, content.kind]),
      [
        [1, 'value'],
        [3, 'unreadable'],
        [4, 'value'],
      ],
    );
  });

  test('whole numbers beyond 2^53 stay what they are', async () => {
    const text =
      '{"a":9007199254740993,"b":[-9223372036854775808],"c":1e300,"d":"9007199254740993","e":12345678.1234567890000000}';
    assert.deepEqual(contents(await jsonLines(Buffer.from(text), [64], START)), [
      { a: 9007199254740993n, b: [-9223372036854775808n], c: 1e300, d: '9007199254740993', e: 12345678.123456789 },
    ]);
  });
});

describe('rows of CSV', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'é', ',', '"', '\n', '\r\n', ' ', '7'), maxLength: 5 });

  test('are what a library reads, in whatever chunks they come, from the start or from behind any row', async () => {
    const record = fc.tuple(cell, cell, fc.boolean());
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { maxLength: 6 }),
        lengths,
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        async (records, cuts, end, endsWell) => {
          const quoted = (text: string, always: boolean) =>
            always || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
          const lines = records.map(([a, b, always]) => `${quoted(a, always)},${quoted(b, always)}`);
          const bytes = Buffer.from(['a,b', ...lines].join(end) + (endsWell ? end : ''));
          const rows = await csv(bytes, cuts, START);
          assert.deepEqual(contents(rows), parseByLibrary(bytes, { from: 2 }));
          await checkRestarts(csv, bytes, cuts, rows);
        },
      ),
    );
  });

  test('know the line that they begin on, behind rows of several lines', async () => {
    const rows = await csv(Buffer.from('a,b\r\n1,"x\r\ny"\r\n\r\n2,z\r\n'), [4], START);
    assert.deepEqual(
      rows.map(({ line, content }) => [line, content.kind === 'fields' && content.fields]),
      [
        [2, ['1', 'x\r\ny']],
        [5, ['2', 'z']],
      ],
    );
  });

  test('that are wrong are unreadable one by one, and those behind them are read', async () => {
    const text = 'a,b\n1\n2,"x"y\n3,x"y"\n4,5,6\n7,8\n9,"""q"""\n,\n""\n';
    const rows = await csv(Buffer.from(text), [3], START);
    assert.deepEqual(contents(rows), [
      '1 field, where there are 2 columns',
      'field 2 goes on behind its last quote',
      'field 2 has a quote and does not begin with one',
      '3 fields, where there are 2 columns',
      ['7', '8'],
      ['9', '"q"'],
      ['', ''],
      '1 field, where there are 2 columns',
    ]);
  });

  test('end with the line of a quote that is never closed', async () => {
    await assert.rejects(csv(Buffer.from('a,b\n1,2\n3,"x\n4,5\n'), [3], START), (error) => {
      assert.ok(error instanceof UnreadableInput);
      assert.equal(error.line, 3);
      return true;
    });
    await assert.rejects(csv(Buffer.from('\n\n'), [3], START), /empty/);
  });

  test('that are not UTF-8 are unreadable', async () => {
    const bytes = Buffer.concat([Buffer.from('a,b\n1,'), Buffer.from([0xe9]), Buffer.from('\n2,\ufffd\n')]);
    assert.deepEqual(contents(await csv(bytes, [4], START)), ['text that is not UTF-8', ['2', '\ufffd']]);
  });

  test('may have another delimiter, columns told from outside, and a byte order mark', async () => {
    const bytes = Buffer.from('\ufeff1;a,b\n2;"c;d"');
    const { columns, rows } = await openCsv(pieces(bytes, [64]), START, { delimiter: ';', columns: ['id', 'x'] });
    assert.deepEqual(columns, ['id', 'x']);
    assert.deepEqual(contents(await allRows(rows)), [
      ['1', 'a,b'],
      ['2', 'c;d'],
    ]);
  });
});
