/**
 * A leader on its way to hand leadership over (R6): nothing new is taken into the log until the other has all of it and
 * is told to stand. If it does not lead within `electionTimeoutMs`, everything goes on as before.
 */
import type { MemberOrdinal } from '../../base/index.ts';
import type { ConsensusOptions } from './contract.ts';

export class Transfer {
  readonly to: MemberOrdinal;
  readonly #options: ConsensusOptions;
  readonly #untilMs: number;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(setup: { readonly to: MemberOrdinal; readonly options: ConsensusOptions; readonly nowMs: number }) {
    this.to = setup.to;
    this.#options = setup.options;
    this.#untilMs = setup.nowMs + setup.options.electionTimeoutMs;
  }

  isOver(nowMs: number): boolean {
    return nowMs >= this.#untilMs;
  }

  /** Whether the other, that has everything, is to be told (again) now. */
  tells(nowMs: number): boolean {
    if (nowMs - this.#toldMs < this.#options.heartbeatMs) return false;
    this.#toldMs = nowMs;
    return true;
  }
}
