import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addTo, boundsProblem, type ColumnIncrement, folded, type NumberType, sum } from './increments.ts';
import { canonicalValue, INTEGER_MAX, INTEGER_MIN } from './values.ts';

const whole = fc
  .oneof(fc.bigInt(INTEGER_MIN, INTEGER_MAX), fc.bigInt(-5n, 5n), fc.constantFrom(INTEGER_MIN, INTEGER_MAX, 2n ** 53n))
  .map((value) => canonicalValue(value, 'integer'));
const decimal = fc.tuple(fc.bigInt(-(10n ** 12n), 10n ** 12n), fc.nat(9)).map(([digits, places]) => {
  const text = String(digits < 0n ? -digits : digits).padStart(places + 1, '0');
  const dotted = places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
  return canonicalValue(`${digits < 0n ? '-' : ''}${dotted}`, 'decimal') as string;
});
const scaled = (text: string): bigint => {
  const [all, part = ''] = text.split('.');
  return BigInt(`${all}${part.padEnd(9, '0')}`);
};

describe('a sum', () => {
  test('of whole numbers is exact, canonical, and within 64 bits or none', () => {
    fc.assert(
      fc.property(whole, whole, (one, other) => {
        const exact = BigInt(one as number) + BigInt(other as number);
        const isWithin = exact >= INTEGER_MIN && exact <= INTEGER_MAX;
        for (const type of ['integer', null] as const) {
          const added = sum(one, other, type);
          assert.deepEqual(added, isWithin ? canonicalValue(exact, 'integer') : undefined);
        }
      }),
    );
  });

  test('of decimals is exact and canonical', () => {
    fc.assert(
      fc.property(decimal, decimal, (one, other) => {
        const added = sum(one, other, 'decimal') as string;
        assert.equal(scaled(added), scaled(one) + scaled(other));
        assert.equal(canonicalValue(added, 'decimal'), added);
      }),
    );
    assert.equal(sum('9'.repeat(1000), '1', 'decimal'), undefined);
    assert.equal(sum('-0.5', '0.5', 'decimal'), '0');
  });

  test('of doubles is that of doubles, or none beyond what there is; of a free-form column, too, where one is no whole number', () => {
    assert.equal(sum(0.1, 0.2, 'double'), 0.1 + 0.2);
    assert.equal(sum(1e308, 1e308, 'double'), undefined);
    assert.ok(Object.is(sum(-0.5, 0.5, 'double'), 0));
    assert.equal(sum(2 ** 53 - 1, 1, 'double'), 2 ** 53);
    assert.equal(sum(2 ** 53 - 1, 1, null), 2n ** 53n);
    assert.equal(sum(2n ** 60n, 0.5, null), 2 ** 60);
    assert.equal(sum(1, 0.5, null), 1.5);
  });
});

test('increments folded into one come to what they come to one after the other, their bounds to those that hold for both', () => {
  const bound = fc.option(fc.integer({ min: -20, max: 20 }));
  const increment = fc.record({
    column: fc.constant('n'),
    by: fc.integer({ min: -9, max: 9 }),
    min: bound,
    max: bound,
  });
  fc.assert(
    fc.property(fc.integer({ min: -9, max: 9 }), fc.array(increment, { minLength: 1 }), (value, all) => {
      const [first, ...rest] = all;
      const net = rest.reduce<ColumnIncrement>((one, other) => folded(one, other, 'integer')!, first!);
      const row = { n: value };
      const refused = addTo(row, [net], () => 'integer', true);
      const final = all.reduce((now, { by }) => now + by, value);
      const isWithin = all.every(({ min, max }) => (min === null || final >= min) && (max === null || final <= max));
      assert.equal(refused === null, isWithin);
      if (refused === null) assert.equal(row.n, final);
    }),
  );
});

test('a bound is included, and what is no number has none', () => {
  const within = (value: unknown, type: NumberType) =>
    boundsProblem(
      value,
      { column: 'n', by: 0, min: type === 'decimal' ? '-1.5' : -1.5, max: type === 'decimal' ? '10' : 10 },
      type,
    );
  assert.deepEqual(
    [-1.5, 10, -1.6, 10.5, null, 'x'].map((value) => within(value, 'double')),
    [null, null, 'below-min', 'above-max', 'no-number', 'no-number'],
  );
  assert.deepEqual(
    ['-1.5', '9.99', '10', '10.01', '-2', 7].map((value) => within(value, 'decimal')),
    [null, null, null, 'above-max', 'below-min', 'no-number'],
  );
});

test('what cannot be added says why, and what the column has without it', () => {
  const increment = { column: 'n', by: 1, min: null, max: null };
  assert.deepEqual(
    addTo({}, [increment], () => 'integer', false),
    { increment, problem: 'no-number', value: null },
  );
  const full = { n: INTEGER_MAX };
  assert.deepEqual(
    addTo(full, [increment], () => 'integer', false),
    {
      increment,
      problem: 'out-of-range',
      value: INTEGER_MAX,
    },
  );
});
