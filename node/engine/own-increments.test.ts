import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowKey } from '../../certifier/types.ts';
import { incrementedColumns } from './own-increments.ts';
import { Table } from './table.ts';
import { testImageCodec } from './testing/image-codec.ts';
import type { BufferedRow } from './write-set.ts';

const ROWS = 500;

const table = new Table({
  tableId: 9,
  name: 'test.rows',
  schemaVersion: 1,
  primaryKey: ['id'],
  columns: null,
  places: [],
  nextIndexId: 1,
  indexes: [],
  foreignKeys: [],
  referencedBy: [],
});

test('what a commit answers of many deltas looks at what each came to a few times, not once for every other', () => {
  const increments = [{ column: 'n', by: 1, min: null, max: null }];
  const rows = new Map<RowKey, BufferedRow>();
  let looks = 0;
  const resolved = [];
  for (let id = 0; id < ROWS; id++) {
    const rowKey = table.rowKey([id]);
    const image = table.encode({ id, n: id + 1 }, testImageCodec);
    const isDelta = id % 3 > 0;
    const row = { isWritten: !isDelta, isObserved: false, isLocked: false, increments };
    rows.set(rowKey, { ...row, image: isDelta ? null : image });
    if (!isDelta) continue;
    resolved.push({
      get key() {
        looks++;
        return rowKey;
      },
      image,
    });
  }
  const transaction = { rows, imageCodec: testImageCodec, touchedTable: () => table };
  const expected = Array.from({ length: ROWS }, (_, id) => ({
    table: 'test.rows',
    key: id,
    column: 'n',
    value: id + 1,
  }));
  assert.deepEqual(incrementedColumns(transaction, resolved), expected);
  assert.ok(looks <= 2 * ROWS, `${looks} looks`);
});
