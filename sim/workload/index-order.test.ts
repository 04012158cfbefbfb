import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ScannedPart } from './history.ts';
import { IndexOrder, type KeyedRow } from './index-order.ts';

const COLUMNS = ['owner', 'kind'];

function pet(id: number, owner: number | null, kind = 0): KeyedRow {
  return { key: String(id), row: { id, owner, kind } };
}

function orderOf(part: Omit<ScannedPart, 'table' | 'index'>): IndexOrder {
  return new IndexOrder({ table: 'app.pet', index: 'by_owner', ...part }, COLUMNS);
}

function idsFound(order: IndexOrder, rows: readonly KeyedRow[]): readonly unknown[] {
  return order.found(rows).map(({ row }) => row.id);
}

test('the bounds of an index scan are of the column of the index, not of the primary key', () => {
  const order = orderOf({ gte: 2, lt: 3 });
  assert.deepEqual(idsFound(order, [pet(2, 1), pet(0, 2)]), [0]);
  assert.equal(order.comesTo(pet(2, 1), []), false);
  assert.equal(order.comesTo(pet(0, 2), []), true);
});

test('a null comes first, and is within an upper bound only', () => {
  assert.deepEqual(idsFound(orderOf({ lt: 2 }), [pet(0, 1), pet(1, null), pet(2, 2)]), [1, 0]);
  assert.equal(orderOf({ gte: 0 }).comesTo(pet(1, null), []), false);
});

test('a scan comes to nothing behind the last row that its limit allowed, in its own direction', () => {
  const rows = [pet(3, 0), pet(2, 1, 1), pet(1, 1, 2), pet(0, 2)];
  const forwards = orderOf({ limit: 2 });
  assert.deepEqual(idsFound(forwards, rows), [3, 2]);
  const comesTo = (order: IndexOrder) => rows.map((row) => order.comesTo(row, order.found(rows)));
  assert.deepEqual(comesTo(forwards), [true, true, false, false]);
  assert.equal(forwards.comesTo(pet(4, 1, 1), forwards.found(rows)), false);
  assert.deepEqual(comesTo(orderOf({ limit: 2, reverse: true })), [false, false, true, true]);
  assert.deepEqual(comesTo(orderOf({ limit: 5 })), [true, true, true, true]);
});
