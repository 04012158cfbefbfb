import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { ByteWriter, binaryStringOf } from '../gcs/base/index.ts';
import {
  attributesMax,
  BatchDecoder,
  decodeBatch,
  encodeBatch,
  encodeGroupMessage,
  type GroupMessage,
  readRangesMax,
  type WriteSetItem,
} from './index.ts';
import { imageOf, itemKind } from './testing/random-order.ts';

const plain = { noNullPrototype: true } as const;
const bytes = fc.uint8Array({ maxLength: 40 });
const key = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 24 }),
  fc.uint8Array({ minLength: 600, maxLength: 1200 }),
);
const item = fc
  .tuple(key.map(binaryStringOf), itemKind, bytes)
  .map(([key, kind, image]): WriteSetItem => ({ key, kind, image: imageOf(kind, image) }));
const ranges = fc
  .uniqueArray(key.map(binaryStringOf), { maxLength: 8 })
  .map((keys) => keys.sort((one, other) => (one < other ? -1 : 1)))
  .map((keys) => Array.from({ length: keys.length >> 1 }, (_, i) => ({ from: keys[2 * i]!, to: keys[2 * i + 1]! })));
const attributes = fc
  .uniqueArray(
    fc.record({ tag: fc.integer({ min: 1, max: 255 }).map((tag) => (tag === READS ? 1 : tag)), content: bytes }, plain),
    {
      maxLength: 3,
      selector: ({ tag }) => tag,
    },
  )
  .map((all) => all.sort((one, other) => one.tag - other.tag));
/** The tag that the codec keeps for itself. */
const READS = 2;
const transaction = fc.record(
  {
    kind: fc.constant('transaction' as const),
    transaction: fc
      .record(
        {
          snapshotVersion: fc.oneof(fc.maxSafeNat(), fc.nat(300)),
          writeSet: fc
            .uniqueArray(item, { minLength: 1, maxLength: 20, selector: (one) => one.key })
            .filter((items) => items.some((one) => one.kind !== 'check'))
            .map((items) =>
              items.toSorted((one, other) => Number(one.kind === 'check') - Number(other.kind === 'check')),
            ),
          offsets: fc.array(fc.nat(300), { maxLength: 20 }),
          ranges,
          attributes,
          reads: fc.nat(3),
        },
        plain,
      )
      .map(({ snapshotVersion, writeSet, offsets, ranges, attributes, reads }) => ({
        snapshotVersion,
        writeSet: writeSet.map((one, at) => {
          const own = snapshotVersion + (offsets[at] ?? 0);
          return own > snapshotVersion && Number.isSafeInteger(own) ? { ...one, snapshotVersion: own } : one;
        }),
        ...(ranges.length > 0 && { ranges }),
        ...(attributes.length > 0 && { attributes }),
        ...(reads > 0 && writeSet.slice(-reads).every(({ kind }) => kind === 'check') && readsAtMost(writeSet, reads)),
      })),
  },
  plain,
);
function readsAtMost({ length }: readonly WriteSetItem[], reads: number): { readonly reads: number } {
  return { reads: Math.min(length, reads) };
}

const schemaChange = fc.record({ kind: fc.constant('schema-change' as const), change: bytes }, plain);
const purgeFloor = fc.record({ kind: fc.constant('purge-floor' as const), sequenceNumber: fc.maxSafeNat() }, plain);
const timeMark = fc.constant({ kind: 'time-mark' as const });
const keyFence = fc.record(
  { kind: fc.constant('key-fence' as const), key: fc.string({ minLength: 1, unit: 'binary', maxLength: 40 }) },
  plain,
);
const messages: fc.Arbitrary<GroupMessage[]> = fc.array(
  fc.oneof({ weight: 4, arbitrary: transaction }, schemaChange, purgeFloor, timeMark, keyFence),
  { minLength: 1, maxLength: 6 },
);
const encode = (batch: readonly GroupMessage[]) => encodeBatch(batch.map(encodeGroupMessage));

