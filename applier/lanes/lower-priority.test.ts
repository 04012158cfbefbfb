import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { getPriority, tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('./testing/open-unprivileged.ts', import.meta.url));

/** Opens lanes twice, the first time new ones, in a process of this niceness. */
function openAt(nice: number): readonly string[] {
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-lanes-'));
  // The process may be anybody's.
  chmodSync(directory, 0o777);
  const lanes = path.join(directory, 'lanes');
  const said = [1, 2].map(() => {
    const { stdout, stderr } = spawnSync('nice', ['-n', String(nice), process.execPath, SCRIPT, lanes], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    return stdout.trim() || stderr;
  });
  rmSync(directory, { recursive: true });
  return said;
}

test('a process that is behind others already, and may not come forward, opens its lanes', {
  skip: process.platform !== 'linux' && 'the priority is that of a thread on Linux only',
}, () => {
  // Relative to this process, which may be behind others itself.
  const own = getPriority(0);
  for (const nice of [0, 15, 19])
    assert.deepEqual(openAt(Math.max(0, nice - own)), ['opened', 'opened'], `nice ${nice}`);
});
