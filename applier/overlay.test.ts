import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BatchDecoder, encodeBatch, encodeGroupMessage, type LargeTransaction } from '../certifier/index.ts';
import type { RowKey } from '../certifier/types.ts';
import { Overlay } from './overlay.ts';

const keyOf = (row: number): RowKey => `\0\0\0\x07${String(row).padStart(6, '0')}`;
const IMAGE = Uint8Array.of(1);

function largeOf(keys: readonly RowKey[]): LargeTransaction {
  const writeSet = keys.map((key) => ({ kind: 'put', key, image: IMAGE }) as const);
  const bytes = encodeBatch([
    encodeGroupMessage({ kind: 'transaction', transaction: { snapshotVersion: 0, writeSet } }),
  ]);
  const decoder = new BatchDecoder(bytes);
  decoder.read(bytes.length, keys.length);
  return decoder.transaction!;
}

function keysOf(scan: Iterable<readonly [RowKey, unknown]>): readonly RowKey[] {
  return [...scan].map(([key]) => key);
}

for (const added of [3, 100]) {
  for (const isReverse of [false, true]) {
    test(`a scan that settles ${added} rows changes nothing for one that is open, backwards: ${isReverse}`, () => {
      const overlay = new Overlay(() => true);
      const rows = Array.from({ length: 40 }, (_, i) => keyOf(500 + i));
      for (const key of rows) overlay.add(key, 1, IMAGE);
      const range = { from: keyOf(500), to: keyOf(600) };
      assert.equal(keysOf(overlay.scan(range, false)).length, 40);
      const low = Array.from({ length: added }, (_, i) => keyOf(i));
      overlay.addLarge(largeOf(low), 2);
      const expected = isReverse ? rows.toReversed() : rows;
      const open = overlay.scan(range, isReverse)[Symbol.iterator]();
      const seen: RowKey[] = [];
      for (let i = 0; i < 20; i++) seen.push(open.next().value[0]);
      assert.deepEqual(keysOf(overlay.scan({ from: keyOf(0), to: keyOf(500) }, false)), low);
      for (let next = open.next(); !next.done; next = open.next()) seen.push(next.value[0]);
      assert.deepEqual(seen, expected);
      assert.deepEqual(keysOf(overlay.scan({ from: keyOf(0), to: keyOf(600) }, false)), [...low, ...rows]);
    });
  }
}

test('a scan of everything settles everything, in key order', () => {
  const overlay = new Overlay(() => true);
  overlay.add(keyOf(3), 1, IMAGE);
  const rows = [5, 1, 9, 3, 7].map((row) => keyOf(row));
  overlay.addLarge(largeOf(rows), 2);
  const found = [...overlay.scan({ from: '', to: '\xff' }, false)];
  assert.deepEqual(
    found.map(([key]) => key),
    rows.toSorted(),
  );
  assert.ok(found.every(([, { sequenceNumber }]) => sequenceNumber === 2));
  assert.equal(overlay.unsettled, null);
});
