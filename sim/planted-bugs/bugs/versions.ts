/** In row versions: publication, flushes, reads. */
import type { SoughtBug } from '../planted-bug.ts';

export const VERSION_BUGS: readonly SoughtBug[] = [
  {
    name: 'past-flushed-over',
    breaks: 'H18',
    scenario: 'member',
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: 'return Math.min(this.#snapshots.oldest ?? this.#store.appliedUpTo, this.#store.keptFrom);',
        replace: 'return Math.min(this.#snapshots.oldest ?? this.#store.appliedUpTo, this.#store.appliedUpTo);',
      },
    ],
  },
  {
    name: 'snapshot-flushed-over',
    breaks: 'H18',
    scenario: 'member',
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: 'return Math.min(this.#snapshots.oldest ?? this.#store.appliedUpTo, this.#store.keptFrom);',
        replace: 'return this.#store.keptFrom;',
      },
    ],
  },
  {
    name: 'read-view-not-renewed',
    breaks: 'H18',
    scenario: 'member',
    changes: [{ file: 'applier/flush-rounds.ts', find: 'lane.renewReadView();', replace: '' }],
  },
  {
    name: 'tombstone-not-flushed',
    breaks: 'C14',
    scenario: 'member',
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: '        batch.rows.push({ key, sequenceNumber, image });',
        replace: `if (image !== null) batch.rows.push({ key, sequenceNumber, image });
      else batch.cleared.push(key);`,
      },
    ],
  },
  {
    name: 'rows-lost-for-want-of-room',
    breaks: 'R16',
    scenario: 'member',
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: `      this.#setRoom(lane, false);
`,
        replace: `      this.#setRoom(lane, false);
      return done();
`,
      },
    ],
  },
  {
    name: 'read-version-dropped',
    breaks: 'H21',
    scenario: 'member',
    changes: [
      {
        file: 'applier/version-store.ts',
        find: 'return this.#snapshots.anyIn(from, to);',
        replace: 'return this.#snapshots.anyIn(from + 1, to);',
      },
    ],
  },
  {
    name: 'cleared-rows-stay',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/publication.ts',
        find: 'clear: effect.cleared.map(({ tableId, indexId }) =>',
        replace: 'clear: effect.cleared.slice(0, 0).map(({ tableId, indexId }) =>',
      },
    ],
  },
  {
    name: 'clear-not-flushed',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: 'return { bytes: 0, clear: pending.map(({ range }) => range), rows: [], cleared: [] };',
        replace: 'return { bytes: 0, clear: [], rows: [], cleared: [] };',
      },
    ],
  },
  {
    name: 'publication-out-of-order',
    breaks: 'C18',
    scenario: 'member',
    changes: [
      {
        file: 'applier/version-store.ts',
        find: `    this.#beginPublication(sequenceNumber);
    for (const range of clear) this.#clears.add({ range, sequenceNumber });`,
        replace: `    const planted = this as unknown as { late: [number, readonly Write[], readonly KeyRange[]] | null };
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
    }
    this.#beginPublication(sequenceNumber);
    for (const range of clear) this.#clears.add({ range, sequenceNumber });`,
      },
      {
        file: 'applier/version-store.ts',
        find: "assert(sequenceNumber === this.#appliedUpTo + 1, 'publications are dense and in order');",
        replace: '',
      },
    ],
  },
  {
    name: 'small-overtakes-large',
    breaks: 'C17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/ordered-work.ts',
        find: `    if (this.isBusy) {
      this.#waiting.push(begin);`,
        replace: `    if (false) {
      this.#waiting.push(begin);`,
      },
    ],
  },
  {
    name: 'lane-skips-one',
    breaks: 'H19',
    scenario: 'member',
    changes: [
      {
        file: 'applier/version-store.ts',
        find: 'if (isReplayed && sequenceNumber <= this.#laneOf(key).flushedUpTo) continue;',
        replace: 'if (isReplayed && sequenceNumber <= this.highestLanePoint) continue;',
      },
    ],
  },
];
