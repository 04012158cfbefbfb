/**
 * The power goes in the middle of a flush: pages that were not synced are lost, all or some. Whatever a lane has
 * reported is there afterwards, and its rows are exactly those as of its flush point.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { compilePowerCut, type PowerCutPlan } from '../../harness/index.ts';
import { openLanes } from './open-lanes.ts';
import { ROUNDS, rowsAt } from './testing/flush-rounds.ts';

const powerCut = compilePowerCut();
const SCRIPT = fileURLToPath(new URL('./testing/flush-until-cut.ts', import.meta.url));
const AT_ONCE = 2;
const skip = powerCut.kind === 'unavailable' && process.env.CI !== 'true' ? powerCut.reason : false;

for (const laneCount of [1, 2]) {
  for (const loss of ['all', 'some'] as const) {
    test(`a power cut at any event of ${laneCount} lanes, ${loss} unsynced pages lost, loses no reported flush`, {
      skip,
    }, async () => {
      const events = await countEvents(laneCount);
      assert.ok(events > 3 * ROUNDS - 1, `${events} events in ${ROUNDS} rounds`);
      const points = new Set<number>();
      // Two lanes interleave freely: each second event of theirs is as good as each.
      const step = laneCount * (loss === 'some' ? 2 : 1);
      const cutPoints: number[] = [];
      for (let at = 1; at <= events; at += step) cutPoints.push(at);
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (let at = cutPoints.shift(); at !== undefined; at = cutPoints.shift()) {
            for (const point of await cutAndCheck(laneCount, loss === 'all' ? { at } : { at, seed: at }))
              points.add(point);
          }
        }),
      );
      assert.ok(points.size >= ROUNDS, `flush points found after cuts: ${[...points].join(' ')}`);
    });
  }
}

async function countEvents(laneCount: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'concert-cut-'));
  const log = `${directory}.log`;
  const { status } = await flushUntilCut(laneCount, { directory, log });
  assert.equal(status, 0);
  const events = readFileSync(log, 'utf8').trim().split('\n').length;
  rmSync(directory, { recursive: true });
  rmSync(log);
  return events;
}

/** The lanes' flush points after the cut. */
async function cutAndCheck(laneCount: number, plan: Omit<PowerCutPlan, 'directory'>): Promise<readonly number[]> {
  const directory = mkdtempSync(join(tmpdir(), 'concert-cut-'));
  const { status, reported } = await flushUntilCut(laneCount, { directory, ...plan });
  // Fewer events than in the run that was counted: then it ended by itself.
  assert.ok(status === 137 || status === 0, `status ${status}`);
  const outcome = await openLanes(directory, { lanes: laneCount, memberId: 'power-cut' });
  const where = `after a cut at event ${plan.at}, seed ${plan.seed}, in ${directory}`;
  if (outcome.kind !== 'opened') assert.fail(`${outcome.reason} ${where}`);
  for (const [lane, store] of outcome.lanes.entries()) {
    const point = store.flushedUpTo;
    assert.ok(point >= (reported[lane] ?? 0), `lane ${lane} reported ${reported[lane]} and has ${point} ${where}`);
    const rows = [...store.scan({ from: '', to: '\xff' }, false)];
    assert.deepEqual(rows, rowsAt(point, { lane, laneCount }), `rows of lane ${lane} at ${point} ${where}`);
  }
  const points = outcome.lanes.map((store) => store.flushedUpTo);
  await Promise.all(outcome.lanes.map((store) => new Promise<unknown>((resolve) => store.close(() => resolve(null)))));
  rmSync(directory, { recursive: true });
  return points;
}

function flushUntilCut(
  laneCount: number,
  plan: PowerCutPlan,
): Promise<{ readonly status: number | null; readonly reported: readonly number[] }> {
  assert.ok(powerCut.kind === 'compiled', powerCut.kind === 'unavailable' ? powerCut.reason : '');
  const child = spawn(process.execPath, [SCRIPT, plan.directory, String(laneCount)], {
    env: { ...process.env, ...powerCut.environment(plan) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve) => {
    child.on('close', (status) => {
      const reported: number[] = [];
      for (const [, lane, point] of output.matchAll(/^(\d+) (\d+)$/gm)) reported[Number(lane)] = Number(point);
      resolve({ status, reported });
    });
  });
}
