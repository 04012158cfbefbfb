import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { codecFor, type DecodedFrame, jsonCodec, msgpackCodec } from './frame-codec.ts';
import { imageCodec } from './msgpack.ts';

const CODECS = [jsonCodec, msgpackCodec];

function messagesOf(frame: DecodedFrame): readonly unknown[] {
  assert.equal(frame.kind, 'messages');
  return frame.kind === 'messages' ? frame.messages : [];
}

function nested(levels: number): unknown {
  let value: unknown = [];
  for (let i = 1; i < levels; i++) value = { a: value };
  return value;
}

/** What both subprotocols can carry and give back as it was. */
const values = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.constant(null),
    fc.boolean(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => double + 0),
    fc.string({ unit: 'binary' }),
    fc.uint8Array({ maxLength: 40 }),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toJSON', 'hasOwnProperty')),
      tie('value'),
      {
        maxKeys: 5,
        noNullPrototype: true,
      },
    ),
  ),
})).value;

describe('frame codecs', () => {
  test('with no subprotocol offered JSON is spoken; of those offered the first known one; of unknown ones none', () => {
    assert.equal(codecFor([]), jsonCodec);
    assert.equal(codecFor(['other', 'concert.v1.msgpack', 'concert.v1.json']), msgpackCodec);
    assert.equal(codecFor(['concert.v1.json']), jsonCodec);
    assert.equal(codecFor(['concert.v2.json']), undefined);
  });

  for (const codec of CODECS) {
    describe(codec.subprotocol, () => {
      const roundTrip = (message: unknown) => messagesOf(codec.decodeFrame(codec.encodeFrame([message])))[0];

      test('a frame gives back the values that were put in', () => {
        fc.assert(
          fc.property(values, (value) => {
            assert.deepEqual(roundTrip({ value }), { value: value === 0 ? 0 : value });
          }),
          { numRuns: 300 },
        );
      });

      test('one message stands alone in its frame, several stand in an array', () => {
        assert.deepEqual(messagesOf(codec.decodeFrame(codec.encodeFrame([{ id: 1 }]))), [{ id: 1 }]);
        assert.deepEqual(messagesOf(codec.decodeFrame(codec.encodeFrame([{ id: 1 }, { id: 2 }]))), [
          { id: 1 },
          { id: 2 },
        ]);
      });

      test('a key named __proto__ is a key, and changes no prototype', () => {
        const row = JSON.parse('{"__proto__": {"admin": true}, "b": 1}') as object;
        const back = roundTrip({ row }) as { row: object };
        assert.deepEqual(Object.keys(back.row), ['__proto__', 'b']);
        assert.equal(Object.getPrototypeOf(back.row), Object.prototype);
        assert.equal(({} as { admin?: boolean }).admin, undefined);
      });

      test('a message nested 32 levels deep is read, one deeper is malformed', () => {
        assert.deepEqual(roundTrip(nested(32)), nested(32));
        assert.equal(codec.decodeFrame(codec.encodeFrame([nested(33)])).kind, 'malformed');
      });

      test('mutated frames are messages or malformed, never an exception', () => {
        const step = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
        fc.assert(
          fc.property(values, fc.array(step, { minLength: 1, maxLength: 6 }), (value, steps) => {
            const bytes = bytesOf(codec.encodeFrame([{ id: 1, value }]));
            for (const [place, byte] of steps) bytes[place % bytes.length] = byte;
            const decoded = codec.decodeFrame(codec === jsonCodec ? bytes.toString('utf8') : bytes);
            if (decoded.kind === 'messages') codec.encodeFrame([decoded.messages]);
          }),
          { numRuns: 3000 },
        );
      });

      test('a frame cut short is malformed', () => {
        const bytes = bytesOf(codec.encodeFrame([{ id: 1, op: 'get', table: 'shop.stock', key: ['a', 5000] }]));
        for (let length = 0; length < bytes.length; length++) {
          const part = bytes.subarray(0, length);
          assert.equal(codec.decodeFrame(codec === jsonCodec ? part.toString('utf8') : part).kind, 'malformed');
        }
      });
    });
  }

  test('JSON writes bytes as $bytes and integers beyond 2^53 as strings', () => {
    const frame = jsonCodec.encodeFrame([{ b: Uint8Array.of(1, 2, 255), n: 9007199254740993n, d: 1e300 }]);
    assert.equal(frame, '{"b":{"$bytes":"AQL/"},"n":"9007199254740993","d":1e+300}');
  });

  test('JSON reads $bytes however it is escaped, and leaves what only resembles it', () => {
    const text = '[{"a":{"\\u0024bytes":"AQL/"}},{"b":{"$bytes":"!"}},{"c":{"$bytes":"AQL/","d":1}}]';
    assert.deepEqual(messagesOf(jsonCodec.decodeFrame(text)), [
      { a: Uint8Array.of(1, 2, 255) },
      { b: { $bytes: '!' } },
      { c: { $bytes: 'AQL/', d: 1 } },
    ]);
  });

  test('each request of a batch that is too deep as a whole is named', () => {
    const decoded = jsonCodec.decodeFrame(JSON.stringify([{ id: 7 }, { id: 'x', deep: nested(40) }, 5]));
    assert.deepEqual(decoded.kind === 'malformed' && decoded.ids, [7, 'x', null]);
  });

  test('a million opening brackets are malformed', () => {
    assert.equal(jsonCodec.decodeFrame('['.repeat(1_000_000)).kind, 'malformed');
    assert.equal(jsonCodec.decodeFrame(`${'['.repeat(500_000)}${']'.repeat(500_000)}`).kind, 'malformed');
    assert.equal(msgpackCodec.decodeFrame(new Uint8Array(1_000_000).fill(0x91)).kind, 'malformed');
  });

  test('a frame of the other subprotocol is malformed', () => {
    assert.equal(jsonCodec.decodeFrame(Uint8Array.of(0x80)).kind, 'malformed');
    assert.equal(msgpackCodec.decodeFrame('{}').kind, 'malformed');
  });

  test('msgpack carries integers as integers: beyond 2^53 as bigints, safe ones as numbers', () => {
    const wide = msgpackCodec.encodeFrame([{ n: 2 ** 40, m: -(2 ** 40), big: 2n ** 62n, small: 5n }]) as Uint8Array;
    assert.equal(bytesOf(wide).includes(Buffer.of(0xd3, 0, 0, 1, 0, 0, 0, 0, 0)), true);
    assert.deepEqual(messagesOf(msgpackCodec.decodeFrame(wide)), [
      { n: 2 ** 40, m: -(2 ** 40), big: 2n ** 62n, small: 5 },
    ]);
    const edge = msgpackCodec.encodeFrame([[2n ** 53n, 2n ** 53n - 1n, -(2n ** 63n), 2n ** 64n - 1n]]);
    assert.deepEqual(
      messagesOf(msgpackCodec.decodeFrame(edge)),
      [[2n ** 53n, 2 ** 53 - 1, -(2n ** 63n), 2n ** 64n - 1n]][0],
    );
  });

  test('msgpack refuses extensions, records, keys that are not text and text that is not UTF-8', () => {
    const refused: Record<string, number[]> = {
      'an error object': [0xc7, 3, 0x65, 0x93, 1, 2],
      'a typed reference': [0xd6, 0x69, 0, 0, 0, 1],
      'a pointer': [0xd6, 0x70, 0, 0, 0, 1],
      'a regular expression': [0xc7, 3, 0x78, 0x92, 0xa1, 0x61],
      'a record definition': [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 1],
      'a bundled string': [0xc1, 4],
      'a number as key': [0x81, 1, 1],
      'a map as key': [0x81, 0x80, 1],
      'broken UTF-8': [0xa2, 0xc3, 0x28],
      'a surrogate': [0xa3, 0xed, 0xa0, 0x80],
      'two values': [0x80, 0x80],
      nothing: [],
    };
    for (const [what, bytes] of Object.entries(refused)) {
      assert.equal(msgpackCodec.decodeFrame(Uint8Array.from(bytes)).kind, 'malformed', what);
    }
    const set = new Packr({ moreTypes: true }).pack({ a: new Set([1]) });
    assert.equal(msgpackCodec.decodeFrame(set).kind, 'malformed');
  });

  test('declared lengths beyond the frame allocate nothing', () => {
    const before = process.memoryUsage().rss;
    for (const token of [0xc6, 0xdb, 0xdd, 0xdf]) {
      for (let i = 0; i < 1000; i++) {
        const frame = Uint8Array.of(token, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3);
        assert.equal(msgpackCodec.decodeFrame(frame).kind, 'malformed');
      }
    }
    assert.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024);
  });

  test('bytes of a decoded message outlive its frame', () => {
    const frame = bytesOf(msgpackCodec.encodeFrame([{ b: Uint8Array.of(1, 2, 3) }]));
    const [message] = messagesOf(msgpackCodec.decodeFrame(frame)) as { b: Uint8Array }[];
    frame.fill(0);
    assert.deepEqual(message, { b: Uint8Array.of(1, 2, 3) });
  });

  test('random bytes are messages or malformed, never an exception', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        msgpackCodec.decodeFrame(bytes);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('row images', () => {
  test('an image gives back the row: bigints, numbers, bytes and odd keys as they were', () => {
    fc.assert(
      fc.property(fc.tuple(values, fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })), (row) => {
        const image = imageCodec.encode(row);
        assert.deepEqual(imageCodec.encode(row), image);
        assert.deepEqual(imageCodec.decode(image), row);
      }),
      { numRuns: 500 },
    );
  });

  test('a row of 70,000 columns survives', () => {
    const row = Object.fromEntries(Array.from({ length: 70_000 }, (_, i) => [`c${i}`, i]));
    assert.deepEqual(imageCodec.decode(imageCodec.encode(row)), row);
  });
});

function bytesOf(frame: string | Uint8Array): Buffer {
  return Buffer.from(frame as Uint8Array);
}
