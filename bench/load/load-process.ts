/** The benchmark's hold on one process that makes load. */
import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import { BenchError } from '../bench-error.ts';
import type { ScenarioSetup } from '../scenario.ts';
import type { LoadNotice, LoadOrder, RecordedOutcome, RecordedSecond } from './load-generator.ts';
import type { GeneratorShare, LoadPlan } from './load-plan.ts';

export interface LoadProcessEvents {
  second(second: RecordedSecond): void;
  measuringBegan(): void;
  measuringEnded(): void;
}

export class LoadProcess {
  readonly #child: ChildProcess;
  #heard: (notice: LoadNotice) => void = () => {};
  #ended: (how: string) => void = () => {};

  constructor(scenario: string, setup: ScenarioSetup, share: GeneratorShare) {
    this.#child = fork(path.join(import.meta.dirname, `load-generator${path.extname(import.meta.filename)}`), [], {
      execPath: process.execPath,
      execArgv: [],
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child.on('message', (notice: LoadNotice) => this.#heard(notice));
    this.#child.on('exit', (code, signal) => this.#ended(signal ?? `code ${code}`));
    this.#order({ kind: 'prepare', scenario, setup, share });
  }

  /** Opens the connections of the next run. @throws BenchError */
  connect(plan: LoadPlan): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#listen(reject, (notice) => {
        if (notice.kind === 'connected') resolve();
      });
      this.#order({ kind: 'connect', plan });
    });
  }

  /** @throws BenchError */
  run(events: LoadProcessEvents): Promise<RecordedOutcome> {
    return new Promise((resolve, reject) => {
      this.#listen(reject, (notice) => {
        if (notice.kind === 'second') events.second(notice.second);
        else if (notice.kind === 'measuringBegan') events.measuringBegan();
        else if (notice.kind === 'measuringEnded') events.measuringEnded();
        else if (notice.kind === 'done') resolve(notice.outcome);
      });
      this.#order({ kind: 'run' });
    });
  }

  stop(): void {
    this.#ended = () => {};
    this.#child.kill('SIGKILL');
  }

  #listen(reject: (error: BenchError) => void, heard: (notice: LoadNotice) => void): void {
    const fail = (message: string) => reject(new BenchError({ code: 'LOAD', message }));
    this.#ended = (how) => fail(`a load generator ended with ${how}`);
    this.#heard = (notice) => {
      if (notice.kind === 'failed') fail(notice.message);
      else heard(notice);
    };
  }

  #order(order: LoadOrder): void {
    // If it is gone already, its end says so.
    this.#child.send(order, () => {});
  }
}
