import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { DataDirectory } from './data-directory.ts';
import { openDataDirectory } from './data-directory.ts';

test('a directory is made with its parents, keeps its identity, and counts its starts', (context) => {
  const directory = path.join(temporaryDirectory(context), 'deep', 'member-1');
  const first = opened(directory, 2);
  assert.equal(first.incarnation, 1);
  assert.equal(first.lanes, 2);
  assert.equal(fs.readFileSync(path.join(directory, 'pid'), 'utf8'), `${process.pid}\n`);
  first.release();
  first.release();
  assert.deepEqual(fs.readdirSync(directory), ['member.json']);
  const second = opened(directory, 4);
  assert.deepEqual([second.memberId, second.incarnation, second.lanes], [first.memberId, 2, 2]);
  second.release();
  const other = opened(path.join(temporaryDirectory(context), 'member-2'), 1);
  assert.notEqual(other.memberId, first.memberId);
  other.release();
});

test('another run within one process has the next incarnation, and a start after it one more', (context) => {
  const directory = temporaryDirectory(context);
  const first = opened(directory, 1);
  assert.deepEqual([first.nextIncarnation(), first.nextIncarnation()], [2, 3]);
  first.release();
  const second = opened(directory, 1);
  assert.deepEqual([second.memberId, second.incarnation], [first.memberId, 4]);
  second.release();
});

test('one process does not open a directory twice', (context) => {
  const directory = temporaryDirectory(context);
  const first = opened(directory, 1);
  const reason = reasonOf(directory);
  assert.match(reason, new RegExp(`in use by process ${process.pid}: stop that one first`));
  first.release();
  opened(directory, 1).release();
});

test('a directory that another process has is refused, and is free once that process was killed', async (context) => {
  const directory = temporaryDirectory(context);
  const other = await holder(context, directory);
  assert.match(reasonOf(directory), new RegExp(`in use by process ${other.pid}: `));
  assert.equal(fs.readFileSync(path.join(directory, 'pid'), 'utf8'), `${other.pid}\n`);
  other.kill('SIGKILL');
  await once(other, 'exit');
  const mine = opened(directory, 1);
  assert.equal(mine.incarnation, 2);
  assert.equal(fs.readFileSync(path.join(directory, 'pid'), 'utf8'), `${process.pid}\n`);
  mine.release();
});

test('of many processes that start at once on one directory, one gets it', async (context) => {
  const directory = temporaryDirectory(context);
  const answers = await Promise.all([1, 2, 3, 4].map(() => answerOf(start(context, directory))));
  assert.equal(answers.filter((answer) => answer === 'opened').length, 1, answers.join('; '));
  assert.ok(answers.every((answer) => answer === 'opened' || answer.includes('is in use by')));
});

test('a lock of a dead process, of a process id used again, or of nobody is taken over', (context) => {
  const directory = temporaryDirectory(context);
  opened(directory, 1).release();
  const parent = JSON.stringify({ pid: process.ppid, startedAt: 'another-boot/1' });
  for (const [i, lock] of ['{"pid":4194999,"startedAt":null}', parent, '', '{"pid":-1}', 'garbage'].entries()) {
    fs.writeFileSync(path.join(directory, 'lock'), lock);
    fs.writeFileSync(path.join(directory, 'pid'), 'stale');
    const mine = opened(directory, 1);
    assert.equal(mine.incarnation, i + 2);
    mine.release();
  }
  // Where the start of a process is not known, its id must do.
  fs.writeFileSync(path.join(directory, 'lock'), `{"pid":${process.ppid},"startedAt":null}`);
  assert.match(reasonOf(directory), /in use by process/);
});

test('a directory with foreign files is refused and left alone', (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, 'thesis.tex'), '');
  assert.match(reasonOf(directory), /not a Concert data directory \(it holds thesis\.tex, .*: give an empty or a new/);
  assert.deepEqual(fs.readdirSync(directory), ['thesis.tex']);
  const file = path.join(directory, 'thesis.tex');
  assert.match(reasonOf(file), /is not a directory: give another/);
  assert.match(reasonOf(path.join(file, 'below')), /is not a directory: give another/);
});

test('what an interrupted first start leaves is taken as empty', (context) => {
  const directory = temporaryDirectory(context);
  fs.mkdirSync(path.join(directory, 'lost+found'));
  fs.writeFileSync(path.join(directory, 'pid'), '1\n');
  fs.writeFileSync(path.join(directory, 'member.json.tmp'), '{"for');
  const mine = opened(directory, 1);
  assert.equal(mine.incarnation, 1);
  mine.release();
});

test('each changed byte of member.json is noticed, and the directory is free afterwards', (context) => {
  const directory = temporaryDirectory(context);
  opened(directory, 2).release();
  const file = path.join(directory, 'member.json');
  const intact = fs.readFileSync(file);
  const meaning = JSON.stringify(JSON.parse(intact.toString()));
  for (let at = 0; at < intact.length; at++) {
    const changed = Buffer.from(intact);
    changed[at]! ^= 1;
    let isSame = false;
    try {
      isSame = JSON.stringify(JSON.parse(changed.toString())) === meaning;
    } catch {
      // No JSON any more.
    }
    fs.writeFileSync(file, changed);
    const result = openDataDirectory(directory, { lanes: 2 });
    if (result.kind === 'opened') {
      assert.ok(isSame, `byte ${at}`);
      result.release();
    } else {
      assert.match(result.reason, /member\.json (is damaged: put back|has format \d+, and)/);
    }
  }
  fs.writeFileSync(file, '');
  assert.match(reasonOf(directory), /is damaged/);
  fs.writeFileSync(file, '{"format": 2}');
  assert.match(reasonOf(directory), /has format 2, and this version of Concert knows 1: start a newer version/);
  fs.writeFileSync(file, intact);
  opened(directory, 2).release();
});

function temporaryDirectory(context: TestContext): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'concert-data-'));
  context.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function opened(directory: string, lanes: number): DataDirectory & { kind: 'opened' } {
  const result = openDataDirectory(directory, { lanes });
  if (result.kind === 'refused') assert.fail(result.reason);
  return result;
}

function reasonOf(directory: string): string {
  const result = openDataDirectory(directory, { lanes: 1 });
  if (result.kind === 'opened') assert.fail('the directory was opened');
  assert.equal(result.reason.includes('\n'), false);
  return result.reason;
}

/** A process that opens the directory, says how that went, and then waits for its end. */
function start(context: TestContext, directory: string): ChildProcess {
  const door = path.join(import.meta.dirname, 'data-directory.ts');
  const script = `
    const { openDataDirectory } = await import(${JSON.stringify(door)});
    const result = openDataDirectory(${JSON.stringify(directory)}, { lanes: 1 });
    process.send(result.kind === 'opened' ? 'opened' : result.reason);
    process.on('disconnect', () => process.exit());
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  // Waited for, since the next directory may get the same inode.
  context.after(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return child;
}

async function answerOf(child: ChildProcess): Promise<string> {
  const [answer] = await once(child, 'message');
  return String(answer);
}

async function holder(context: TestContext, directory: string): Promise<ChildProcess> {
  const child = start(context, directory);
  assert.equal(await answerOf(child), 'opened');
  return child;
}
