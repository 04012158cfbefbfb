import type { Scenario } from '../scenario.ts';
import type { PlantedBug } from './planted-bug.ts';

/** The bugs, and the scenario that has to find each. */
export const PLANTED_BUGS: readonly (PlantedBug & { readonly scenario: Scenario })[] = [
  {
    name: 'answer-before-fsync',
    scenario: 'group',
    file: 'gcs/core/consensus/consensus.ts',
    find: 'return Math.min(this.#matchedUpTo, this.#log.durableUpTo);',
    replace: 'return this.#matchedUpTo;',
  },
  {
    name: 'vote-not-persisted',
    scenario: 'group',
    file: 'gcs/core/consensus/consensus.ts',
    find: '{ term: this.#term, votedFor: this.#votedFor } : null',
    replace: '{ term: this.#term, votedFor: null } : null',
  },
  {
    name: 'old-term-chosen-by-counting',
    scenario: 'group',
    file: 'gcs/core/consensus/leadership.ts',
    find: 'return index > 0 && log.termAt(index) === term ? index : 0;',
    replace: 'return index;',
  },
];
