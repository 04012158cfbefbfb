import assert from 'node:assert/strict';
import { test } from 'node:test';
import { levelOf } from './events.ts';

test('that something is wrong is a warning; that it is over is none', () => {
  assert.deepEqual(
    [levelOf('suspicion', { reachable: false }), levelOf('suspicion', { reachable: true })],
    ['warn', 'info'],
  );
  assert.deepEqual([levelOf('quorum', { hasQuorum: false }), levelOf('quorum', { hasQuorum: true })], ['warn', 'info']);
  assert.deepEqual([levelOf('room', { hasRoom: false }), levelOf('room', { hasRoom: true })], ['warn', 'info']);
  assert.deepEqual([levelOf('damage', {}), levelOf('stuck', {}), levelOf('view', {})], ['warn', 'error', 'info']);
});
