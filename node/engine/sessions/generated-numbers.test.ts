import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testWorld } from '../testing/solo-replica.ts';
import { GeneratedNumbers } from './generated-numbers.ts';

test('no two runs of any members give one number, and those of one member ascend over its restarts', () => {
  const seen = new Set<number | bigint>();
  for (let ordinal = 0; ordinal < 30; ordinal++) {
    let before: number | bigint = -1;
    for (let incarnation = 1; incarnation < 30; incarnation++) {
      const numbers = new GeneratedNumbers({ ordinal, incarnation });
      for (let times = 0; times < 3; times++) {
        const next = numbers.next();
        assert.ok(next > before && !seen.has(next));
        seen.add(next);
        before = next;
      }
    }
  }
});

test('what is beyond the safe integers is exact, and what is beyond 64 bits is refused', () => {
  const far = new GeneratedNumbers({ ordinal: 3000, incarnation: 9000 });
  const [first, second] = [far.next(), far.next()];
  assert.equal(typeof first, 'bigint');
  assert.equal(BigInt(second) - BigInt(first), 1n);
  assert.ok(first < 2n ** 63n);
  assert.throws(() => new GeneratedNumbers({ ordinal: 0, incarnation: 40_000 }).next(), /generated all numbers/);
});

test('a column generated in sequence gives each row a number, which the answer tells', () => {
  const { client } = testWorld();
  const columns = { id: { type: 'integer', default: { $generate: 'sequence' } }, v: { type: 'integer' } };
  client.do('createTable', { table: 'a.b', primaryKey: ['id'], columns });
  const first = client.do('insert', { table: 'a.b', row: { v: 1 } }).generated.id;
  const second = client.do('insert', { table: 'a.b', row: { v: 2 } }).generated.id;
  assert.equal(second, first + 1);
  assert.deepEqual(client.do('get', { table: 'a.b', key: second }), { id: second, v: 2 });
});
