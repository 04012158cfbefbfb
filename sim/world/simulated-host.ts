/** A machine: a clock, a disk that survives crashes, an address, and at most one process at a time. */
import type { Environment } from '../../gcs/base/index.ts';
import { SimulatedClock } from './simulated-clock.ts';
import { SimulatedDisk } from './simulated-disk.ts';
import { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

export class SimulatedHost {
  readonly name: string;
  readonly address: string;
  readonly ordinal: number;
  readonly clock: SimulatedClock;
  readonly disk: SimulatedDisk;
  /** Called when an error left a turn of its process, which is dead then. */
  processFailed: (error: unknown) => void = (error) => {
    throw error;
  };
  /** Called when its process has ended, of itself or not. */
  crashed: () => void = () => {};
  /** Called before its process is ended, perhaps in the middle of a turn; for observers. */
  crashing: () => void = () => {};
  /** Called after each turn of its process; for observers. */
  turnEnded: () => void = () => {};
  readonly #world: SimulatedWorld;
  #process: SimulatedProcess | null = null;
  #runs = 0;
  #isPowered = true;

  constructor(world: SimulatedWorld, facts: { name: string; address: string; ordinal: number }) {
    this.#world = world;
    this.name = facts.name;
    this.address = facts.address;
    this.ordinal = facts.ordinal;
    this.clock = new SimulatedClock(world);
    this.disk = new SimulatedDisk(world, world.random.split(`disk ${facts.name}`));
  }

  /** The one that runs or is paused; null when none does. */
  get process(): SimulatedProcess | null {
    return this.#process;
  }

  /** Off between a loss of power and the next start: then nobody answers, not even with a refusal. */
  get isPowered(): boolean {
    return this.#isPowered;
  }

  /** Starts a process; `main` is its first turn, in this event. */
  start(main: (environment: Environment, process: SimulatedProcess) => void): SimulatedProcess {
    if (this.#process !== null) throw new Error(`${this.name} runs already`);
    this.#isPowered = true;
    const run = ++this.#runs;
    const process: SimulatedProcess = new SimulatedProcess(this.#world, {
      host: this,
      run,
      failed: (error) => {
        if (process === this.#process) this.crash('killed');
        this.processFailed(error);
      },
    });
    this.#process = process;
    const environment: Environment = {
      clock: this.clock.of(process),
      random: this.#world.random.split(`member ${this.name} run ${run}`),
      network: this.#world.network.of(process),
      disk: this.disk.of(process),
    };
    process.turn(() => main(environment, process));
    return process;
  }

  /**
   * Ends the process at once. Writes that were not reported durable are torn. `killed`: the operating system closes its
   * connections; `power-lost`: the peers learn nothing until they run into it.
   */
  crash(how: 'killed' | 'power-lost'): void {
    const process = this.#process;
    if (process === null) return;
    this.crashing();
    this.#process = null;
    process.end();
    this.clock.thaw();
    this.disk.crash();
    this.#isPowered = how === 'killed';
    this.#world.network.processEnded(process, how);
    this.crashed();
  }
}
