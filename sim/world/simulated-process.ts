/**
 * One run of a program on a host. All that reaches it comes as turns: callbacks of timers, network and disk, one after
 * another. A dead process gets no more turns; a paused one gets them, in order, when it goes on. An error that leaves
 * a turn ends the process, as an invariant violation ends a member.
 */
import type { ScheduledCall } from '../../gcs/base/index.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedWorld } from './simulated-world.ts';

/** Something that a process will do, and the event of the world that makes it happen. */
class Turn implements ScheduledCall {
  callback: (() => void) | null;
  readonly #process: SimulatedProcess;

  constructor(process: SimulatedProcess, callback: () => void) {
    this.#process = process;
    this.callback = callback;
  }

  cancel(): void {
    this.callback = null;
  }

  /** From within its callback: calls it again. */
  again(delayUs: number): void {
    this.#process.retake(this, delayUs);
  }
}

export type { Turn };

export class SimulatedProcess {
  readonly host: SimulatedHost;
  /** Of its host, from 1. */
  readonly run: number;
  readonly #world: SimulatedWorld;
  readonly #failed: (error: unknown) => void;
  #state: 'running' | 'paused' | 'dead' = 'running';
  #held: Turn[] = [];
  /** Of timers, of disk and network: what is scheduled and was not taken yet. */
  #turnsAhead = 0;

  constructor(world: SimulatedWorld, facts: { host: SimulatedHost; run: number; failed: (error: unknown) => void }) {
    this.#world = world;
    this.host = facts.host;
    this.run = facts.run;
    this.#failed = facts.failed;
  }

  get isAlive(): boolean {
    return this.#state !== 'dead';
  }

  get isPaused(): boolean {
    return this.#state === 'paused';
  }

  /** Timers, and what it waits for of disk and network. */
  get turnsAhead(): number {
    return this.#turnsAhead;
  }

  after(delayUs: number, callback: () => void): Turn {
    const turn = new Turn(this, callback);
    this.#turnsAhead++;
    this.#world.schedule(delayUs, () => this.#takeScheduled(turn));
    return turn;
  }

  /** After the current turn, before new input. */
  soon(callback: () => void): ScheduledCall {
    const turn = new Turn(this, callback);
    this.#turnsAhead++;
    this.#world.schedule(0, () => this.#takeScheduled(turn), 'turn-end');
    return turn;
  }

  /** Gives it a turn now, at the top of an event of the world. */
  turn(callback: () => void): void {
    this.#take(new Turn(this, callback));
  }

  retake(turn: Turn, delayUs: number): void {
    this.#turnsAhead++;
    this.#world.schedule(delayUs, () => this.#takeScheduled(turn));
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const held = this.#held;
    this.#held = [];
    for (const turn of held) this.#world.schedule(0, () => this.#take(turn), 'turn-end');
  }

  /** No more turns. */
  end(): void {
    this.#state = 'dead';
    this.#held = [];
  }

  #takeScheduled(turn: Turn): void {
    this.#turnsAhead--;
    this.#take(turn);
  }

  #take(turn: Turn): void {
    const { callback } = turn;
    if (callback === null || this.#state === 'dead') return;
    if (this.#state === 'paused') {
      this.#held.push(turn);
      return;
    }
    try {
      callback();
      if (this.isAlive) this.host.turnEnded();
    } catch (error) {
      if (this.isAlive) this.#failed(error);
    }
  }
}
