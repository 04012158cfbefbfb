import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isPossible } from '../group/is-possible.ts';
import { waitUntil, within } from '../wait-until.ts';
import { type DiskRule, FaultyDisk, whyNoFaultyDisk } from './faulty-disk.ts';
import type { Asked, Done } from './testing/disk-user.ts';

const MS_MAX = 10_000;
const user = path.join(import.meta.dirname, 'testing', 'disk-user.ts');

/** A process with a faulty disk, on which lies `file` with `content`. Null: not possible here. */
function userOfDisk(t: TestContext) {
  if (!isPossible(t, whyNoFaultyDisk())) return null;
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'concert-faulty-disk-')));
  const directory = path.join(folder, 'disk');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'file'), 'content');
  const disk = new FaultyDisk(directory, path.join(folder, 'control'));
  const child = fork(user, [directory], { env: { ...process.env, ...disk.environment }, execArgv: [] });
  t.after(async () => {
    child.kill('SIGKILL');
    await once(child, 'close');
    disk.close();
    rmSync(folder, { recursive: true });
  });
  const ask = async (asked: Asked): Promise<Done> => {
    child.send(asked);
    const [done] = await within(`an answer to ${asked.call}`, MS_MAX, once(child, 'message'));
    return done;
  };
  const errorOf = async (asked: Asked): Promise<string | null> => (await ask(asked)).error;
  const content = (file: string) => readFileSync(path.join(directory, file), 'utf8');
  return { disk, ask, errorOf, content };
}

const overwrite: Asked = { call: 'write', file: 'file', at: 0, text: 'C' };

describe('a faulty disk', { timeout: 60_000 }, () => {
  const failing: readonly (readonly [string, DiskRule, Asked, string])[] = [
    ['a write fails', { operations: ['write'], error: 'EIO' }, overwrite, 'EIO'],
    [
      'a whole write fails',
      { operations: ['write'], error: 'EIO' },
      { call: 'append', file: 'file', text: 'x' },
      'EIO',
    ],
    [
      'a truncation fails',
      { operations: ['write'], error: 'EIO' },
      { call: 'truncate', file: 'file', length: 1 },
      'EIO',
    ],
    ['a sync fails', { operations: ['sync'], error: 'EIO' }, { call: 'fsync', file: 'file' }, 'EIO'],
    ['a sync of data fails', { operations: ['sync'], error: 'EIO' }, { call: 'fdatasync', file: 'file' }, 'EIO'],
    ['a sync of the folder fails', { operations: ['sync'], error: 'EIO' }, { call: 'syncFolder', file: '' }, 'EIO'],
    ['a read fails', { operations: ['read'], error: 'EIO' }, { call: 'read', file: 'file' }, 'EIO'],
    [
      'no room to grow',
      { operations: ['grow'], error: 'ENOSPC' },
      { call: 'append', file: 'file', text: 'x' },
      'ENOSPC',
    ],
    [
      'no room for a new file',
      { operations: ['grow'], error: 'ENOSPC' },
      { call: 'writeWhole', file: 'new', text: 'x' },
      'ENOSPC',
    ],
  ];
  for (const [name, rule, asked, error] of failing) {
    test(`${name} with ${error} while the rule is there, and neither before nor after`, async (t) => {
      const its = userOfDisk(t);
      if (its === null) return;
      const { disk, errorOf, content } = its;
      if (asked.call !== 'truncate' && asked.call !== 'writeWhole') assert.equal(await errorOf(asked), null);
      const before = content('file');
      const active = disk.impose(rule);
      assert.equal(await errorOf(asked), error);
      assert.equal(await errorOf(asked), error);
      assert.equal(active.struck(), 2);
      assert.equal(content('file'), before);
      active.lift();
      assert.equal(await errorOf(asked), null);
      assert.equal(active.struck(), 2);
    });
  }

  test('without room overwrites and shortens files', async (t) => {
    const its = userOfDisk(t);
    if (its === null) return;
    its.disk.impose({ operations: ['grow'], error: 'ENOSPC' });
    assert.equal(await its.errorOf(overwrite), null);
    assert.equal(await its.errorOf({ call: 'truncate', file: 'file', length: 3 }), null);
    assert.equal(its.content('file'), 'Con');
    assert.equal(await its.errorOf({ call: 'truncate', file: 'file', length: 4 }), 'ENOSPC');
  });

  test('whose syncs fail has taken what a write that syncs itself wrote', async (t) => {
    const its = userOfDisk(t);
    if (its === null) return;
    its.disk.impose({ operations: ['sync'], error: 'EIO' });
    assert.equal(await its.errorOf({ ...overwrite, syncs: true }), 'EIO');
    assert.equal(await its.errorOf({ ...overwrite, text: 'COn' }), null);
    assert.equal(its.content('file'), 'COntent');
  });

  test('fails at the nth call, so many times, of the files that are meant', async (t) => {
    const its = userOfDisk(t);
    if (its === null) return;
    const rule = its.disk.impose({ operations: ['write'], path: 'lanes/', error: 'EIO' });
    assert.equal(await its.errorOf(overwrite), null);
    assert.equal(rule.struck(), 0);
    rule.lift();
    its.disk.impose({ operations: ['write'], path: 'fi', error: 'EIO', nth: 3, times: 2 });
    const errors: (string | null)[] = [];
    for (let i = 0; i < 6; i++) errors.push(await its.errorOf(overwrite));
    assert.deepEqual(errors, [null, null, 'EIO', 'EIO', null, null]);
  });

  test('that is slow delays each call at least so long, and only those that are meant', async (t) => {
    const its = userOfDisk(t);
    if (its === null) return;
    its.disk.impose({ operations: ['sync'], delay: { ms: 50 } });
    its.disk.impose({ operations: ['write'], delay: { ms: 40, jitterMs: 10 } });
    assert((await its.ask({ call: 'fdatasync', file: 'file' })).ms >= 50);
    assert((await its.ask(overwrite)).ms >= 30);
    assert((await its.ask({ ...overwrite, syncs: true })).ms >= 80);
    its.disk.heal();
    const rule = its.disk.impose({ operations: ['write', 'sync'], delay: { ms: 600_000 } });
    assert.equal((await its.ask({ call: 'read', file: 'file' })).result, 'Content');
    assert.equal(rule.struck(), 0);
  });

  test('that hangs answers when it is healed', async (t) => {
    const its = userOfDisk(t);
    if (its === null) return;
    const rule = its.disk.impose({ operations: ['read'], delay: 'hangs' });
    const answered = its.ask({ call: 'read', file: 'file' });
    await waitUntil('the call hangs', MS_MAX, () => rule.struck() === 1);
    rule.lift();
    assert.equal((await answered).result, 'content');
  });

  test('has fifteen rules at most, and refuses one that cannot be', (t) => {
    const its = userOfDisk(t);
    if (its === null) return;
    const rules = Array.from({ length: 15 }, () => its.disk.impose({ operations: ['read'] }));
    assert.throws(() => its.disk.impose({ operations: ['read'] }), /at most 15 rules/);
    rules[7]!.lift();
    assert.throws(() => its.disk.impose({ operations: ['read'], delay: { ms: -1 } }), /delay is 0 to 600000 ms/);
    assert.throws(() => its.disk.impose({ operations: ['read'], nth: 0 }), /nth counts from 1/);
    its.disk.impose({ operations: ['read'] });
  });
});
