/** The process of the load: takes orders from the benchmark by messages between processes, and answers by them. */
import { BenchError } from './bench-error.ts';
import { Load, type LoadPlan, type LoadResult, type SecondReport } from './load.ts';
import type { ScenarioOptions, Workload } from './scenario.ts';
import { scenarioNamed } from './scenarios.ts';

export type LoadOrder =
  /** Once, first. */
  | { readonly kind: 'prepare'; readonly scenario: string; readonly options: ScenarioOptions }
  | { readonly kind: 'run'; readonly plan: LoadPlan };

export type LoadNotice =
  | { readonly kind: 'second'; readonly report: SecondReport }
  | { readonly kind: 'measuringBegan' }
  | { readonly kind: 'measuringEnded' }
  | { readonly kind: 'done'; readonly result: LoadResult; readonly cpuSeconds: number; readonly facts: unknown }
  | { readonly kind: 'failed'; readonly message: string };

let workload: Workload | null = null;

process.on('message', (order: LoadOrder) => {
  if (order.kind === 'prepare') workload = scenarioNamed(order.scenario)!.workload(order.options);
  else void run(order.plan, workload!);
});
// The benchmark is gone, whatever became of it.
process.on('disconnect', () => process.exit(1));
// Ctrl-C reaches all processes of a terminal: the benchmark decides.
process.on('SIGINT', () => {});

async function run(plan: LoadPlan, load: Workload): Promise<void> {
  let cpuAtStart = process.cpuUsage();
  let cpuSeconds = 0;
  try {
    const result = await new Load(plan, load, {
      second: (report) => tell({ kind: 'second', report }),
      measuringBegan: () => {
        cpuAtStart = process.cpuUsage();
        tell({ kind: 'measuringBegan' });
      },
      measuringEnded: () => {
        const { user, system } = process.cpuUsage(cpuAtStart);
        cpuSeconds = (user + system) / 1e6;
        tell({ kind: 'measuringEnded' });
      },
    }).run();
    tell({ kind: 'done', result, cpuSeconds, facts: load.facts() });
  } catch (error) {
    if (!(error instanceof BenchError)) throw error;
    tell({ kind: 'failed', message: error.message });
  }
}

function tell(notice: LoadNotice): void {
  process.send!(notice);
}
