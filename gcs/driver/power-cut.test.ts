/** The power goes while the log is written to real files: whatever was reported durable is there afterwards. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compilePowerCut, type PowerCutPlan } from '../../harness/index.ts';
import { SegmentLog } from '../core/log/segment-log.ts';
import { FileDisk } from './file-disk.ts';
import { entryOf, IDENTITY, OPTIONS, ROUNDS } from './testing/log-rounds.ts';

const powerCut = compilePowerCut();
const SCRIPT = fileURLToPath(new URL('./testing/log-until-cut.ts', import.meta.url));
const CUTS = 16;
const AT_ONCE = 2;
const skip = powerCut.kind === 'unavailable' && process.env.CI !== 'true' ? powerCut.reason : false;

test('a power cut while the log is written, all or some unsynced pages lost, loses no entry and no vote that was reported durable', {
  skip,
}, async () => {
  const events = await countEvents();
  const cuts = Array.from({ length: CUTS }, (_, i) => 1 + Math.floor((i * events) / CUTS));
  const ends = new Set<number>();
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let at = cuts.shift(); at !== undefined; at = cuts.shift()) {
        ends.add(await cutAndCheck(at % 2 === 0 ? { at } : { at, seed: at }));
      }
    }),
  );
  assert.ok(ends.size > CUTS / 2, `ends of the log after cuts: ${[...ends].join(' ')}`);
});

async function countEvents(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'concert-log-cut-'));
  const log = `${directory}.log`;
  const { status, reported } = await writeUntilCut({ directory, log });
  assert.deepEqual([status, reported], [0, ROUNDS]);
  const events = readFileSync(log, 'utf8').trim().split('\n').length;
  rmSync(directory, { recursive: true });
  rmSync(log);
  return events;
}

/** The log's last index after the cut. */
async function cutAndCheck(plan: Omit<PowerCutPlan, 'directory'>): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'concert-log-cut-'));
  const { status, reported } = await writeUntilCut({ directory, ...plan });
  const where = `after a cut at event ${plan.at}, seed ${plan.seed}, in ${directory}`;
  assert.ok(status === 137 || status === 0, `status ${status} ${where}`);
  const opened = SegmentLog.open(new FileDisk(directory), OPTIONS, IDENTITY);
  assert.ok(opened.kind === 'opened' && opened.damage === null, where);
  const { log } = opened;
  assert.ok(log.lastIndex >= reported, `${log.lastIndex} of ${reported} entries ${where}`);
  assert.ok(log.firstIndex <= Math.max(1, reported - 3), where);
  if (log.lastIndex > 0) {
    assert.equal(log.hardState.votedFor, log.lastIndex % 3, where);
    for (const entry of log.entries(log.firstIndex, log.lastIndex, Infinity)) {
      assert.deepEqual(entry, entryOf(entry.index), where);
    }
  }
  const { lastIndex } = log;
  await new Promise<void>((resolve) => log.close(resolve));
  rmSync(directory, { recursive: true });
  return lastIndex;
}

function writeUntilCut(plan: PowerCutPlan): Promise<{ readonly status: number | null; readonly reported: number }> {
  assert.ok(powerCut.kind === 'compiled', powerCut.kind === 'unavailable' ? powerCut.reason : '');
  const child = spawn(process.execPath, [SCRIPT, plan.directory], {
    env: { ...process.env, ...powerCut.environment(plan) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.on('close', (status) => resolve({ status, reported: Number(output.trim().split('\n').at(-1)) }));
  });
}
