import { certificationItemsMax } from '../../certifier/index.ts';
import { CERTIFICATION_CAPACITY_DEFAULT } from '../engine/member/options.ts';
import { wholeNumber } from './options.ts';

/** A group-wide option, as `start` and `cluster` take it. `when`: in which case, and for how long it holds. */
export function certificationCapacity(when: string) {
  return {
    kind: wholeNumber(1, certificationItemsMax),
    help: `rows that the certification database remembers (${CERTIFICATION_CAPACITY_DEFAULT}); ${when}`,
  };
}
