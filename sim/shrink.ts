/**
 * Makes a failing seed easier to read: switches kinds of faults off, one after the other, then leaves out single
 * strikes, halves of them first, as long as it still fails in the same way. Bounded: it stops when its time is up.
 */
import { FAULT_KINDS } from './faults/index.ts';
import type { Scenario } from './scenario.ts';
import type { SeedOptions, SeedResult } from './seed-result.ts';
import { SeedWorker } from './seed-runner.ts';

const RUNS_MAX = 200;

export interface Shrunk {
  readonly result: SeedResult;
  /** Kinds of faults that it does not need. */
  readonly off: readonly string[];
  /** How many strikes of the other kinds it does not need either. */
  readonly leftOut: readonly string[];
}

export interface ShrinkSetup {
  readonly scenario: Scenario;
  readonly planted: string | null;
  readonly options: SeedOptions;
  readonly failed: SeedResult;
  /** Whether there is time for another run. */
  mayGoOn(): boolean;
}

export async function shrink(setup: ShrinkSetup): Promise<Shrunk> {
  const shrinking = new Shrinking(setup);
  try {
    await shrinking.leaveOutKinds();
    await shrinking.leaveOutStrikes();
  } finally {
    await shrinking.worker.close();
  }
  return { result: shrinking.result, off: shrinking.options.off, leftOut: shrinking.options.leftOut };
}

class Shrinking {
  readonly worker: SeedWorker;
  options: SeedOptions;
  result: SeedResult;
  readonly #setup: ShrinkSetup;
  readonly #shape: string;
  #runs = 0;

  constructor(setup: ShrinkSetup) {
    this.#setup = setup;
    this.worker = new SeedWorker({ scenario: setup.scenario, planted: setup.planted });
    this.options = setup.options;
    this.result = setup.failed;
    this.#shape = shapeOf(setup.failed);
  }

  get #mayGoOn(): boolean {
    return this.#runs < RUNS_MAX && this.#setup.mayGoOn();
  }

  async leaveOutKinds(): Promise<void> {
    const fired = new Set(this.result.faultCounts.map(([kind]) => kind));
    for (const kind of FAULT_KINDS) {
      if (fired.has(kind)) await this.#try({ ...this.options, off: [...this.options.off, kind] });
    }
  }

  /** Halves, quarters, and so on down to single ones. */
  async leaveOutStrikes(): Promise<void> {
    for (let size = Math.ceil(this.result.struck.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let from = 0; from < this.result.struck.length && this.#mayGoOn; ) {
        const leftOut = [...this.options.leftOut, ...this.result.struck.slice(from, from + size)];
        // What remains moves up to `from`.
        if (!(await this.#try({ ...this.options, leftOut }))) from += size;
      }
    }
  }

  async #try(options: SeedOptions): Promise<boolean> {
    if (!this.#mayGoOn) return false;
    this.#runs++;
    const result = await this.worker.run(options);
    if (result.violation === null || shapeOf(result) !== this.#shape) return false;
    this.options = options;
    this.result = result;
    return true;
  }
}

/** What was violated, without names and numbers. */
function shapeOf({ violation }: SeedResult): string {
  return violation!
    .split('\n')[0]!
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[\d.]+/g, '#')
    .slice(0, 60);
}
