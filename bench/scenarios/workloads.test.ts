import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Workload } from '../scenario.ts';
import { inventory } from './inventory.ts';
import type { InventoryTransaction } from './inventory-workload.ts';
import { micro } from './micro.ts';

const slots = 1000;
const ofInventory = { products: 500, skew: 0.8, stock: 100, method: 'interactive' } as const;

const workloads: Readonly<Record<string, (seed: number) => Workload>> = {
  micro: (seed) => micro.workload({ options: { rows: 10_000 }, seed, slots }),
  inventory: (seed) => inventory.workload({ options: ofInventory, seed, slots }),
};

function drawn(workload: Workload, slot: number, count = 50) {
  return Array.from({ length: count }, () => workload.draw(slot));
}

for (const [name, workloadOf] of Object.entries(workloads)) {
  test(`what a slot of ${name} draws depends on the seed and the slot, and on nothing else`, () => {
    const one = workloadOf(7);
    const other = workloadOf(7);
    drawn(other, 1);
    drawn(other, 999);
    assert.deepEqual(drawn(one, 500), drawn(other, 500));
    assert.notDeepEqual(drawn(workloadOf(7), 500), drawn(workloadOf(8), 500));
    assert.notDeepEqual(drawn(workloadOf(7), 500), drawn(workloadOf(7), 501));
  });
}

test('no two transactions of micro write the same value', () => {
  const workload = micro.workload({ options: { rows: 10 }, seed: 1, slots });
  const values = [0, 1, 999].flatMap((slot) =>
    drawn(workload, slot).map((one) => (one as unknown as { value: number }).value),
  );
  assert.equal(new Set(values).size, values.length);
  assert.ok(values.every((value) => value > 0));
});

test('orders have one to three different products, and no two orders or corrections the same id', () => {
  const workload = inventory.workload({ options: ofInventory, seed: 1, slots });
  const all = [0, 1, 999].flatMap((slot) => drawn(workload, slot, 400)) as unknown as readonly InventoryTransaction[];
  const kinds = { order: 0, return: 0, correction: 0 };
  const ids = { order: new Set<number>(), correction: new Set<number>() };
  for (const one of all) {
    kinds[one.kind]++;
    if (one.kind === 'return') continue;
    assert.ok(!ids[one.kind].has(one.id));
    ids[one.kind].add(one.id);
    if (one.kind !== 'order') continue;
    assert.ok(one.lines.length >= 1 && one.lines.length <= 3);
    assert.equal(new Set(one.lines.map(([product]) => product)).size, one.lines.length);
    for (const [product, quantity] of one.lines) assert.ok(product < 500 && quantity >= 1 && quantity <= 3);
  }
  assert.ok(Math.abs(kinds.order / all.length - 0.7) < 0.05);
  assert.ok(Math.abs(kinds.return / all.length - 0.2) < 0.05);
});

/** Gives what an attempt asks for from `answers`; returns what it ends with and all requests. */
function attempted(method: 'interactive' | 'transact', answers: readonly unknown[][]) {
  const workload = inventory.workload({ options: { ...ofInventory, method }, seed: 1, slots });
  const order = { kind: 'order', tx: 't', id: 5, lines: [[3, 2]] } as unknown as Parameters<typeof workload.attempt>[0];
  const attempt = workload.attempt(order);
  const rounds: unknown[] = [];
  let step = attempt.next([]);
  for (const answer of answers) {
    assert.equal(step.done, false);
    rounds.push(step.value);
    step = attempt.next(answer);
  }
  assert.equal(step.done, true);
  return { end: step.value, rounds };
}

test('an interactive order reads, writes what follows from that, and commits, in two rounds', () => {
  const { end, rounds } = attempted('interactive', [
    [{ tx: 't' }, [{ id: 3, stock: 9 }]],
    [{}, {}, {}],
  ]);
  assert.equal(end, 'committed');
  assert.deepEqual(rounds, [
    [
      { op: 'begin', tx: 't' },
      { op: 'getMany', tx: 't', table: 'bench.products', keys: [3] },
    ],
    [
      { op: 'update', tx: 't', table: 'bench.products', key: 3, set: { stock: 7 } },
      { op: 'insert', tx: 't', table: 'bench.orders', row: { id: 5, lines: [[3, 2]], status: 'ordered' } },
      { op: 'commit', tx: 't' },
    ],
  ]);
});

test('an order by transact expects the stock that it has read', () => {
  const { end, rounds } = attempted('transact', [[[{ id: 3, stock: 9 }]], [{}]]);
  assert.equal(end, 'committed');
  const update = { op: 'update', table: 'bench.products', key: 3, set: { stock: 7 }, if: { stock: 9 } };
  const insert = { op: 'insert', table: 'bench.orders', row: { id: 5, lines: [[3, 2]], status: 'ordered' } };
  assert.deepEqual(rounds, [
    [{ op: 'getMany', table: 'bench.products', keys: [3] }],
    [{ op: 'transact', steps: [{ ...update, expect: { matched: 1 } }, insert] }],
  ]);
});

test('an order of more than there is writes nothing', () => {
  const { end, rounds } = attempted('interactive', [[{ tx: 't' }, [{ id: 3, stock: 1 }]], [{}]]);
  assert.equal(end, 'declined');
  assert.deepEqual(rounds[1], [{ op: 'rollback', tx: 't' }]);
  assert.equal(attempted('transact', [[[{ id: 3, stock: 1 }]]]).end, 'declined');
});
