import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import type { Compression } from '../core/index.ts';
import { zstdCompression } from './compression.ts';

const compression: Compression = zstdCompression;

/** As `compress` makes them, but with a length of one's own. */
function declared(length: number, content: Uint8Array): Uint8Array {
  const frame = zstdCompressSync(content);
  const bytes = new Uint8Array(4 + frame.length);
  new DataView(bytes.buffer).setUint32(0, length, true);
  bytes.set(frame, 4);
  return bytes;
}

test('what is compressed is smaller and comes out as it was; what would not be smaller is left', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.integer({ min: 1, max: 40 }), (bytes, times) => {
      const content = Buffer.concat(new Array<Uint8Array>(times).fill(bytes));
      const compressed = compression.compress(content);
      if (compressed === null) return;
      assert.ok(compressed.length < content.length);
      assert.deepEqual(compression.decompress(compressed, content.length), Uint8Array.from(content));
      assert.equal(compression.decompress(compressed, content.length - 1), null);
    }),
  );
  assert.equal(compression.compress(randomBytes(256 * 1024)), null);
  assert.ok(compression.compress(new Uint8Array(256 * 1024))!.length < 100);
});

test('a bomb is refused: by the length that it declares, and by the one that it has', () => {
  const bomb = new Uint8Array(64 * 1024 * 1024);
  assert.equal(compression.decompress(declared(bomb.length, bomb), 1024 * 1024), null);
  assert.equal(compression.decompress(declared(1024, bomb), 1024 * 1024), null);
});

test('bytes that are not what they declare are refused', () => {
  const content = new Uint8Array(1000).fill(7);
  assert.equal(compression.decompress(declared(1001, content), 5000), null);
  assert.equal(compression.decompress(declared(0, content), 5000), null);
  assert.equal(compression.decompress(new Uint8Array(0), 5000), null);
  assert.equal(compression.decompress(declared(1000, content).subarray(0, 9), 5000), null);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      const answer = compression.decompress(bytes, 5000);
      assert.ok(answer === null || answer.length <= 5000);
    }),
  );
});
