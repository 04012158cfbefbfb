import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';

const commandLine = path.join(import.meta.dirname, '..', 'node', 'cli', 'main.ts');

function concert(...args: readonly string[]) {
  return spawnSync(process.execPath, [commandLine, ...args], { encoding: 'utf8' });
}

test('without addresses three members are started, loaded, verified, ended and removed', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-bench-test-'));
  const json = path.join(directory, 'result.json');
  const data = path.join(directory, 'data');
  try {
    const load = ['--connections', '6', '--rows', '300', '--warmup', '0', '--seconds', '1'];
    const { status, stderr } = concert('bench', 'micro', ...load, '--data', data, '--json', json);
    assert.equal(status, 0, stderr);
    const report = JSON.parse(readFileSync(json, 'utf8'));
    assert.equal(report.verified, true);
    assert.ok(report.committed > 0);
    assert.equal(report.rssMiB.length, 3);
    assert.equal(report.cpuSecondsPerThousandByMember.length, 3);
    assert.ok(report.cpuSecondsPerThousand > 0);
    assert.deepEqual(readdirSync(data), []);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('a directory that cannot be made is refused in one line that names its option', () => {
  for (const option of ['--data', '--profile']) {
    const { status, stderr } = concert('bench', 'micro', option, path.join(import.meta.filename, 'in-a-file'));
    assert.equal(status, 2, stderr);
    assert.match(stderr, new RegExp(`^starting 3 members\\nconcert bench: ${option}: cannot make .*in-a-file.*\\n$`));
  }
});

test('a directory that holds a group already is refused in one line, and left alone', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-bench-test-'));
  try {
    mkdirSync(path.join(directory, 'member-1'));
    const { status, stderr } = concert('bench', 'micro', '--data', directory);
    assert.equal(status, 1);
    assert.match(stderr, /\nconcert bench: .* holds a group already; .*\n$/);
    assert.ok(existsSync(path.join(directory, 'member-1')));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
