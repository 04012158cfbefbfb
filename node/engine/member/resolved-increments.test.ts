import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteReader, ByteWriter } from '../../../gcs/base/index.ts';
import { resolvedCount } from './resolved-increments.ts';

test('what deltas come to is counted without looking at any of them', (context) => {
  const writer = new ByteWriter();
  writer.varint(3000);
  for (let each = 0; each < 3000; each++) writer.blob(Uint8Array.of(each & 255));
  const { mock } = context.mock.method(ByteReader.prototype, 'blob');
  assert.equal(resolvedCount(writer.finish()), 3000);
  assert.equal(mock.callCount(), 0);
});
