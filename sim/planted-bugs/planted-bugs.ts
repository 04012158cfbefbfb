import type { Scenario } from '../scenario.ts';
import type { PlantedBug } from './planted-bug.ts';

export interface SoughtBug extends PlantedBug {
  readonly scenario: Scenario;
}

/** The bugs, and the scenario that has to find each. */
export const PLANTED_BUGS: readonly SoughtBug[] = [
  {
    name: 'answer-before-fsync',
    scenario: 'group',
    breaks: 'R1',
    changes: [
      {
        file: 'gcs/core/consensus/consensus.ts',
        find: 'return Math.min(this.#matchedUpTo, this.#log.durableUpTo);',
        replace: 'return this.#matchedUpTo;',
      },
    ],
  },
  {
    name: 'vote-not-persisted',
    scenario: 'group',
    breaks: 'R1',
    changes: [
      {
        file: 'gcs/core/consensus/consensus.ts',
        find: '{ term: this.#term, votedFor: this.#votedFor } : null',
        replace: '{ term: this.#term, votedFor: null } : null',
      },
    ],
  },
  {
    name: 'old-term-chosen-by-counting',
    scenario: 'group',
    breaks: 'R2',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'return index > 0 && log.termAt(index) === term ? index : 0;',
        replace: 'return index;',
      },
    ],
  },
  {
    name: 'snapshot-taken-at-commit',
    scenario: 'member',
    breaks: 'C1',
    changes: [
      {
        file: 'node/engine/sessions/connection.ts',
        find: 'replica.commit({ snapshotVersion: transaction.snapshotVersion!, writeSet }, deadlineMs, (outcome) => {',
        replace: 'replica.commit({ snapshotVersion: replica.appliedUpTo, writeSet }, deadlineMs, (outcome) => {',
      },
    ],
  },
  {
    name: 'past-flushed-over',
    scenario: 'member',
    breaks: 'H18',
    changes: [
      {
        file: 'applier/version-store.ts',
        find: 'return Math.min(this.#snapshots.oldest ?? this.#appliedUpTo, this.keptFrom);',
        replace: 'return Math.min(this.#snapshots.oldest ?? this.#appliedUpTo, this.#appliedUpTo);',
      },
    ],
  },
  {
    // The image before a change is that before the one before, where the row was changed twice in a row.
    name: 'change-told-from-the-wrong-past',
    scenario: 'member',
    breaks: 'streams',
    changes: [
      {
        file: 'node/engine/sessions/subscriptions/change-rows.ts',
        find: 'return remembered === undefined ? (this.#replica.get(key, sequenceNumber - 1) ?? null) : remembered;',
        replace: 'return this.#replica.get(key, Math.max(this.#replica.heldFrom, sequenceNumber - 2)) ?? null;',
      },
    ],
  },
  {
    // Every fifth sequence number becomes visible before its rows do, which follow those of the next one.
    name: 'publication-out-of-order',
    scenario: 'member',
    breaks: 'C18',
    changes: [
      {
        file: 'applier/version-store.ts',
        find: "assert(sequenceNumber === this.#appliedUpTo + 1, 'publications are dense and in order');",
        replace: `const planted = this as unknown as { late: [number, readonly Write[], readonly KeyRange[]] | null };
    const late = planted.late;
    planted.late = null;
    if (sequenceNumber % 5 === 0 && !late && sequenceNumber > this.#appliedUpTo) {
      planted.late = [sequenceNumber, writes, clear];
      this.#appliedUpTo = sequenceNumber;
      return;
    }
    if (late) {
      this.publish(sequenceNumber, writes, clear);
      this.publish(...late);
      this.#appliedUpTo = sequenceNumber;
      return;
    }`,
      },
    ],
  },
];
