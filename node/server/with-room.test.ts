import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withRoom } from './with-room.ts';

function failing(code: string): never {
  throw Object.assign(new Error(`${code}: it cannot be written`), { code });
}

test('R16: what there is no room for is tried again until there is, and told once', async () => {
  const { signal } = new AbortController();
  let told = 0;
  let attempts = 0;
  const work = () => (++attempts < 4 ? failing(attempts % 2 === 0 ? 'EDQUOT' : 'ENOSPC') : attempts);
  assert.equal(await withRoom(work, { retryMs: 1, signal, noticed: () => told++ }), 4);
  assert.equal(told, 1);
});

test('any other error is final, and who is told to stop waits no longer', async () => {
  const stop = new AbortController();
  const how = { retryMs: 3_600_000, signal: stop.signal, noticed: () => stop.abort() };
  await assert.rejects(
    withRoom(() => failing('EIO'), how),
    { code: 'EIO' },
  );
  assert.equal(await withRoom(() => failing('ENOSPC'), how), null);
});
