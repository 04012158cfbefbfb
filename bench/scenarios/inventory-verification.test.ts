import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IdSet } from '../id-set.ts';
import { InventoryTotals, judgeInventory } from './inventory-verification.ts';
import type { InventoryFacts } from './inventory-workload.ts';

const initialStock = 10;

function bits(...ids: readonly number[]): Uint8Array {
  const set = new IdSet();
  for (const id of ids) set.add(id);
  return set.bits;
}

/** Orders 1 and 2 and a correction 3 were acknowledged, order 2 was returned; what became of order 4 is unknown. */
function facts(more: Partial<InventoryFacts> = {}): readonly InventoryFacts[] {
  const acknowledged = { order: bits(1, 2), return: bits(2), correction: bits() };
  const ofAnother = { order: bits(), return: bits(), correction: bits(3) };
  const unknown = { order: bits(4), return: bits(), correction: bits() };
  const none = { order: bits(), return: bits(), correction: bits() };
  return [
    { acknowledged, unknown, lowestStock: 0, ...more },
    { acknowledged: ofAnother, unknown: none, lowestStock: Infinity },
  ];
}

/** A member whose tables hold just that: of product 0 there were 4 ordered, product 1 was counted to 12. */
function member(memberId: string, change: (totals: InventoryTotals) => void = () => {}) {
  const totals = new InventoryTotals(2);
  totals.addProduct({ id: 0, stock: 6 });
  totals.addProduct({ id: 1, stock: 12 });
  totals.addOrder({ id: 1, lines: [[0, 4]], status: 'ordered' });
  totals.addOrder({
    id: 2,
    lines: [
      [0, 1],
      [1, 1],
    ],
    status: 'returned',
  });
  totals.addCorrection({ id: 3, product: 1, counted: 12, difference: 2 });
  change(totals);
  return { memberId, appliedUpTo: 9, digest: 'd', totals };
}

function problems(...members: readonly ReturnType<typeof member>[]): readonly string[] {
  const verification = judgeInventory(initialStock, facts(), members);
  assert.equal(verification.verified, verification.problems.length === 0);
  return verification.problems;
}

test('stocks that orders, returns and corrections add up to are verified', () => {
  assert.deepEqual(problems(member('a'), member('b')), []);
});

test('an order of unknown outcome may be there with all of its effect, on all members', () => {
  const there = (totals: InventoryTotals) => {
    totals.addOrder({ id: 4, lines: [[0, 1]], status: 'ordered' });
    totals.addProduct({ id: 0, stock: 5 });
  };
  assert.deepEqual(problems(member('a', there), member('b', there)), []);
  const onOne = problems(member('a', there), member('b'));
  assert.deepEqual(onOne, ['b: order 4 is on the first member, but not here']);
  const other = problems(member('a'), member('b', there));
  assert.deepEqual(other, ['b: order 4 is there, but not on the first member']);
});

test('an order that is there without its effect is found', () => {
  const byHalf = (totals: InventoryTotals) => totals.addOrder({ id: 4, lines: [[0, 1]], status: 'ordered' });
  assert.deepEqual(problems(member('a', byHalf)), [
    'a: product 0 has a stock of 6; orders, returns and corrections make it 5',
  ]);
});

test('a lost update is found', () => {
  const lost = (totals: InventoryTotals) => totals.addProduct({ id: 0, stock: 10 });
  assert.match(problems(member('a', lost))[0]!, /product 0 has a stock of 10; .* make it 6/);
});

test('a stock below zero is found, where it is or where a transaction read it', () => {
  const below = (totals: InventoryTotals) => {
    totals.addProduct({ id: 0, stock: -1 });
    totals.changes[0] = -11;
  };
  assert.deepEqual(problems(member('a', below)), ['a: product 0 has a stock of -1']);
  const seen = judgeInventory(initialStock, facts({ lowestStock: -2 }), [member('a')]);
  assert.deepEqual(seen.problems, ['a transaction read a stock of -2']);
});

test('an acknowledged order, return or correction that is not there is found', () => {
  const more = { order: bits(1, 2, 7), return: bits(1, 2), correction: bits(5) };
  const { problems } = judgeInventory(initialStock, facts({ acknowledged: more }), [member('a')]);
  assert.deepEqual(problems, [
    'a: order 7 was acknowledged and is not there',
    'a: return 1 was acknowledged and is not there',
    'a: correction 5 was acknowledged and is not there',
  ]);
});

test('rows that no transaction wrote are found', () => {
  const more = (totals: InventoryTotals) => totals.addCorrection({ id: 6, product: 0, counted: 0, difference: 0 });
  assert.deepEqual(problems(member('a', more)), ['a: correction 6 is there and was never acknowledged']);
  const strange = (totals: InventoryTotals) => totals.addProduct({ id: 2, stock: 10 });
  assert.deepEqual(problems(member('a', strange)), ['a: product 2 was written by nobody']);
});

test('a missing product and unequal digests are found', () => {
  const missing = member('a', (totals) => {
    totals.stock[1] = Number.NaN;
  });
  assert.deepEqual(problems(missing), ['a: product 1 is missing']);
  assert.match(problems(member('a'), { ...member('b'), digest: 'e' })[0]!, /digests are not equal/);
});

test('of many problems a few are named, and all are counted', () => {
  const wrong = (totals: InventoryTotals) => {
    for (let id = 100; id < 200; id++) totals.addCorrection({ id, product: 0, counted: 0, difference: 0 });
  };
  const found = problems(member('a', wrong));
  assert.equal(found.length, 4);
  assert.equal(found.at(-1), 'a: 100 problems in all');
});
