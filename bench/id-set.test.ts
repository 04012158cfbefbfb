import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { IdSet } from './id-set.ts';

test('an IdSet holds what was added, as a Set does', () => {
  const ids = fc.array(fc.nat(5000));
  fc.assert(
    fc.property(ids, ids, (some, others) => {
      const set = new IdSet();
      for (const id of some) set.add(id);
      const travelled = new IdSet(set.bits);
      const other = new IdSet();
      for (const id of others) other.add(id);
      travelled.addAll(other);
      const expected = new Set([...some, ...others]);
      assert.deepEqual(
        [...travelled],
        [...expected].sort((a, b) => a - b),
      );
      assert.equal(travelled.size, expected.size);
      for (const id of [...others, 0, 4999]) assert.equal(travelled.has(id), expected.has(id));
      assert.deepEqual(new Set(set), new Set(some));
    }),
  );
});
