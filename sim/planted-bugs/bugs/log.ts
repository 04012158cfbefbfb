/** In the log on disk: damage, crashes, want of room. */
import type { SoughtBug } from '../planted-bug.ts';

export const LOG_BUGS: readonly SoughtBug[] = [
  {
    name: 'damage-not-reported',
    breaks: 'R13',
    scenario: 'group',
    changes: [
      { file: 'gcs/core/log/scan.ts', find: 'if (this.#firstFault === null) return null;', replace: 'return null;' },
    ],
  },
  {
    name: 'discarded-without-claim',
    breaks: 'R13',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/log/segment-log.ts',
        find: `this.#hardState = withClaim(this.#hardState, claim);
    this.#cut(index);`,
        replace: 'this.#cut(index);',
      },
    ],
  },
  {
    name: 'log-cut-at-first-fault',
    breaks: 'R13',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/log/scan.ts',
        find: `      this.#fault(where.file, where.offset, reason);
      this.#lose(lost, number, context);`,
        replace: '      this.#fault(where.file, where.offset, reason);',
      },
      { file: 'gcs/core/log/scan.ts', find: 'if (this.#firstFault === null) return null;', replace: 'return null;' },
    ],
  },
  {
    name: 'vote-lost-at-restart',
    breaks: 'R1',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/log/scan.ts',
        find: `      baseIndex: header.baseIndex,
      hardState: header.hardState,`,
        replace: `      baseIndex: header.baseIndex,
      hardState: this.#context.hardState,`,
      },
    ],
  },
  {
    name: 'returned-files-count',
    breaks: 'R15',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/log/scan.ts',
        find: 'const live = this.#numbers.filter((number) => number >= firstSegment);',
        replace: 'const live = this.#numbers;',
      },
    ],
  },
  {
    name: 'disk-full-is-fatal',
    breaks: 'R16',
    scenario: 'group',
    changes: [
      { file: 'gcs/core/log/segment-files.ts', find: "if (error.code !== 'NO_SPACE') {", replace: 'if (true) {' },
    ],
  },
  {
    name: 'room-not-looked-for',
    breaks: 'R16',
    scenario: 'group',
    changes: [{ file: 'gcs/core/group/ticks.ts', find: 'log.retryRoom();', replace: '' }],
  },
  {
    name: 'write-error-ignored',
    breaks: 'R14',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/log/block-writer.ts',
        find: `        written(error);
        return;
      }
      segment.offset = end;`,
        replace: `      }
      segment.offset = end;`,
      },
    ],
  },
  {
    name: 'base-without-last-messages',
    breaks: 'H15',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/log/segment-log.ts',
        find: 'return { index, term: this.termAt(index), view: this.viewAt(index), lastMessages };',
        replace: 'return { index, term: this.termAt(index), view: this.viewAt(index), lastMessages: new Map() };',
      },
    ],
  },
];
