import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonReport, printedComparison } from './comparison-report.ts';
import type { PeerRun } from './peer.ts';

function run(tps: number, p99: number, more: Partial<PeerRun> = {}): PeerRun {
  return {
    seconds: 10,
    committed: tps * 10,
    aborted: 0,
    tps,
    latencyMs: { p50: 1, p95: 2, p99, max: 30 },
    cpuSecondsPerThousand: 0.1,
    cpuSecondsPerThousandLoadGenerator: 0.02,
    rssMiB: [100, 100, 100],
    verified: true,
    problems: [],
    ...more,
  };
}

const plan = { scenario: 'micro', rows: 10, skew: 0, connections: 1, warmupSeconds: 1, seconds: 10 } as const;

function report(ours: readonly PeerRun[], theirs: readonly PeerRun[]) {
  return comparisonReport({
    plan,
    rounds: ours.length,
    systems: [
      { name: 'concert', version: 'concert', runs: ours },
      { name: 'other', version: 'Other 1.0', runs: theirs },
    ],
  });
}

test('ratios are taken round by round', () => {
  const { ratios, verified } = report([run(100, 10), run(300, 10)], [run(50, 20), run(100, 40)]);
  assert.equal(verified, true);
  assert.deepEqual(ratios[0]!.tps, { median: 2.5, min: 2, max: 3, relative: 0.4 });
  assert.deepEqual(ratios[0]!.p99Ms, { median: 0.375, min: 0.25, max: 0.5, relative: 0.25 / 0.375 });
});

test('where the peer wins is said plainly', () => {
  const text = printedComparison(report([run(100, 30), run(120, 10)], [run(200, 20), run(150, 20)]));
  assert.match(text, /ahead in throughput: other, in p99: nobody in all rounds/);
  assert.match(text, /^other: Other 1\.0$/m);
});

test('one run that is not verified spoils the comparison, and its problem is named', () => {
  const made = report([run(100, 30)], [run(200, 20, { verified: false, problems: ['a row is missing'] })]);
  assert.equal(made.verified, false);
  assert.match(printedComparison(made), /other: a row is missing/);
});
