import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';

test('a wrong option is one line that names it', () => {
  for (const [args, named] of [
    [['--nope'], '--nope'],
    [['--seconds', 'x'], '--seconds'],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [path.join(import.meta.dirname, 'main.ts'), ...args], {
      encoding: 'utf8',
    });
    assert.equal(status, 2, stderr);
    assert.match(stderr, new RegExp(`^inventory: .*${named}.*\n$`));
  }
});

test('an address that is none is one line that names it', () => {
  const { status, stderr } = spawnSync(
    process.execPath,
    [path.join(import.meta.dirname, 'main.ts'), '--url', 'http://x'],
    { encoding: 'utf8' },
  );
  assert.equal(status, 1, stderr);
  assert.match(stderr, /^INVALID_ARGUMENT: .*"http:\/\/x".*\n$/);
});

test('three shops over one stock: the books are right at every member, and the conflicts are shown', async () => {
  const run = spawn(process.execPath, [path.join(import.meta.dirname, 'main.ts'), '--seconds', '2']);
  let output = '';
  run.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  run.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [code] = await once(run, 'close');
  assert.equal(code, 0, output);
  for (const shop of [1, 2, 3])
    assert.match(output, new RegExp(`^shop ${shop}: \\d+ orders, \\d+ pieces, books right$`, 'm'));
  assert.match(output, /never negative in \d+ audits/);
  assert.match(output, /^[1-9]\d* transactions lost to another one/m);
  assert.match(output, /shop \d lost/);
});
