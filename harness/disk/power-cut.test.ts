import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { isPossible } from '../group/is-possible.ts';
import { within } from '../wait-until.ts';
import { compilePowerCut, POWER_CUT_STATUS, type PowerCutPlan, whyNoPowerCut } from './compile-power-cut.ts';
import { FaultyDisk } from './faulty-disk.ts';
import type { Asked } from './testing/disk-user.ts';

const MS_MAX = 10_000;
const user = path.join(import.meta.dirname, 'testing', 'disk-user.ts');

/** A process whose power can be cut, with `file` of `content`. */
function userOfPower(t: TestContext, plan: Omit<PowerCutPlan, 'directory'> = {}, withFaultyDisk = false) {
  const powerCut = compilePowerCut();
  assert(powerCut.kind === 'compiled');
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'concert-power-cut-')));
  const directory = path.join(folder, 'disk');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'file'), 'content');
  const environment = powerCut.environment({ ...plan, directory });
  const disk = withFaultyDisk ? new FaultyDisk(directory, path.join(folder, 'control')) : null;
  if (disk !== null) environment.LD_PRELOAD = `${disk.environment.LD_PRELOAD}:${environment.LD_PRELOAD}`;
  const child = fork(user, [directory], {
    env: { ...process.env, ...disk?.environment, ...environment },
    execArgv: [],
  });
  const closed = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await closed;
    disk?.close();
    rmSync(folder, { recursive: true });
  });
  const ask = async (asked: Asked): Promise<string | null> => {
    child.send(asked);
    const [{ error }] = await within(`an answer to ${asked.call}`, MS_MAX, once(child, 'message'));
    return error;
  };
  const cut = async (): Promise<string> => {
    const [code] = await within('the end', MS_MAX, closed);
    assert.equal(code, POWER_CUT_STATUS);
    return readFileSync(path.join(directory, 'file'), 'utf8');
  };
  return { child, disk, ask, cut };
}

describe('a power cut', { timeout: 60_000 }, () => {
  const write = (text: string): Extract<Asked, { call: 'write' }> => ({ call: 'write', file: 'file', at: 0, text });

  test('that is asked for takes what was written and not synced, of a process that does nothing, too', async (t) => {
    if (!isPossible(t, whyNoPowerCut())) return;
    const { child, ask, cut } = userOfPower(t);
    await ask(write('CON'));
    await ask({ call: 'fdatasync', file: 'file' });
    await ask(write('Xontent and more'));
    child.kill('SIGUSR2');
    assert.equal(await cut(), 'CONtent');
  });

  test('at a chosen event strikes there, and leaves what is synced by its own write', async (t) => {
    if (!isPossible(t, whyNoPowerCut())) return;
    const { child, ask, cut } = userOfPower(t, { at: 3 });
    await ask({ ...write('CON'), syncs: true });
    await ask(write('X'));
    child.send({ call: 'fsync', file: 'file' } satisfies Asked);
    assert.equal(await cut(), 'CONtent');
  });

  test('strikes a process whose disk is bad, too', async (t) => {
    if (!isPossible(t, whyNoPowerCut())) return;
    const { child, disk, ask, cut } = userOfPower(t, {}, true);
    const rule = disk!.impose({ operations: ['sync'], error: 'EIO', times: 1 });
    await ask(write('X'));
    assert.equal(await ask({ call: 'fsync', file: 'file' }), 'EIO');
    assert.equal(rule.struck(), 1);
    child.kill('SIGUSR2');
    assert.equal(await cut(), 'content');
  });
});
