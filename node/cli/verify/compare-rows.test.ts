import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Comparison, compareRows, type RowDifference } from './compare-rows.ts';
import type { KeyedRow } from './table-rows.ts';

/** Rows of one member, by id; the value is what may differ. */
type Rows = ReadonlyMap<number, number>;

async function* pagesOf(rows: Rows, pageRows: number): AsyncGenerator<readonly KeyedRow[], void> {
  const sorted = [...rows].sort(([a], [b]) => a - b);
  for (let at = 0; at < sorted.length; at += pageRows) {
    yield sorted.slice(at, at + pageRows).map(([id, value]) => ({
      order: String.fromCharCode(id),
      key: id,
      row: { id, value: { nested: [value] } },
    }));
  }
}

async function compared(members: readonly Rows[], pageRows: number) {
  const comparison: Comparison = { rows: 0, lastKey: undefined };
  const differences: RowDifference[] = [];
  const streams = members.map((rows) => pagesOf(rows, pageRows));
  await compareRows(streams, comparison, (difference) => differences.push(difference));
  return { comparison, differences };
}

test('the rows that are not the same at all members are told, each once, in the order of their keys', async () => {
  const rows = fc.uniqueArray(fc.tuple(fc.nat(20), fc.nat(1)), { selector: ([id]) => id });
  const members = fc.array(rows, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(members, fc.integer({ min: 1, max: 5 }), async (contents, pageRows) => {
      const maps = contents.map((content) => new Map(content));
      const ids = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
      const expected = ids
        .filter((id) => maps.some((map) => map.get(id) !== maps[0]!.get(id)))
        .map((id) => ({
          key: id,
          rows: maps.map((map) => (map.has(id) ? { id, value: { nested: [map.get(id)] } } : null)),
        }));
      const { comparison, differences } = await compared(maps, pageRows);
      assert.deepEqual(differences, expected);
      assert.deepEqual(comparison, { rows: ids.length, lastKey: ids.at(-1) });
    }),
  );
});

test('a row with another column, or with null for none, is not the same', async () => {
  const one = (row: Record<string, unknown>) =>
    (async function* () {
      yield [{ order: 'a', key: 1, row }];
    })();
  for (const other of [{ id: 1 }, { id: 1, a: undefined, b: 1 }, { id: 1, a: null, b: 1 }, { id: 1, b: 1 }]) {
    const differences: RowDifference[] = [];
    const comparison: Comparison = { rows: 0, lastKey: undefined };
    await compareRows([one({ id: 1, a: 1 }), one(other)], comparison, (found) => differences.push(found));
    assert.equal(differences.length, 1, JSON.stringify(other));
  }
});

test('what was compared is known when a member fails in the middle', async () => {
  const failing = async function* () {
    yield [{ order: 'a', key: 1, row: { id: 1 } }];
    throw new Error('gone');
  };
  const comparison: Comparison = { rows: 0, lastKey: undefined };
  await assert.rejects(
    compareRows([failing(), failing()], comparison, () => {}),
    /gone/,
  );
  assert.deepEqual(comparison, { rows: 1, lastKey: 1 });
});
