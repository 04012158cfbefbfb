import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const script = path.join(import.meta.dirname, 'testing', 'torn-transaction.ts');

test('a process ends with its code although one of its threads is torn out of a transaction', async (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-torn-'));
  const child = spawn(process.execPath, [script, directory], { stdio: ['ignore', 'ignore', 'inherit'] });
  t.after(() => {
    child.kill('SIGKILL');
    rmSync(directory, { recursive: true });
  });
  const ended = await once(child, 'exit', { signal: AbortSignal.timeout(20_000) });
  assert.deepEqual(ended, process.platform === 'win32' ? [1, null] : [7, null]);
});
