/** In what clients are told. */
import type { SoughtBug } from '../planted-bug.ts';

export const SESSION_BUGS: readonly SoughtBug[] = [
  {
    name: 'abandoned-told-as-refused',
    breaks: 'C21',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/outbox.ts',
        find: "for (const batch of this.#inFlight.values()) for (const pending of batch) answerTo(pending, 'unknown');",
        replace:
          "for (const batch of this.#inFlight.values()) for (const pending of batch) answerTo(pending, 'shutting-down');",
      },
    ],
  },
  {
    name: 'snapshot-one-too-new',
    breaks: 'C7',
    scenario: 'member',
    changes: [
      {
        file: 'applier/version-store.ts',
        find: `    return this.#snapshots.acquire(this.#appliedUpTo, ended);
  }

  /** Holds an earlier`,
        replace: `    return this.#snapshots.acquire(Math.max(this.highestLanePoint, this.#appliedUpTo - 1), ended);
  }

  /** Holds an earlier`,
      },
    ],
  },
];
