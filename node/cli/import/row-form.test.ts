import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ColumnType } from './column-types.ts';
import { type FormTable, RowForm } from './row-form.ts';

const TYPED: FormTable = {
  primaryKey: ['id'],
  columns: {
    id: { type: 'integer', nullable: false },
    price: { type: 'double', nullable: true },
    sum: { type: 'decimal', nullable: true },
    name: { type: 'text', nullable: false },
    sold: { type: 'boolean', nullable: true },
    photo: { type: 'bytes', nullable: true },
    at: { type: 'timestamp', nullable: true },
    tags: { type: 'json', nullable: true },
    origin: { type: 'text', nullable: false, default: 'here' },
  },
};
const FREE: FormTable = { primaryKey: ['id', 'part'], columns: null };

function ofCsv(
  table: FormTable,
  fields: Readonly<Record<string, string>>,
  types: Readonly<Record<string, ColumnType>> = {},
) {
  const columns = Object.keys(fields);
  const form = new RowForm(table, { columns, types: new Map(Object.entries(types)), nullText: '\\N' });
  return form.form({ kind: 'fields', fields: Object.values(fields) });
}

function ofJson(table: FormTable, value: unknown) {
  return new RowForm(table, null).form({ kind: 'value', value, text: '' });
}

function rowOf(formed: ReturnType<typeof ofJson>): unknown {
  assert.ok(formed.kind === 'row', `fits: ${formed.kind === 'misfit' ? misfitOf(formed) : ''}`);
  return formed.row;
}

function misfitOf(formed: ReturnType<typeof ofJson>): string {
  assert.ok(formed.kind === 'misfit');
  return `${formed.column}: ${formed.problem}`;
}

describe('a row of CSV', () => {
  test('has the values that its texts stand for, by the types of the columns', () => {
    const fields = {
      id: '9007199254740993',
      price: '1.5e2',
      sum: '010.50',
      name: '',
      sold: 'F',
      photo: 'AQI=',
      at: '2026-11-20T09:00:00Z',
      tags: '{"a":[9007199254740993]}',
    };
    const misfit = ofCsv(TYPED, fields);
    assert.equal(misfitOf(misfit), 'tags: expected json, not object', 'json has no whole numbers beyond 2^53');
    assert.deepEqual(rowOf(ofCsv(TYPED, { ...fields, tags: '{"a":[1]}' })), {
      id: 9007199254740993n,
      price: 150,
      sum: '10.5',
      name: '',
      sold: false,
      photo: new Uint8Array([1, 2]),
      at: '2026-11-20T09:00:00.000Z',
      tags: { a: [1] },
    });
  });

  test('is null where a field has no text, but in text columns, and where it has the text for null', () => {
    assert.deepEqual(rowOf(ofCsv(TYPED, { id: '1', name: '', price: '', sold: '\\N' })), {
      id: 1,
      name: '',
      price: null,
      sold: null,
    });
    assert.equal(misfitOf(ofCsv(TYPED, { id: '', name: 'a' })), 'id: must have a value');
    assert.equal(misfitOf(ofCsv(TYPED, { id: '1', name: '\\N' })), 'name: must have a value');
  });

  test('does not fit where a text stands for no value of its column', () => {
    for (const [column, text] of [
      ['id', '1.5'],
      ['id', '9223372036854775808'],
      ['id', 'x'],
      ['price', '1,5'],
      ['price', '1e999'],
      ['price', 'NaN'],
      ['sum', '1e5'],
      ['sold', 'yes'],
      ['photo', 'AQ'],
      ['at', 'yesterday'],
      ['tags', '{'],
    ] as const) {
      const misfit = ofCsv(TYPED, { id: '1', name: 'a', [column]: text });
      assert.match(misfitOf(misfit), new RegExp(`^${column}: expected `), text);
    }
  });

  test('of a free-form table is text, but where types were told', () => {
    assert.deepEqual(rowOf(ofCsv(FREE, { id: '7', part: 'a', n: '5' }, { id: 'integer' })), {
      id: 7,
      part: 'a',
      n: '5',
    });
  });
});

describe('a row of JSON', () => {
  test('fits by its types, and nothing is coerced', () => {
    assert.deepEqual(rowOf(ofJson(TYPED, { id: 1, name: 'a', price: 5, photo: { $bytes: 'AQI=' }, tags: [null] })), {
      id: 1,
      name: 'a',
      price: 5,
      photo: new Uint8Array([1, 2]),
      tags: [null],
    });
    assert.equal(misfitOf(ofJson(TYPED, { id: '1', name: 'a' })), 'id: expected integer, not text');
    assert.equal(misfitOf(ofJson(TYPED, { id: 1, name: 5 })), 'name: expected text, not a whole number');
    assert.equal(misfitOf(ofJson(TYPED, { id: 1, name: 'a', sum: 5 })), 'sum: expected decimal, not a whole number');
    assert.deepEqual(rowOf(ofJson(TYPED, { id: 2n ** 60n, name: 'a', price: 2n ** 60n })), {
      id: 2n ** 60n,
      name: 'a',
      price: 2 ** 60,
    });
  });

  test('does not fit with columns that the table has not, or without those that it needs', () => {
    assert.equal(misfitOf(ofJson(TYPED, { id: 1, name: 'a', colour: 1 })), 'colour: the table has no such column');
    assert.equal(misfitOf(ofJson(TYPED, { id: 1 })), 'name: must have a value');
    assert.equal(misfitOf(ofJson(TYPED, { id: 1, name: null })), 'name: must have a value');
    assert.equal(misfitOf(ofJson(TYPED, [1])), 'null: a row is an object, not array');
    assert.equal(misfitOf(ofJson(TYPED, null)), 'null: a row is an object, not null');
  });

  test('of a free-form table takes any value but in the key', () => {
    assert.deepEqual(rowOf(ofJson(FREE, { id: 1, part: 'a', x: { y: [1] }, z: null, w: 2n ** 60n })), {
      id: 1,
      part: 'a',
      x: { y: [1] },
      z: null,
      w: 2n ** 60n,
    });
    assert.equal(misfitOf(ofJson(FREE, { id: 1 })), 'part: a column of the primary key must have a value');
    assert.match(misfitOf(ofJson(FREE, { id: {}, part: 1 })), /^id: a column of the primary key takes a scalar/);
    assert.match(misfitOf(ofJson(FREE, { id: 1, part: 1, x: 2n ** 70n })), /^x: no column takes/);
  });
});

test('rows with equal primary keys have equal keys, however they are written, and others have others', () => {
  const keyOf = (value: unknown, table = FREE) => {
    const formed = ofJson(table, value);
    assert.ok(formed.kind === 'row');
    return formed.key;
  };
  assert.equal(keyOf({ id: 1, part: 'a', x: 1 }), keyOf({ part: 'a', id: 1.0, x: 2 }));
  assert.notEqual(keyOf({ id: 1, part: 'a' }), keyOf({ id: '1', part: 'a' }));
  assert.notEqual(keyOf({ id: 'a', part: 'b' }), keyOf({ id: 'b', part: 'a' }));
  const decimals: FormTable = { primaryKey: ['id'], columns: { id: { type: 'decimal' } } };
  assert.equal(keyOf({ id: '1.50' }, decimals), keyOf({ id: '1.5' }, decimals));
  const generated: FormTable = {
    primaryKey: ['id'],
    columns: { id: { type: 'text', default: { $generate: 'uuid' } } },
  };
  assert.equal(keyOf({}, generated), null, 'what the member makes up nobody else has');
});
