/** All processes that make load, as one. */
import { LatencyHistogram } from '../latency-histogram.ts';
import type { ScenarioSetup } from '../scenario.ts';
import type { SecondReport } from './load.ts';
import type { RecordedSecond } from './load-generator.ts';
import type { LoadPlan } from './load-plan.ts';
import { LoadProcess } from './load-process.ts';
import { type LoadResult, together } from './load-result.ts';

export interface LoadOutcome {
  readonly result: LoadResult;
  /** One a process. */
  readonly cpuSeconds: readonly number[];
  readonly facts: readonly unknown[];
}

export interface LoadProcessesEvents {
  /** Of all processes together. */
  second(report: SecondReport): void;
  measuringBegan(): void;
  measuringEnded(): void;
}

export class LoadProcesses {
  readonly #processes: readonly LoadProcess[];

  constructor(generators: number, scenario: string, setup: ScenarioSetup) {
    this.#processes = Array.from(
      { length: generators },
      (_, generator) => new LoadProcess(scenario, setup, { generator, generators }),
    );
  }

  /** All connect first, then all begin at once. @throws BenchError */
  async run(plan: LoadPlan, events: LoadProcessesEvents): Promise<LoadOutcome> {
    await Promise.all(this.#processes.map((one) => one.connect(plan)));
    const seconds = new Seconds(this.#processes.length, events.second);
    const outcomes = await Promise.all(
      this.#processes.map((one, at) =>
        one.run({
          second: (second) => seconds.add(at, second),
          // They began at once, so one speaks for all.
          measuringBegan: () => at === 0 && events.measuringBegan(),
          measuringEnded: () => at === 0 && events.measuringEnded(),
        }),
      ),
    );
    const results = outcomes.map(({ latency, latencyByKind, lateness, ...result }) => ({
      ...result,
      latency: LatencyHistogram.of(latency),
      latencyByKind: Object.fromEntries(
        Object.entries(latencyByKind).map(([kind, recorded]) => [kind, LatencyHistogram.of(recorded)]),
      ),
      lateness: LatencyHistogram.of(lateness),
    }));
    return {
      result: together(results),
      cpuSeconds: outcomes.map(({ cpuSeconds }) => cpuSeconds),
      facts: outcomes.map(({ facts }) => facts),
    };
  }

  stop(): void {
    for (const one of this.#processes) one.stop();
  }
}

/** Puts together what the processes tell of one second: the nth of each makes the nth of all. */
class Seconds {
  readonly #told: (report: SecondReport) => void;
  /** Per process: the seconds that others have not told yet; a few at most, as all tell once a second. */
  readonly #waiting: RecordedSecond[][];

  constructor(processes: number, told: (report: SecondReport) => void) {
    this.#told = told;
    this.#waiting = Array.from({ length: processes }, () => []);
  }

  add(process: number, second: RecordedSecond): void {
    this.#waiting[process]!.push(second);
    // One may tell one more second of the warm-up than another.
    if (!second.isWarmup) for (const seconds of this.#waiting) while (seconds[0]?.isWarmup) seconds.shift();
    if (this.#waiting.some((seconds) => seconds.length === 0)) return;
    const same = this.#waiting.map((seconds) => seconds.shift()!);
    const latency = new LatencyHistogram();
    for (const one of same) latency.add(LatencyHistogram.of(one.latency));
    const sum = (of: (one: RecordedSecond) => number) => same.reduce((total, one) => total + of(one), 0);
    this.#told({
      isWarmup: same.some((one) => one.isWarmup),
      refused: sum(({ refused }) => refused),
      missed: sum(({ missed }) => missed),
      backlog: sum(({ backlog }) => backlog),
      latency,
    });
  }
}