describe('a batch of group messages', () => {
  test('is decoded to what was encoded', () => {
    fc.assert(
      fc.property(messages, (batch) => {
        assert.deepEqual(decodeBatch(encode(batch)), { kind: 'batch', messages: batch });
      }),
    );
  });

  test('whose transactions check the same key first, or nearly the same, is decoded to what was encoded, with one item for all that are equal', () => {
    const key = fc.constantFrom(
      'defi',
      'defin',
      'defio',
      'd'.repeat(126),
      'd'.repeat(127),
      'd'.repeat(128),
      'd'.repeat(129),
    );
    const first = fc.record({ key, kind: fc.constantFrom('check', 'check', 'delete'), own: fc.boolean() });
    fc.assert(
      fc.property(fc.array(first, { minLength: 1, maxLength: 8 }), (firsts) => {
        const batch = firsts.map(({ key, kind, own }): GroupMessage => {
          const item = { key, kind: kind as 'check' | 'delete', image: null, ...(own && { snapshotVersion: 9 }) };
          return {
            kind: 'transaction',
            transaction: { snapshotVersion: 7, writeSet: [item, { key: 'row of it', kind: 'delete', image: null }] },
          };
        });
        const decoded = decodeBatch(encode(batch));
        assert.deepEqual(decoded, { kind: 'batch', messages: batch });
      }),
    );
    const again: GroupMessage = {
      kind: 'transaction',
      transaction: {
        snapshotVersion: 7,
        writeSet: [
          { key: 'definition', kind: 'check', image: null },
          { key: 'row of it', kind: 'delete', image: null },
        ],
      },
    };
    const decoded = decodeBatch(encode([again, again]));
    assert.ok(decoded.kind === 'batch');
    const [one, other] = decoded.messages;
    assert.ok(one?.kind === 'transaction' && other?.kind === 'transaction');
    assert.equal(one.transaction.writeSet[0], other.transaction.writeSet[0]);
  });

  test('is decoded without copying images and changes, if it is of more than a few bytes', () => {
    const image = new Uint8Array(100);
    const encoded = encode([
      { kind: 'transaction', transaction: { snapshotVersion: 1, writeSet: [{ key: 'abcd', kind: 'put', image }] } },
      { kind: 'schema-change', change: new Uint8Array([9]) },
    ]);
    const decoded = decodeBatch(encoded);
    assert.ok(decoded.kind === 'batch');
    const [first, second] = decoded.messages;
    assert.ok(first?.kind === 'transaction' && second?.kind === 'schema-change');
    assert.equal(first.transaction.writeSet[0]?.image?.buffer, encoded.buffer);
    assert.equal(second.change.buffer, encoded.buffer);
  });

  test('that is cut short anywhere is malformed', () => {
    fc.assert(
      fc.property(messages, fc.nat(), (batch, cut) => {
        const whole = encode(batch);
        assert.equal(decodeBatch(whole.subarray(0, cut % whole.length)).kind, 'malformed');
      }),
    );
  });

  test('with foreign bytes in it is decoded to something valid, or malformed, and never throws', () => {
    const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
    fc.assert(
      fc.property(messages, fc.array(change, { minLength: 1, maxLength: 4 }), (batch, changes) => {
        const mutated = Uint8Array.from(encode(batch));
        for (const { at, to } of changes) mutated[at % mutated.length] = to;
        assertValidOrMalformed(mutated);
      }),
      { numRuns: 2000 },
    );
    fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), assertValidOrMalformed), { numRuns: 2000 });
  });

  test('that tells of more items than its bytes can be makes no place for them', () => {
    const length = 1 << 20;
    const hostile = (count: number): BatchDecoder => {
      const writer = new ByteWriter();
      for (const byte of [1, 1, 1, 0]) writer.u8(byte);
      writer.varint(count);
      const bytes = new Uint8Array(length);
      bytes.set(writer.finish());
      const decoder = new BatchDecoder(bytes);
      decoder.read(100, 1000);
      return decoder;
    };
    const itemsMax = Math.floor((length - 7) / 6);
    assert.notEqual(hostile(itemsMax).transaction, null);
    for (const count of [itemsMax + 1, length / 2, 2 ** 40]) {
      const decoder = hostile(count);
      assert.equal(decoder.transaction, null);
      assert.deepEqual(decoder.inSlices(1000).next(), {
        done: true,
        value: { kind: 'malformed', reason: 'item count', offset: 2 },
      });
    }
  });

  test('of versions 1 and 2, as a log may still have them, is read: they have no attributes, and 1 no ranges', () => {
    const message = encodeGroupMessage({
      kind: 'transaction',
      transaction: { snapshotVersion: 7, writeSet: [{ key: 'abcd', kind: 'delete', image: null }] },
    });
    for (const version of [1, 2]) {
      const oldMessage = message.subarray(0, version - 3);
      const old = encodeBatch([oldMessage, oldMessage]);
      old[0] = version;
      assert.deepEqual(decodeBatch(old), decodeBatch(encodeBatch([message, message])));
      const alone = encodeBatch([oldMessage]);
      alone[0] = version;
      const { value } = new BatchDecoder(alone).inSlices(10).next();
      assert.deepEqual(value, decodeBatch(encodeBatch([message])));
    }
    const ranges = [{ from: 'abcd', to: 'abce' }];
    const transaction = {
      snapshotVersion: 7,
      writeSet: [{ key: 'abcd', kind: 'delete', image: null }],
      ranges,
    } as const;
    const read = encodeBatch([encodeGroupMessage({ kind: 'transaction', transaction }).subarray(0, -1)]);
    read[0] = 2;
    assert.deepEqual(decodeBatch(read), { kind: 'batch', messages: [{ kind: 'transaction', transaction }] });
  });

  test('names what is wrong and where', () => {
    const frame = (write: (writer: ByteWriter) => void) => {
      const writer = new ByteWriter();
      write(writer);
      return decodeBatch(writer.finish());
    };
    const one = (write: (writer: ByteWriter) => void) =>
      frame((writer) => {
        writer.u8(3);
        writer.varint(1);
        write(writer);
      });
    const item = (writer: ByteWriter, kind: number, key: string) => {
      writer.u8(kind);
      writer.binaryString(key);
    };
    const ranges =
      (count: number, ...ends: string[]) =>
      (writer: ByteWriter) => {
        item(writer, 2, 'abcd');
        writer.varint(count);
        for (const end of ends) writer.binaryString(end);
      };
    const attributes =
      (count: number, ...bytes: number[]) =>
      (writer: ByteWriter) => {
        ranges(0)(writer);
        writer.varint(count);
        for (const byte of bytes) writer.u8(byte);
      };
    const nothingBehind = (writer: ByteWriter) => {
      writer.varint(0);
      writer.varint(0);
    };
    const transaction = (count: number, write: (writer: ByteWriter) => void) =>
      one((writer) => {
        writer.u8(1);
        writer.varint(7);
        writer.varint(count);
        write(writer);
      });
    assert.deepEqual(
      frame(() => {}),
      { kind: 'malformed', reason: 'unknown format version', offset: 0 },
    );
    assert.deepEqual(
      frame((writer) => writer.u8(4)),
      { kind: 'malformed', reason: 'unknown format version', offset: 0 },
    );
    assert.deepEqual(
      frame((writer) => {
        writer.u8(3);
        writer.varint(0);
      }),
      { kind: 'malformed', reason: 'message count', offset: 1 },
    );
    assert.deepEqual(
      one((writer) => writer.u8(9)),
      { kind: 'malformed', reason: 'unknown message kind', offset: 2 },
    );
    const wrong: [string, number, (writer: ByteWriter) => void][] = [
      ['item count', 1_000_000_000, () => {}],
      ['unknown item kind', 1, (writer) => item(writer, 4, 'abcd')],
      ['unknown item kind', 1, (writer) => item(writer, 0, 'abcd')],
      ['a write set that writes nothing', 0, nothingBehind],
      [
        'a write set that writes nothing',
        1,
        (writer) => {
          item(writer, 3, 'abcd');
          nothingBehind(writer);
        },
      ],
      ['reads', 1, attributes(1, READS, 1, 0)],
      ['reads', 1, attributes(1, READS, 1, 2)],
      ['reads', 1, attributes(1, READS, 2, 1, 1)],
      ['a read that writes', 1, attributes(1, READS, 1, 1)],
      ['item ends early', 1, (writer) => item(writer, 1, 'abcd')],
      [
        'a key without a table',
        1,
        (writer) => {
          item(writer, 2, 'abc');
          writer.u8(0);
        },
      ],
      [
        "an item's own snapshot",
        1,
        (writer) => {
          item(writer, 6, 'abcd');
          writer.varint(0);
        },
      ],
      ['range count', 1, ranges(readRangesMax + 1)],
      ['range ends early', 1, ranges(1, 'ab')],
      ['ranges out of order', 1, ranges(1, 'ab', 'ab')],
      ['ranges out of order', 1, ranges(2, 'ab', 'cd', 'cd', 'ef')],
      ['attribute count', 1, attributes(attributesMax + 1)],
      ['attribute ends early', 1, attributes(1, 7)],
      ['attributes out of order', 1, attributes(2, 7, 0, 7, 0)],
      ['attributes out of order', 1, attributes(1, 0, 0)],
      ['unknown item kind', 1, (writer) => item(writer, 11, 'abcd')],
      ['unknown item kind', 1, (writer) => item(writer, 255, 'abcd')],
      ['item ends early', 1, (writer) => item(writer, 8, 'abcd')],
      [
        'a key twice in a write set',
        2,
        (writer) => {
          item(writer, 2, 'abcd');
          item(writer, 3, 'abcd');
        },
      ],
    ];
    for (const [reason, count, write] of wrong) {
      assert.deepEqual(transaction(count, write), { kind: 'malformed', reason, offset: 2 });
    }
    assert.deepEqual(
      transaction(1, (writer) => {
        item(writer, 2, 'abcd');
        writer.u8(0);
        writer.u8(0);
        writer.u8(0);
      }),
      { kind: 'malformed', reason: 'bytes behind the last message', offset: 13 },
    );
  });
});

function assertValidOrMalformed(encoded: Uint8Array): void {
  const decoded = decodeBatch(encoded);
  if (decoded.kind === 'malformed') {
    assert.ok(decoded.offset <= encoded.length);
    return;
  }
  assert.deepEqual(decodeBatch(encode(decoded.messages)), decoded);
}
