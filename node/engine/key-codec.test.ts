import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  catalogItemKey,
  catalogKey,
  decodeKey,
  encodeKey,
  endOfColumns,
  entryPrefix,
  existencePrefix,
  isBesideRows,
  type KeyType,
  rangeOf,
  rowRange,
  spaceOf,
  tableIdOf,
  tablePrefix,
  tableRange,
} from './key-codec.ts';
import { canonicalValue, compareValues } from './values.ts';

const TYPES: readonly KeyType[] = ['integer', 'double', 'decimal', 'text', 'boolean', 'bytes', 'timestamp'];

const integers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.integer({ min: -2000, max: 2000 }).map((n) => 2n ** 62n + BigInt(n)),
  fc.integer({ min: -2000, max: 2000 }).map((n) => 2n ** 53n + BigInt(n)),
  fc.integer({ min: -2000, max: 2000 }).map((n) => -(2n ** 53n) + BigInt(n)),
);
const doubles = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer(),
  fc.constant(2 ** 53),
  fc.constant(-0),
);
const texts = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.string({
    unit: fc.constantFrom('\0', '\x01', 'a', '\x7f', '\u07ff', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'),
    maxLength: 4,
  }),
);
const decimals = fc.tuple(fc.bigInt(), fc.nat(30)).map(([units, scale]) => {
  const digits = String(units < 0n ? -units : units).padStart(scale + 1, '0');
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return (units < 0n ? '-' : '') + text;
});
const byteStrings = fc.oneof(
  fc.uint8Array({ maxLength: 5 }),
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 4 }).map((bytes) => Uint8Array.from(bytes)),
);
const times = fc
  .date({ min: new Date('0000-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59.999Z'), noInvalidDate: true })
  .map((date) => date.toISOString());

function valuesOf(type: KeyType): fc.Arbitrary<unknown> {
  const raw = {
    integer: integers,
    double: doubles,
    decimal: decimals,
    text: texts,
    boolean: fc.boolean(),
    bytes: byteStrings,
    timestamp: times,
  }[type ?? 'text'];
  return raw.map((value) => {
    const canonical = canonicalValue(value, type);
    assert.notEqual(canonical, undefined);
    return canonical;
  });
}

const freeValues = fc
  .oneof(integers, doubles, texts, fc.boolean(), byteStrings)
  .map((value) => canonicalValue(value, null))
  .filter((value) => value !== undefined);

const prefix = tablePrefix(7);
const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

for (const type of TYPES) {
  test(`keys of ${type} columns are ordered as their values are, null first`, () => {
    const values = fc.option(valuesOf(type), { nil: null });
    fc.assert(
      fc.property(values, values, (left, right) => {
        const byKey = order(encodeKey(prefix, [left], [type]), encodeKey(prefix, [right], [type]));
        assert.equal(byKey, Math.sign(compareValues(left, right, type)));
      }),
      { numRuns: 400 },
    );
  });

  test(`a key of ${type} columns decodes to its values`, () => {
    fc.assert(
      fc.property(fc.array(valuesOf(type), { minLength: 1, maxLength: 3 }), (values) => {
        const types = values.map(() => type);
        assert.deepEqual(decodeKey(encodeKey(prefix, values, types), types), { kind: 'row', tableId: 7, values });
      }),
    );
  });
}

test('in a free-form table integers and doubles compare numerically and kinds in a fixed order', () => {
  fc.assert(
    fc.property(freeValues, freeValues, (left, right) => {
      const byKey = order(encodeKey(prefix, [left], [null]), encodeKey(prefix, [right], [null]));
      assert.equal(byKey, Math.sign(compareValues(left, right, null)));
    }),
    { numRuns: 2000 },
  );
});

test('the columns of a composite key compare one after another', () => {
  const pair = fc.tuple(freeValues, freeValues);
  fc.assert(
    fc.property(pair, pair, (left, right) => {
      const byKey = order(encodeKey(prefix, left, [null, null]), encodeKey(prefix, right, [null, null]));
      const byValue = compareValues(left[0], right[0], null) || compareValues(left[1], right[1], null);
      assert.equal(byKey, Math.sign(byValue));
    }),
    { numRuns: 1000 },
  );
});

