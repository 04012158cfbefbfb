import { IDEMPOTENCY_HORIZON_MS_DEFAULT } from '../engine/member/options.ts';
import { wholeNumber } from './options.ts';

/** A group-wide option, as `start` and `cluster` take it. `when`: in which case, and for how long it holds. */
export function idempotencyHorizon(when: string) {
  return {
    kind: wholeNumber(1, 366 * 24 * 3600),
    help: `seconds for which it is remembered what became of an idempotency key (${IDEMPOTENCY_HORIZON_MS_DEFAULT / 1000}); ${when}`,
  };
}
