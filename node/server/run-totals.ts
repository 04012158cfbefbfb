/**
 * Counters that begin at 0 with each run of the member, shown as those of the process: a counter never goes back. What a run
 * has counted stays in when the next one takes its place.
 */
import type { CommitDurations } from '../engine/index.ts';
import type { HistogramSource, LabelledSource, MetricSource } from './metrics.ts';

export class RunTotals {
  /** Of the runs before, by name; with their label, if they have one. */
  readonly #counts = new Map<string, number>();
  readonly #labelled = new Map<string, ReadonlyMap<string, number>>();
  readonly #durations = new Map<string, CommitDurations>();

  /** The run that these read from is over: call it in the turn in which they go on to the next. */
  runEnded(
    sources: readonly MetricSource[],
    histograms: readonly HistogramSource[],
    labelled: readonly LabelledSource[] = [],
  ): void {
    for (const source of sources) {
      if (source.kind === 'counter') this.#counts.set(source.name, this.#count(source));
    }
    for (const histogram of histograms) this.#durations.set(nameOf(histogram), this.#duration(histogram));
    for (const source of labelled) this.#labelled.set(source.name, this.#labelledCounts(source));
  }

  source(ofRun: MetricSource): MetricSource {
    return ofRun.kind === 'gauge' ? ofRun : { ...ofRun, read: () => this.#count(ofRun) };
  }

  histogram(ofRun: HistogramSource): HistogramSource {
    return { ...ofRun, read: () => this.#duration(ofRun) };
  }

  labelled(ofRun: LabelledSource): LabelledSource {
    return { ...ofRun, read: () => this.#labelledCounts(ofRun) };
  }

  #labelledCounts({ name, read }: LabelledSource): ReadonlyMap<string, number> {
    const counts = new Map(this.#labelled.get(name));
    for (const [labels, count] of read()) counts.set(labels, (counts.get(labels) ?? 0) + count);
    return counts;
  }

  #count({ name, read }: MetricSource): number {
    return (this.#counts.get(name) ?? 0) + read();
  }

  #duration(histogram: HistogramSource): CommitDurations {
    const now = histogram.read();
    const before = this.#durations.get(nameOf(histogram));
    if (before === undefined) return now;
    return {
      count: before.count + now.count,
      sumMs: before.sumMs + now.sumMs,
      buckets: now.buckets.map(({ upToMs, count }, i) => ({ upToMs, count: before.buckets[i]!.count + count })),
    };
  }
}

function nameOf({ name, label }: HistogramSource): string {
  return label === undefined ? name : `${name}{${label}}`;
}