test('a range over a prefix holds exactly the keys that the bounds admit', () => {
  const small = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom('', 'a', 'a\0', 'b'));
  const bound = fc.array(small, { minLength: 1, maxLength: 2 });
  const cutCompare = (key: readonly unknown[], by: readonly unknown[]) => {
    for (let i = 0; i < by.length; i++) {
      const difference = compareValues(key[i], by[i], null);
      if (difference !== 0) return difference;
    }
    return 0;
  };
  fc.assert(
    fc.property(fc.tuple(small, small), bound, fc.constantFrom('gte', 'gt', 'lte', 'lt'), (key, by, kind) => {
      const range = rangeOf(prefix, { [kind]: by }, [null, null]);
      const encoded = encodeKey(prefix, key, [null, null]);
      const difference = cutCompare(key, by);
      const expected = { gte: difference >= 0, gt: difference > 0, lte: difference <= 0, lt: difference < 0 }[kind];
      assert.equal(encoded >= range.from && encoded < range.to, expected);
    }),
    { numRuns: 2000 },
  );
});

test('bounds that cross give an empty range', () => {
  const range = rangeOf(prefix, { gt: [5], lt: [2] }, ['integer']);
  assert.equal(range.from >= range.to, true);
});

test('no two tables share a key, however large their ids', () => {
  for (const tableId of [0, 1, 255, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 32, 2 ** 40]) {
    const key = encodeKey(tablePrefix(tableId), ['x'], ['text']);
    assert.equal(tableIdOf(key), tableId);
  }
});

test('the catalog keeps definitions by name and an item for each table', () => {
  assert.deepEqual(decodeKey(catalogKey('a.b'), null), { kind: 'definition', name: 'a.b' });
  assert.deepEqual(decodeKey(catalogItemKey(77), null), { kind: 'catalog-item', tableId: 77 });
});

test('entries and existence items lie behind the rows of their table, and before the next table', () => {
  for (const tableId of [1, 2 ** 32 - 2, 2 ** 32 - 1, 2 ** 40]) {
    const rows = rowRange(tableId);
    const { from, to } = tableRange(tableId);
    fc.assert(
      fc.property(freeValues, fc.nat(2 ** 16 - 1), (value, indexId) => {
        const row = encodeKey(tablePrefix(tableId), [value], [null]);
        assert.equal(row >= rows.from && row < rows.to && !isBesideRows(row), true);
        for (const prefix of [entryPrefix(from, indexId), existencePrefix(from, indexId)]) {
          const key = encodeKey(prefix, [value], [null]);
          assert.equal(key >= rows.to && key < to && isBesideRows(key), true);
          assert.equal(tableIdOf(key), tableId);
          assert.equal(spaceOf(key), prefix);
          assert.notEqual(spaceOf(row), prefix);
          const kind = prefix === entryPrefix(from, indexId) ? 'entry' : 'existence';
          const types: KeyType[] = [typeof value === 'bigint' ? 'integer' : null];
          assert.deepEqual(decodeKey(key, types), { kind, tableId, indexId, values: [value] });
        }
      }),
      { numRuns: 300 },
    );
  }
});

test('an unbounded range has all rows, or all entries of one index, and nothing beside them', () => {
  const entry = (indexId: number, value: unknown) => encodeKey(entryPrefix(prefix, indexId), [value], [null]);
  assert.deepEqual(rangeOf(prefix, {}, ['integer']), rowRange(7));
  const { from, to } = rangeOf(entryPrefix(prefix, 5), {}, [null]);
  const inside = [null, false, -1, 'x', Uint8Array.of(255, 255)].map((value) => entry(5, value));
  assert.deepEqual(
    inside.filter((key) => key < from || key >= to),
    [],
  );
  const outside = [entry(4, Uint8Array.of(255)), entry(6, null), encodeKey(existencePrefix(prefix, 5), [1], [null])];
  assert.deepEqual(
    outside.filter((key) => key >= from && key < to),
    [],
  );
});

for (const type of TYPES) {
  test(`the end of ${type} columns is found without decoding them`, () => {
    const values = fc.array(fc.option(valuesOf(type), { nil: null }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(values, values, (first, more) => {
        const types = [...first, ...more].map(() => type);
        const whole = encodeKey(prefix, [...first, ...more], types);
        assert.equal(endOfColumns(whole, prefix.length, first.length), encodeKey(prefix, first, types).length);
      }),
    );
  });
}

test('foreign bytes are no key, and do no harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      decodeKey(String.fromCharCode(...bytes), null);
    }),
    { numRuns: 2000 },
  );
});
