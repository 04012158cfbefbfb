import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { RowKey } from '../../../certifier/types.ts';
import type { Row } from '../image-codec.ts';
import { rangeOf } from '../key-codec.ts';
import { Table } from '../table.ts';
import type { IndexDefinition, TableDefinition } from '../table-definition.ts';
import { compareValues } from '../values.ts';
import { entryChangesOf } from './entry-changes.ts';

const INDEXES: readonly Omit<IndexDefinition, 'indexId' | 'since' | 'state'>[] = [
  { name: 'by_a', columns: ['a'], isUnique: false },
  { name: 'by_b_a', columns: ['b', 'a'], isUnique: false },
  { name: 'unique_a_b', columns: ['a', 'b'], isUnique: true },
];

function definitionOf(
  columns: TableDefinition['columns'],
  indexes: readonly Partial<IndexDefinition>[] = INDEXES,
): TableDefinition {
  return {
    tableId: 9,
    name: 'test.rows',
    schemaVersion: 1,
    primaryKey: ['id', 'part'],
    columns,
    places: [],
    nextIndexId: indexes.length + 1,
    indexes: indexes.map((index, i) => ({ ...INDEXES[0]!, indexId: i + 1, since: 1, state: 'valid', ...index })),
    foreignKeys: [],
    referencedBy: [],
  };
}

const small = fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom(null, 'x', 'x\0', 2 ** 53, Uint8Array.of(0)));
const rows = fc.record<Row>(
  { id: fc.integer({ min: 0, max: 3 }), part: fc.constantFrom('', 'p', '\0'), a: small, b: small },
  { requiredKeys: ['id', 'part'] },
);
const table = new Table(definitionOf(null));
const keyOf = (row: Row): RowKey => table.rowKey([row.id, row.part]);
const columnOf = (row: Row, column: string): unknown => (Object.hasOwn(row, column) ? row[column] : null);

test('an entry stands for its row, and is in the order of its columns and then of the primary key', () => {
  for (const index of table.indexes) {
    fc.assert(
      fc.property(rows, rows, (one, other) => {
        const [entry, otherEntry] = [index.entryOf(one, keyOf(one))!, index.entryOf(other, keyOf(other))!];
        assert.equal(index.rowKeyOf(entry.key, entry.image), keyOf(one));
        let expected = 0;
        for (const column of index.columns) {
          expected ||= compareValues(columnOf(one, column), columnOf(other, column), null);
        }
        const isOne = index.isUnique && index.columns.every((column) => columnOf(one, column) !== null);
        if (!isOne) expected ||= keyOf(one) < keyOf(other) ? -1 : keyOf(one) > keyOf(other) ? 1 : 0;
        assert.equal(Math.sign(expected), entry.key < otherEntry.key ? -1 : entry.key > otherEntry.key ? 1 : 0);
      }),
      { numRuns: 500 },
    );
  }
});

test('two rows have one key in a unique index exactly if they have the same values there and none is null', () => {
  const unique = table.indexes[2]!;
  fc.assert(
    fc.property(rows, rows, (one, other) => {
      fc.pre(keyOf(one) !== keyOf(other));
      const isSame = unique.entryOf(one, keyOf(one))!.key === unique.entryOf(other, keyOf(other))!.key;
      const areEqual = unique.columns.every((column) => {
        const value = columnOf(one, column);
        return value !== null && compareValues(value, columnOf(other, column), null) === 0;
      });
      assert.equal(isSame, areEqual);
    }),
    { numRuns: 1000 },
  );
});

test('the entries of an index within bounds are those of the rows within them', () => {
  const bound = fc.array(small, { minLength: 1, maxLength: 2 });
  const index = table.indexes[1]!;
  fc.assert(
    fc.property(rows, bound, fc.constantFrom('gte', 'gt', 'lte', 'lt'), (row, by, kind) => {
      const range = rangeOf(index.prefix, { [kind]: by }, index.types);
      let difference = 0;
      for (const [i, value] of by.entries())
        difference ||= compareValues(columnOf(row, index.columns[i]!), value, null);
      const expected = { gte: difference >= 0, gt: difference > 0, lte: difference <= 0, lt: difference < 0 }[kind];
      const { key } = index.entryOf(row, keyOf(row))!;
      assert.equal(key >= range.from && key < range.to, expected);
    }),
    { numRuns: 2000 },
  );
});

test('after any changes of rows the entries are those that the rows have, each written only where it changes', () => {
  const ids = fc.integer({ min: 0, max: 3 });
  const step = fc.tuple(ids, fc.option(fc.tuple(small, small), { nil: null }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const there = new Map<RowKey, Row>();
      const entries = new Map<RowKey, RowKey>();
      for (const [id, values] of steps) {
        const key = table.rowKey([id, 'p']);
        const before = there.get(key) ?? null;
        const after = values === null ? null : { id, part: 'p', a: values[0], b: values[1] };
        const isTaken = table.indexes.some((index) => {
          const entry = after === null ? null : index.entryOf(after, key)!;
          return entry !== null && (entries.get(entry.key) ?? key) !== key;
        });
        if (isTaken) continue;
        for (const { index, removed, added } of entryChangesOf(table.indexes, { key, before, after })) {
          assert.notEqual(removed?.key, added?.key, 'what stays is not written');
          if (removed !== null) assert.equal(entries.delete(removed.key), true, 'what is removed was there');
          if (added !== null) {
            assert.equal(entries.has(added.key), false, 'what is added was not there');
            entries.set(added.key, index.rowKeyOf(added.key, added.image));
          }
        }
        if (after === null) there.delete(key);
        else there.set(key, after);
        const expected = [...there].flatMap(([of, row]) => table.indexes.map((index) => index.entryOf(row, of)!.key));
        assert.deepEqual([...entries.keys()].sort(), expected.sort());
      }
    }),
    { numRuns: 300 },
  );
});

test('while an index is being built the entry of a row is written with each change of it, the same one, too', () => {
  const building = new Table(definitionOf(null, [{ ...INDEXES[0]!, state: 'building' }, { ...INDEXES[1]! }]));
  const row = { id: 1, part: '', a: 1, b: 2, c: 3 };
  const change = { key: building.rowKey([1, '']), before: row, after: { ...row, c: 4 } };
  const changes = entryChangesOf(building.indexes, change);
  assert.deepEqual(
    changes.map(({ index, removed, added }) => [index.name, removed, added?.key]),
    [['by_a', null, building.indexes[0]!.entryOf(row, change.key)!.key]],
  );
});

test('what has no order cannot be indexed, and has no entry where it is', () => {
  const row = { id: 1, part: '', a: { x: 1 }, b: 2 };
  const key = keyOf(row);
  assert.equal(table.indexes[0]!.entryOf(row, key), null);
  assert.throws(() => entryChangesOf(table.indexes, { key, before: null, after: row }), { name: 'RequestError' });
  assert.deepEqual(entryChangesOf(table.indexes, { key, before: row, after: null }), []);
});
