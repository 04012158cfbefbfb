/** What the network does to the bytes that go from one node to another, whichever of the two dialled. */
import { SeededRandom } from '../../gcs/base/index.ts';

/** From a node to another, by their names. */
export type FlowName = `${string}>${string}`;

export interface FlowCondition {
  /**
   * `silent`: nothing arrives and nothing closes; what was under way arrives when it is over, as TCP sends again what was
   * lost. `reset`: connections are reset, and so are new ones.
   */
  readonly cut: 'no' | 'silent' | 'reset';
  /** Each chunk of bytes arrives so much later, give or take `jitterMs`, never before an earlier one. */
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Of each connection. */
  readonly bytesPerSecond: number | null;
}

export const CLEAR: FlowCondition = { cut: 'no', delayMs: 0, jitterMs: 0, bytesPerSecond: null };

/** Under way in one direction of one connection; beyond it the sender has to wait, as for a full TCP window. */
const HELD_BYTES_MAX = 8 * 1024 * 1024;
const HELD_BYTES_MIN = 64 * 1024;
/** A limited flow queues so much beyond what its delay needs. */
const QUEUE_MS = 100;
/** A limited flow passes pieces of so much time, so that it flows instead of coming in bursts. */
const PIECE_MS = 10;
const DRAWS = 2 ** 20;

/** Several conditions at once: the worst cut, all delays, the narrowest pass. */
export function combined(conditions: readonly FlowCondition[]): FlowCondition {
  return conditions.reduce((one, other) => {
    const widths = [one.bytesPerSecond, other.bytesPerSecond].filter((width) => width !== null);
    const cuts = [one.cut, other.cut];
    return {
      cut: cuts.includes('reset') ? 'reset' : cuts.includes('silent') ? 'silent' : 'no',
      delayMs: one.delayMs + other.delayMs,
      jitterMs: one.jitterMs + other.jitterMs,
      bytesPerSecond: widths.length === 0 ? null : Math.min(...widths),
    };
  }, CLEAR);
}

/** A flow as its proxy has it. */
export class Flow {
  #condition: FlowCondition = CLEAR;
  /** Arrived so far. */
  bytes = 0;
  readonly #random: SeededRandom;

  constructor(name: FlowName, seed: number) {
    this.#random = new SeededRandom(seed).split(name);
  }

  /** The same object until it is another condition. */
  get condition(): FlowCondition {
    return this.#condition;
  }

  set(condition: FlowCondition): void {
    const names = Object.keys(CLEAR) as (keyof FlowCondition)[];
    if (names.some((name) => condition[name] !== this.#condition[name])) this.#condition = condition;
  }

  get isFree(): boolean {
    const { cut, delayMs, jitterMs, bytesPerSecond } = this.#condition;
    return cut === 'no' && delayMs === 0 && jitterMs === 0 && bytesPerSecond === null;
  }

  drawDelayMs(): number {
    const { delayMs, jitterMs } = this.condition;
    if (jitterMs === 0) return delayMs;
    return Math.max(0, delayMs + (this.#random.below(DRAWS) / DRAWS - 0.5) * 2 * jitterMs);
  }

  get pieceBytesMax(): number {
    const { bytesPerSecond } = this.condition;
    return bytesPerSecond === null ? HELD_BYTES_MAX : Math.max(1, Math.floor((bytesPerSecond * PIECE_MS) / 1000));
  }

  get heldBytesMax(): number {
    const { bytesPerSecond, delayMs, jitterMs } = this.condition;
    if (bytesPerSecond === null) return HELD_BYTES_MAX;
    const wanted = (bytesPerSecond * (delayMs + jitterMs + QUEUE_MS)) / 1000;
    return Math.min(HELD_BYTES_MAX, Math.max(HELD_BYTES_MIN, wanted));
  }
}
