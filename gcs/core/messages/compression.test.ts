import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { runLengthCompression } from './compression.ts';

const runs = fc
  .array(fc.tuple(fc.nat(3), fc.integer({ min: 1, max: 300 })), { maxLength: 20 })
  .map((parts) => Uint8Array.from(parts.flatMap(([byte, length]) => new Array<number>(length).fill(byte))));

test('what is compressed is shorter, and comes out as it was', () => {
  fc.assert(
    fc.property(fc.oneof(runs, fc.uint8Array({ maxLength: 400 })), (bytes) => {
      const compressed = runLengthCompression.compress(bytes);
      if (compressed === null) return;
      assert.ok(compressed.length < bytes.length);
      assert.deepEqual(runLengthCompression.decompress(compressed, bytes.length), bytes);
      assert.equal(runLengthCompression.decompress(compressed, bytes.length - 1), null);
    }),
  );
  assert.notEqual(runLengthCompression.compress(new Uint8Array(500)), null);
});

test('bytes that were never compressed are told, or unpack within the bound', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const content = runLengthCompression.decompress(bytes, 100);
      assert.ok(content === null || content.length <= 100);
    }),
  );
});
