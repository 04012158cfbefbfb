/** Hands seeds to worker threads, one at a time each. */
import { Worker } from 'node:worker_threads';
import { setEngineFlags } from './engine-flags.ts';
import type { SeedOptions, SeedResult } from './seed-result.ts';
import type { WorkerTask } from './worker.ts';

export interface RunSetup extends WorkerTask {
  readonly seeds: readonly SeedOptions[];
  readonly workers: number;
  /** In the order in which they end. Returns whether to go on. */
  ended(result: SeedResult): boolean;
}

export async function runSeeds(setup: RunSetup): Promise<void> {
  setEngineFlags();
  const left = [...setup.seeds].reverse();
  let goesOn = true;
  const workers = Array.from({ length: Math.min(setup.workers, left.length) }, async () => {
    const worker = new SeedWorker({ scenario: setup.scenario, planted: setup.planted });
    try {
      for (let seed = left.pop(); seed !== undefined && goesOn; seed = left.pop()) {
        const result = await worker.run(seed);
        if (!setup.ended(result)) goesOn = false;
      }
    } finally {
      await worker.close();
    }
  });
  await Promise.all(workers);
}

export class SeedWorker {
  readonly #worker: Worker;

  constructor(task: WorkerTask) {
    this.#worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task });
  }

  /** One at a time. */
  run(options: SeedOptions): Promise<SeedResult> {
    const worker = this.#worker;
    return new Promise((resolve, reject) => {
      worker.removeAllListeners('message').removeAllListeners('error');
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.postMessage(options);
    });
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}
