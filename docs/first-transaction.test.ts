import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';

/** In place of the runtime's WebSocket: no member answers, whatever runs on this machine. */
const noMember = `globalThis.WebSocket = class extends EventTarget {
  constructor() {
    super();
    queueMicrotask(() => this.dispatchEvent(new Event('error')));
  }
}`;

test('a first transaction without a group is one line that says what to start', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [
      '--import',
      `data:text/javascript,${encodeURIComponent(noMember)}`,
      path.join(import.meta.dirname, 'first-transaction.ts'),
    ],
    { encoding: 'utf8' },
  );
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^cannot connect to ws:.*: is `npm start` running\?\n$/);
});
