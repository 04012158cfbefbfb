/** Runs seeds in a thread of its own; a planted bug touches nobody else. */
import { parentPort, workerData } from 'node:worker_threads';
import { plant } from './planted-bugs/planted-bug.ts';
import { PLANTED_BUGS } from './planted-bugs/planted-bugs.ts';
import { loadScenario, type Scenario } from './scenario.ts';
import type { SeedOptions, SeedResult } from './seed-result.ts';

/** What the thread is started with. */
export interface WorkerTask {
  readonly scenario: Scenario;
  /** Name of a planted bug, or null. */
  readonly planted: string | null;
}

const { scenario, planted } = workerData as WorkerTask;
const bug = PLANTED_BUGS.find((each) => each.name === planted);
const planting = bug === undefined ? null : plant(bug);
const runSeed = await loadScenario(scenario);
const missing = planting?.missing() ?? [];
if (missing.length > 0) throw new Error(`${missing.join(', ')} was not loaded: ${bug!.name} is not planted`);

parentPort!.on('message', (options: SeedOptions) => parentPort!.postMessage(resultOf(options)));

/** An error that no member's process took to itself fails the seed, too. */
function resultOf(options: SeedOptions): SeedResult {
  try {
    return runSeed(options);
  } catch (error) {
    const violation = `the world stops: ${error instanceof Error ? error.stack : error}`;
    return {
      seed: options.seed,
      violation,
      fingerprint: '',
      faultCounts: [],
      coverage: [],
      struck: [],
      statistics: {},
      events: 0,
      simulatedMs: 0,
      configuration: '',
      story: violation,
    };
  }
}
