import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { jsonCodec as memberJson, msgpackCodec as memberMsgpack } from '../node/server/frame-codec.ts';
import { fromBase64, toBase64 } from './core/base64.ts';
import { sendable } from './core/check-message.ts';
import { jsonCodec } from './core/json-codec.ts';
import { msgpackCodec } from './msgpack-codec.ts';

const codecs = { json: jsonCodec, msgpack: msgpackCodec };

/** As a frame arrives: bytes in a buffer of the runtime's. */
function sent(codec: typeof jsonCodec, message: unknown): unknown {
  const frame = codec.encode([message]);
  return codec.decode(typeof frame === 'string' ? frame : Buffer.concat([Buffer.from([7]), frame]).subarray(1));
}

const text = fc.string({ unit: 'grapheme' });
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.constant(null),
    fc.boolean(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((double) => double + 0),
    text,
    fc.uint8Array(),
    fc.array(tie('any')),
    fc.dictionary(fc.oneof(text, fc.constant('__proto__')), tie('any'), { noNullPrototype: true }),
  ),
})).any;

/** What the JSON subprotocol takes for bytes. */
const resemblesBytes = (one: unknown): boolean => {
  if (typeof one !== 'object' || one === null) return false;
  if (Object.keys(one).length === 1 && '$bytes' in one) return true;
  return Object.values(one).some(resemblesBytes);
};

describe('values', () => {
  for (const [name, codec] of Object.entries(codecs)) {
    test(`come out of ${name} as they went in`, () => {
      fc.assert(
        fc.property(value, (one) => {
          fc.pre(!resemblesBytes(one));
          const message = { id: 1, op: 'put', row: { one } };
          assert.deepEqual(sent(codec, sendable(message)), message);
        }),
      );
    });

    test(`${name} tells the bytes of a frame`, () => {
      fc.assert(
        fc.property(text, (one) => {
          const frame = codec.encode([{ one }, { one }]);
          assert.equal(codec.bytesOf(frame), Buffer.byteLength(frame as string));
        }),
      );
    });

    test(`bytes are plain in ${name}, and share nothing with their frame`, () => {
      const { bytes } = sent(codec, { bytes: new Uint8Array([1, 2, 255]) }) as { bytes: Uint8Array };
      assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
      assert.equal(bytes.buffer.byteLength, 3);
    });
  }

  test('an integer beyond 2^53 is a bigint in msgpack, and text in JSON, which cannot tell it from text', () => {
    const message = { big: 2n ** 60n, small: -5n };
    assert.deepEqual(sent(msgpackCodec, message), { big: 2n ** 60n, small: -5 });
    assert.deepEqual(sent(jsonCodec, message), { big: '1152921504606846976', small: '-5' });
  });

  test('bytes are {"$bytes": base64} in JSON, whatever their length', () => {
    assert.equal(jsonCodec.encode([{ a: new Uint8Array([1, 2, 3, 4]) }]), '{"a":{"$bytes":"AQIDBA=="}}');
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.equal(toBase64(bytes), Buffer.from(bytes).toString('base64'));
        assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
      }),
    );
  });

  test('what is undefined is left out, and of an object of a class the fields are sent', () => {
    class Product {
      id = 5;
      name = 'violin';
      #secret = 1;
      toJSON() {
        return this.#secret;
      }
    }
    const message = { id: 1, op: 'put', row: { a: undefined, b: [{ c: undefined }], product: new Product() } };
    for (const codec of Object.values(codecs)) {
      assert.deepEqual(sent(codec, sendable({ ...message })), {
        id: 1,
        op: 'put',
        row: { b: [{}], product: { id: 5, name: 'violin' } },
      });
    }
  });

  test('a message holds what its arguments were when it was asked, whatever becomes of them', () => {
    const bytes = new Uint8Array([1, 2]);
    const row = { id: 1, list: [{ a: 1 }], bytes };
    const message = sendable({ id: 1, op: 'put', table: 't.t', row });
    row.id = 2;
    row.list[0]!.a = 2;
    bytes[0] = 9;
    assert.deepEqual(message, {
      id: 1,
      op: 'put',
      table: 't.t',
      row: { id: 1, list: [{ a: 1 }], bytes: new Uint8Array([1, 2]) },
    });
  });

  test('values without a form in the protocol are refused', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 31; level++) deep = [deep];
    const refused = [
      new Date(0),
      new Map(),
      new Set(),
      /x/,
      () => 1,
      Symbol('x'),
      Number.NaN,
      Infinity,
      '\udc00',
      deep,
    ];
    for (const one of [...refused, 2n ** 63n, -(2n ** 63n) - 1n, new ArrayBuffer(1), [undefined]]) {
      assert.throws(() => sendable({ id: 1, op: 'put', row: one }), { code: 'INVALID_ARGUMENT' }, String(one));
    }
  });

  test('nesting is refused from the level on at which a member would refuse the whole frame', () => {
    let row: unknown = 1;
    let isTaken = true;
    for (let level = 1; level < 40; level++) {
      row = level % 2 === 0 ? [row] : { row };
      const message = { id: 1, op: 'put', row };
      const json = memberJson.decodeFrame(jsonCodec.encode([message, message]));
      const msgpack = memberMsgpack.decodeFrame(msgpackCodec.encode([message, message]));
      assert.equal(json.kind, msgpack.kind);
      isTaken = json.kind === 'messages';
      if (isTaken) sendable(message);
      else assert.throws(() => sendable(message), { code: 'INVALID_ARGUMENT', message: /nested deeper than/ });
    }
    assert.equal(isTaken, false);
  });

  test('whatever may be sent can be read by a member, and holds what it held', () => {
    fc.assert(
      fc.property(fc.array(value, { minLength: 1 }), (rows) => {
        fc.pre(!resemblesBytes(rows));
        const messages = rows.map((row) => sendable({ id: 1, op: 'put', row }));
        for (const decoded of [
          memberJson.decodeFrame(jsonCodec.encode(messages)),
          memberMsgpack.decodeFrame(msgpackCodec.encode(messages)),
        ]) {
          assert(decoded.kind === 'messages');
          assert.deepEqual(decoded.messages, messages);
        }
      }),
    );
  });

  test('a frame that cannot be read is an error', () => {
    assert.throws(() => jsonCodec.decode('{'));
    assert.throws(() => jsonCodec.decode(new Uint8Array([1])));
    assert.throws(() => msgpackCodec.decode('text'));
    assert.throws(() => msgpackCodec.decode(new Uint8Array([0x81])));
  });
});
