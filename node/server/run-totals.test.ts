import assert from 'node:assert/strict';
import { test } from 'node:test';
import { zeroCounters } from '../engine/index.ts';
import { type HistogramSource, type MetricSource, memberCounterSources, memberMetrics } from './metrics.ts';
import { RunTotals } from './run-totals.ts';

test('a counter of a run goes on from those before, and a gauge is that of the run', () => {
  const totals = new RunTotals();
  let run = { sent: 7, open: 3, waits: { count: 2, sumMs: 5, buckets: [{ upToMs: 3, count: 1 }] } };
  const source = (kind: MetricSource['kind'], name: string, read: () => number): MetricSource =>
    ({ kind, name, help: '', read }) as const;
  const sources = [source('counter', 'sent_total', () => run.sent), source('gauge', 'open', () => run.open)];
  const histograms: HistogramSource[] = [{ name: 'wait_seconds', help: '', read: () => run.waits }];
  const shown = () => [
    ...sources.map((each) => totals.source(each).read()),
    ...histograms.map((each) => totals.histogram(each).read()),
  ];
  assert.deepEqual(shown(), [7, 3, { count: 2, sumMs: 5, buckets: [{ upToMs: 3, count: 1 }] }]);
  totals.runEnded(sources, histograms);
  run = { sent: 1, open: 4, waits: { count: 1, sumMs: 1, buckets: [{ upToMs: 3, count: 1 }] } };
  assert.deepEqual(shown(), [8, 4, { count: 3, sumMs: 6, buckets: [{ upToMs: 3, count: 2 }] }]);
  totals.runEnded(sources, histograms);
  run = { sent: 0, open: 0, waits: { count: 0, sumMs: 0, buckets: [{ upToMs: 3, count: 0 }] } };
  assert.deepEqual(shown(), [8, 0, { count: 3, sumMs: 6, buckets: [{ upToMs: 3, count: 2 }] }]);
});

test('histograms of one name are told apart by their labels', () => {
  const totals = new RunTotals();
  const source = (label: string, sumMs: number): HistogramSource => ({
    name: 'wait_seconds',
    label,
    help: '',
    read: () => ({ count: 1, sumMs, buckets: [] }),
  });
  const histograms = [source('layer="l2"', 10), source('layer="l0"', 1)];
  totals.runEnded([], histograms);
  assert.deepEqual(
    histograms.map((each) => totals.histogram(each).read().sumMs),
    [20, 2],
  );
});

test('what a member has counted is shown between two of its runs, and while it receives its state', async () => {
  const counters = { ...zeroCounters(), transactionsCertified: 20, conflictsDetected: 2, remoteApplied: 9 };
  const none = { connectionsOpened: 0, connectionsRefused: 0, messagesReceived: 0, messagesSent: 0 };
  const metrics = memberMetrics({
    replica: () => null,
    counters: { ...none, framesMalformed: 0, slowClientsCut: 0, silentClientsCut: 0 },
    connections: () => 0,
    more: memberCounterSources(counters),
    histograms: [],
    labelled: [],
  });
  const lines = (await metrics.scrape()).split('\n');
  metrics.clear();
  assert(lines.includes('concert_transactions_checked_total 20'));
  assert(lines.includes('concert_conflicts_detected_total 2'));
  assert(lines.includes('concert_transactions_remote_applied_total 9'));
});
