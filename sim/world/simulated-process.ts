/**
 * One run of a program on a host. All that reaches it comes as turns: callbacks of timers, network and disk, one after
 * another. A dead process gets no more turns; a paused one gets them, in order, when it goes on. An error that leaves
 * a turn ends the process, as an invariant violation ends a member.
 */
import type { ScheduledCall } from '../../gcs/base/index.ts';
import type { SimulatedHost } from './simulated-host.ts';
import type { SimulatedWorld } from './simulated-world.ts';

class Turn implements ScheduledCall {
  callback: (() => void) | null;

  constructor(callback: () => void) {
    this.callback = callback;
  }

  cancel(): void {
    this.callback = null;
  }
}

export class SimulatedProcess {
  readonly host: SimulatedHost;
  /** Of its host, from 1. */
  readonly run: number;
  readonly #world: SimulatedWorld;
  readonly #failed: (error: unknown) => void;
  #state: 'running' | 'paused' | 'dead' = 'running';
  #held: Turn[] = [];

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

  after(delayUs: number, callback: () => void): ScheduledCall {
    const turn = new Turn(callback);
    this.#world.schedule(delayUs, () => this.#take(turn));
    return turn;
  }

  /** After the current turn, before new input. */
  soon(callback: () => void): ScheduledCall {
    const turn = new Turn(callback);
    this.#world.schedule(0, () => this.#take(turn), 'turn-end');
    return turn;
  }

  /** Gives it a turn now, at the top of an event of the world. */
  turn(callback: () => void): void {
    this.#take(new Turn(callback));
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

  #take(turn: Turn): void {
    if (turn.callback === null || this.#state === 'dead') return;
    if (this.#state === 'paused') {
      this.#held.push(turn);
      return;
    }
    const { callback } = turn;
    turn.callback = null;
    try {
      callback();
      this.host.turnEnded();
    } catch (error) {
      this.#failed(error);
    }
  }
}
