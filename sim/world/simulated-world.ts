/**
 * One seed is one world: an event queue, a source of chance split by purpose, a network, and hosts with their clocks
 * and disks. Nothing here looks at the real time. A world runs in one go (`runUntil`); between two events nothing else
 * happens, so that the same seed and program always give the same story.
 */
import { SeededRandom } from '../../gcs/base/index.ts';
import { Counts } from './counts.ts';
import { EventQueue, type QueuedEvent, type Rank } from './event-queue.ts';
import { SimulatedHost } from './simulated-host.ts';
import { SimulatedNetwork } from './simulated-network.ts';
import { Story } from './story.ts';

/** Events of one instant; more of them means that the program goes in circles without time passing. */
const EVENTS_OF_ONE_INSTANT_MAX = 200_000;

export class SimulatedWorld {
  /** Called before and after a wall clock jumps: in between, all of them only go on. */
  clocksLookedAt: () => void = () => {};
  readonly seed: number;
  readonly random: SeededRandom;
  readonly story = new Story();
  readonly faultCounts = new Counts();
  /** Situations that testers want to have seen, and how often they came up. */
  readonly coverage = new Counts();
  readonly network: SimulatedNetwork;
  readonly #queue = new EventQueue();
  readonly #hosts: SimulatedHost[] = [];
  #nowUs = 0;
  #eventsRun = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.random = new SeededRandom(seed);
    this.network = new SimulatedNetwork(this);
  }

  get nowUs(): number {
    return this.#nowUs;
  }

  get eventsRun(): number {
    return this.#eventsRun;
  }

  get hosts(): readonly SimulatedHost[] {
    return this.#hosts;
  }

  /** `address`: `host:port`, where its process listens. */
  addHost(name: string, address: string): SimulatedHost {
    const host = new SimulatedHost(this, { name, address, ordinal: this.#hosts.length });
    this.#hosts.push(host);
    return host;
  }

  schedule(delayUs: number, callback: () => void, rank: Rank = 'input'): QueuedEvent {
    return this.#queue.push(this.#nowUs + Math.max(0, Math.round(delayUs)), rank, callback);
  }

  tell(text: string): void {
    this.story.tell(this.#nowUs, text);
  }

  /** Runs everything due up to `timeUs`, which is then the present; or until `isOver` says so, asked after each event. */
  runUntil(timeUs: number, isOver: () => boolean = () => false): void {
    let eventsOfInstant = 0;
    while (this.#queue.nextTimeUs <= timeUs) {
      const event = this.#queue.pop()!;
      if (event.callback === null) continue;
      if (event.timeUs > this.#nowUs) eventsOfInstant = 0;
      if (++eventsOfInstant > EVENTS_OF_ONE_INSTANT_MAX) throw new Error(`time stands still at ${event.timeUs} us`);
      this.#nowUs = event.timeUs;
      this.#eventsRun++;
      this.story.mark(event.timeUs);
      const { callback } = event;
      event.callback = null;
      callback();
      if (isOver()) return;
    }
    this.#nowUs = Math.max(this.#nowUs, timeUs);
  }

  runFor(durationUs: number, isOver?: () => boolean): void {
    this.runUntil(this.#nowUs + durationUs, isOver);
  }
}
