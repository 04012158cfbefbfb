import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LockTable } from './lock-table.ts';

test('a row has one holder, and those who wait get it in the order in which they came', () => {
  const table = new LockTable<string>();
  assert.equal(table.lock('k', 'a').kind, 'granted');
  assert.equal(table.lock('k', 'a').kind, 'granted');
  assert.equal(table.lock('k', 'b').kind, 'waits');
  assert.equal(table.lock('k', 'c').kind, 'waits');
  assert.deepEqual([table.size, table.waiting, table.heldBy('a'), table.awaitedBy('b')], [1, 2, 1, 'k']);
  assert.deepEqual(table.release('a'), [{ key: 'k', owner: 'b' }]);
  table.stopWaiting('c');
  assert.deepEqual(table.release('b'), []);
  assert.deepEqual([table.size, table.waiting], [0, 0]);
  assert.deepEqual(table.release('c'), []);
});

test('a cycle is found before it is closed, however long it is, and nothing waits for it', () => {
  const table = new LockTable<number>();
  for (const owner of [0, 1, 2, 3]) table.lock(`row ${owner}`, owner);
  for (const owner of [0, 1, 2]) assert.equal(table.lock(`row ${owner + 1}`, owner).kind, 'waits');
  assert.deepEqual(table.lock('row 0', 3), { kind: 'deadlock', cycle: [3, 0, 1, 2] });
  assert.equal(table.awaitedBy(3), null);
  assert.deepEqual(table.release(1), [{ key: 'row 1', owner: 0 }]);
  assert.equal(table.lock('row 0', 3).kind, 'waits');
});

/** By its definition: arrays, and a search through all that waits for all. */
class NaiveLocks {
  /** By row: the holder, then those who wait. */
  readonly rows = new Map<string, number[]>();

  waitsFor(owner: number): number | null {
    for (const owners of this.rows.values()) if (owners.indexOf(owner) > 0) return owners[0]!;
    return null;
  }

  isDeadlocked(): boolean {
    const owners = new Set([...this.rows.values()].flat());
    return [...owners].some((owner) => {
      const seen = new Set<number>();
      for (let next = this.waitsFor(owner); next !== null; next = this.waitsFor(next)) {
        if (next === owner) return true;
        if (seen.has(next)) return false;
        seen.add(next);
      }
      return false;
    });
  }

  release(owner: number): { key: string; owner: number }[] {
    const grants: { key: string; owner: number }[] = [];
    for (const [key, owners] of this.rows) {
      const at = owners.indexOf(owner);
      if (at < 0) continue;
      owners.splice(at, 1);
      if (owners.length === 0) this.rows.delete(key);
      else if (at === 0) grants.push({ key, owner: owners[0]! });
    }
    return grants;
  }
}

test('no grant is lost, queues are in order, and exactly the waits that close a cycle are refused', () => {
  const owner = fc.integer({ min: 0, max: 5 });
  const row = fc.constantFrom('p', 'q', 'r', 's');
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ op: fc.constant('lock' as const), owner, row }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('stopWaiting' as const), owner, row }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('release' as const), owner, row }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const table = new LockTable<number>();
      const naive = new NaiveLocks();
      for (const { op, owner: who, row: key } of steps) {
        if (op === 'lock') {
          if (naive.waitsFor(who) !== null) continue;
          const result = table.lock(key, who);
          const owners = naive.rows.get(key) ?? [];
          if (owners[0] === who) assert.equal(result.kind, 'granted');
          else {
            naive.rows.set(key, [...owners, who]);
            const expected = owners.length === 0 ? 'granted' : naive.isDeadlocked() ? 'deadlock' : 'waits';
            assert.equal(result.kind, expected);
            if (result.kind === 'deadlock') {
              naive.rows.set(key, owners);
              const { cycle } = result;
              assert.deepEqual([cycle[0], cycle[1]], [who, owners[0]]);
              cycle.slice(1).forEach((one, i) => {
                assert.equal(naive.waitsFor(one), cycle[i + 2] ?? who);
              });
            }
          }
        } else if (op === 'stopWaiting') {
          table.stopWaiting(who);
          for (const owners of naive.rows.values()) if (owners.indexOf(who) > 0) owners.splice(owners.indexOf(who), 1);
        } else {
          const byKey = (a: { key: string }, b: { key: string }): number => (a.key < b.key ? -1 : 1);
          assert.deepEqual([...table.release(who)].sort(byKey), naive.release(who).sort(byKey));
        }
        assert.equal(table.size, naive.rows.size);
        for (const [locked, owners] of naive.rows) assert.equal(table.holderOf(locked), owners[0]);
        const waiting = [...naive.rows.values()].reduce((sum, { length }) => sum + length - 1, 0);
        assert.equal(table.waiting, waiting);
      }
      for (const who of [0, 1, 2, 3, 4, 5]) table.release(who);
      assert.deepEqual([table.size, table.waiting], [0, 0]);
    }),
    { numRuns: 500 },
  );
});
