/** A process of the load: takes orders from the benchmark by messages between processes, and answers by them. */
import { BenchError } from '../bench-error.ts';
import type { RecordedLatencies } from '../latency-histogram.ts';
import type { ScenarioSetup, Workload } from '../scenario.ts';
import { scenarioNamed } from '../scenarios/index.ts';
import { Load } from './load.ts';
import type { GeneratorShare, LoadPlan } from './load-plan.ts';
import type { LoadCounts } from './load-result.ts';

export type LoadOrder =
  /** Once, first. */
  | {
      readonly kind: 'prepare';
      readonly scenario: string;
      readonly setup: ScenarioSetup;
      readonly share: GeneratorShare;
    }
  | { readonly kind: 'connect'; readonly plan: LoadPlan }
  /** Once for each `connect`, after its `connected`. */
  | { readonly kind: 'run' };

export type LoadNotice =
  | { readonly kind: 'connected' }
  | { readonly kind: 'second'; readonly second: RecordedSecond }
  | { readonly kind: 'measuringBegan' }
  | { readonly kind: 'measuringEnded' }
  | { readonly kind: 'done'; readonly outcome: RecordedOutcome }
  | { readonly kind: 'failed'; readonly message: string };

export interface RecordedSecond {
  readonly isWarmup: boolean;
  readonly refused: number;
  readonly missed: number;
  readonly backlog: number;
  readonly latency: RecordedLatencies;
}

export interface RecordedOutcome {
  readonly seconds: number;
  readonly counts: LoadCounts;
  readonly latency: RecordedLatencies;
  readonly latencyByKind: Readonly<Record<string, RecordedLatencies>>;
  readonly lateness: RecordedLatencies;
  /** Of this process, while it was measured. */
  readonly cpuSeconds: number;
  readonly facts: unknown;
}

let share: GeneratorShare = { generator: 0, generators: 1 };
let workload: Workload | null = null;
let load: Load | null = null;
let cpuAtBegin = process.cpuUsage();
let cpuSeconds = 0;

process.on('message', (order: LoadOrder) => void obey(order));
// The benchmark is gone, whatever became of it.
process.on('disconnect', () => process.exit(1));
// Ctrl-C reaches all processes of a terminal: the benchmark decides.
process.on('SIGINT', () => {});

async function obey(order: LoadOrder): Promise<void> {
  try {
    switch (order.kind) {
      case 'prepare':
        share = order.share;
        workload = scenarioNamed(order.scenario)!.workload(order.setup);
        return;
      case 'connect':
        load = loadOf(order.plan);
        await load.connect();
        return tell({ kind: 'connected' });
      case 'run':
        return await run(load!);
    }
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    tell({ kind: 'failed', message: error.message });
  }
}

function loadOf(plan: LoadPlan): Load {
  return new Load(plan, share, workload!, {
    second: (second) => tell({ kind: 'second', second: { ...second, latency: second.latency.recorded() } }),
    measuringBegan: () => {
      cpuAtBegin = process.cpuUsage();
      tell({ kind: 'measuringBegan' });
    },
    measuringEnded: () => {
      const { user, system } = process.cpuUsage(cpuAtBegin);
      cpuSeconds = (user + system) / 1e6;
      tell({ kind: 'measuringEnded' });
    },
  });
}

async function run(load: Load): Promise<void> {
  const { latency, latencyByKind, lateness, ...result } = await load.run();
  const outcome = {
    ...result,
    latency: latency.recorded(),
    latencyByKind: Object.fromEntries(
      Object.entries(latencyByKind).map(([kind, histogram]) => [kind, histogram.recorded()]),
    ),
    lateness: lateness.recorded(),
    cpuSeconds,
  };
  tell({ kind: 'done', outcome: { ...outcome, facts: workload!.facts() } });
}

function tell(notice: LoadNotice): void {
  process.send!(notice);
}
