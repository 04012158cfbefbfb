import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from './latency-histogram.ts';
import { type LoadCounts, noCounts } from './load/load-result.ts';
import { type BenchOptions, parseOptions } from './options.ts';
import { benchReport, type RunFacts, runReport } from './report.ts';
import { printedReport } from './report-table.ts';

function optionsOf(...args: readonly string[]): BenchOptions {
  const parsed = parseOptions(args);
  assert.equal(parsed.kind, 'run');
  return parsed.options;
}

/** Of a run of ten seconds, in which every transaction took two milliseconds. */
function run(counts: Partial<LoadCounts>, more: Partial<RunFacts> = {}) {
  const latency = new LatencyHistogram();
  for (let i = 0; i < (counts.committed ?? 0); i++) latency.record(2);
  return runReport({
    result: {
      seconds: 10,
      counts: { ...noCounts(), ...counts },
      latency,
      latencyByKind: {},
      lateness: new LatencyHistogram(),
    },
    isOpenLoop: false,
    compares: [],
    usage: { memberCpuSeconds: [3, 2, 1], memberRssMiB: [100, 90, 80], loadGeneratorCpuSeconds: [1] },
    verification: { verified: true, problems: [] },
    conflictSummary: null,
    ...more,
  });
}

test('the rates are those of the time measured, costs those of a thousand commits', () => {
  const report = run({ committed: 2000, aborted: 500, declined: 500 });
  assert.equal(report.tps, 200);
  assert.equal(report.abortRate, 500 / 3000);
  assert.equal(report.cpuSecondsPerThousand, 3);
  assert.deepEqual(report.cpuSecondsPerThousandByMember, [1.5, 1, 0.5]);
  assert.equal(report.cpuSecondsPerThousandLoadGenerator, 0.5);
  assert.deepEqual(report.loadGeneratorCpuShares, [0.1]);
  const nothing = run({});
  assert.deepEqual(
    [nothing.tps, nothing.abortRate, nothing.cpuSecondsPerThousand, nothing.latencyMs.max],
    [0, 0, 0, 0],
  );
});

test('of several runs the figures are those with the median throughput, and one unverified run leaves all unverified', () => {
  const wrong = { verified: false, problems: ['row 1 is missing'] };
  const runs = [run({ committed: 100 }), run({ committed: 300 }, { verification: wrong }), run({ committed: 200 })];
  const report = benchReport(optionsOf('micro', '--runs', '3'), ['a', 'b', 'c'], runs);
  assert.equal(report.tps, 20);
  assert.deepEqual(report.spread.tps, { median: 20, min: 10, max: 30, relative: 1 });
  assert.deepEqual([report.verified, report.problems], [false, ['row 1 is missing']]);
  assert.equal(report.options.rows, 100_000);
});

test('who lost to whom is named by the places of the members, most first', () => {
  const lostTo = { a: { b: 3, a: 1 }, b: { gone: 9 } };
  const options = optionsOf('inventory');
  const report = benchReport(options, ['a', 'b'], [run({ committed: 10, aborted: 13, lostTo })]);
  assert.deepEqual(report.lostTo, [
    { loser: 'b', winner: 'gone', attempts: 9 },
    { loser: 'a', winner: 'b', attempts: 3 },
    { loser: 'a', winner: 'a', attempts: 1 },
  ]);
  const text = printedReport(report, options);
  assert.match(text, /who lost +member 2 to gone 9 +member 1 to member 2 3 +member 1 to member 1 1/);
  const pairs = [{ loser: 'a', winner: 'b', conflicts: 7 }];
  const conflictSummary = { since: null, conflicts: 7, hotRows: [], pairs };
  const ofMembers = benchReport(options, ['a', 'b'], [run({ committed: 10 }, { conflictSummary })]);
  assert.match(printedReport(ofMembers, options), /who lost +member 1 to member 2 7\n/);
  assert.match(text, /scenario +inventory: 3 members, products 1000, skew 0.8, stock 100, method interactive/);
});

test('what was given up, re-executed and declined is told where there is some', () => {
  const options = optionsOf('micro');
  const print = (counts: Partial<LoadCounts>) => printedReport(benchReport(options, ['a'], [run(counts)]), options);
  const some = print({ committed: 1000, declined: 1, gaveUp: 2, reexecuted: 3, aborted: 4, refusals: { DEADLOCK: 4 } });
  assert.match(some, /declined +1,/);
  assert.match(some, /2 transactions were given up/);
  assert.match(some, /re-executed +3,/);
  assert.match(some, /aborted +4 attempts, 0.40 %: DEADLOCK 4/);
  assert.match(some, /committed +1,000\n/);
  assert.doesNotMatch(print({ committed: 1000 }), /declined|given up|re-executed|missed|who lost|hot rows/);
});

test('the p99 of kinds that a scenario compares is told as a difference, where there are both', () => {
  const histogramOf = (ms: number) => {
    const histogram = new LatencyHistogram();
    histogram.record(ms);
    return histogram;
  };
  const result = {
    seconds: 10,
    counts: { ...noCounts(), committed: 2 },
    latency: histogramOf(8),
    latencyByKind: { slow: histogramOf(8), quick: histogramOf(2) },
    lateness: new LatencyHistogram(),
  };
  const options = optionsOf('large');
  const report = benchReport(
    options,
    ['a'],
    [
      run(
        {},
        {
          result,
          compares: [
            ['slow', 'quick'],
            ['slow', 'none'],
          ],
        },
      ),
    ],
  );
  assert.deepEqual(report.p99Differences, [{ kind: 'slow', than: 'quick', ms: 6 }]);
  assert.match(printedReport(report, options), /slow: p99 \+6.00 to quick\n/);
});

test('a load generator that had no time left is told of', () => {
  const options = optionsOf('micro', '--generators', '2');
  const usage = { memberCpuSeconds: null, memberRssMiB: null, loadGeneratorCpuSeconds: [5, 9.6] };
  const text = printedReport(benchReport(options, ['a'], [run({ committed: 10_000 }, { usage })]), options);
  assert.match(text, /load generators 1460.00, 50 % \+ 96 % of a core\n +a load generator was busy/);
  assert.match(text, /members: unknown/);
});
