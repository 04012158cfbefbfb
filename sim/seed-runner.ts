/** Hands seeds to worker threads, one at a time each. */
import { Worker } from 'node:worker_threads';
import type { SeedOptions, SeedResult } from './seed-result.ts';
import type { WorkerTask } from './worker.ts';

export interface RunSetup extends WorkerTask {
  readonly seeds: readonly SeedOptions[];
  readonly workers: number;
  /** In the order in which they end. Returns whether to go on. */
  ended(result: SeedResult): boolean;
}

export async function runSeeds(setup: RunSetup): Promise<void> {
  const left = [...setup.seeds].reverse();
  let goesOn = true;
  const workers = Array.from({ length: Math.min(setup.workers, left.length) }, async () => {
    const task: WorkerTask = { scenario: setup.scenario, planted: setup.planted };
    const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: task });
    try {
      for (let seed = left.pop(); seed !== undefined && goesOn; seed = left.pop()) {
        const result = await answerTo(worker, seed);
        if (!setup.ended(result)) goesOn = false;
      }
    } finally {
      await worker.terminate();
    }
  });
  await Promise.all(workers);
}

function answerTo(worker: Worker, seed: SeedOptions): Promise<SeedResult> {
  return new Promise((resolve, reject) => {
    worker.removeAllListeners('message').removeAllListeners('error');
    worker.once('message', resolve);
    worker.once('error', reject);
    worker.postMessage(seed);
  });
}
