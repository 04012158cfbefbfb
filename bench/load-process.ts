/** The benchmark's hold on the process that makes the load. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { BenchError } from './bench-error.ts';
import type { LoadPlan, LoadResult, SecondReport } from './load.ts';
import type { LoadNotice, LoadOrder } from './load-generator.ts';
import type { ScenarioOptions } from './scenario.ts';

export interface LoadOutcome {
  readonly result: LoadResult;
  readonly cpuSeconds: number;
  readonly facts: unknown;
}

export class LoadProcess {
  readonly #child: ChildProcess;
  #heard: (notice: LoadNotice) => void = () => {};
  #ended: (how: string) => void = () => {};

  constructor(scenario: string, options: ScenarioOptions) {
    this.#child = fork(path.join(import.meta.dirname, `load-generator${path.extname(import.meta.filename)}`), [], {
      execPath: process.execPath,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (notice: LoadNotice) => this.#heard(notice));
    this.#child.on('exit', (code, signal) => this.#ended(signal ?? `code ${code}`));
    this.#order({ kind: 'prepare', scenario, options });
  }

  /** @throws BenchError */
  run(
    plan: LoadPlan,
    events: { second: (report: SecondReport) => void; measuringBegan: () => void; measuringEnded: () => void },
  ): Promise<LoadOutcome> {
    return new Promise((resolve, reject) => {
      const fail = (message: string) => reject(new BenchError({ code: 'LOAD', message }));
      this.#ended = (how) => fail(`the load generator ended with ${how}`);
      this.#heard = (notice) => {
        switch (notice.kind) {
          case 'second':
            return events.second(notice.report);
          case 'measuringBegan':
            return events.measuringBegan();
          case 'measuringEnded':
            return events.measuringEnded();
          case 'done':
            return resolve(notice);
          case 'failed':
            return fail(notice.message);
        }
      };
      this.#order({ kind: 'run', plan });
    });
  }

  stop(): void {
    this.#ended = () => {};
    this.#child.kill('SIGKILL');
  }

  #order(order: LoadOrder): void {
    this.#child.send(order);
  }
}
