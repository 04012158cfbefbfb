/** In state transfers, and in what a damaged directory is taken for. */
import type { SoughtBug } from '../planted-bug.ts';

export const TRANSFER_BUGS: readonly SoughtBug[] = [
  {
    name: 'old-rows-stay',
    breaks: 'R9',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/storage.ts',
        find: 'isFirst: !this.#isLaneBegun[number]',
        replace: 'isFirst: false',
      },
    ],
  },
  {
    name: 'state-without-certification',
    breaks: 'C6',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/open-state.ts',
        find: 'verdicts.appended(Math.max(neededFrom, verdicts.base.logIndex + 1))',
        replace: 'verdicts.appended(deliveredUpTo)',
      },
    ],
  },
  {
    name: 'term-below-the-log',
    breaks: 'R17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/storage.ts',
        find: 'return term > hardState.term ? { ...hardState, term, votedFor: null } : hardState;',
        replace: 'return hardState;',
      },
    ],
  },
  {
    name: 'entries-of-a-transfer-not-chosen',
    breaks: 'R9',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/open-state.ts',
        find: 'const { store, verdicts, deliveredUpTo, neededFrom } = state;',
        replace: `const { store, verdicts, neededFrom } = state;
  const deliveredUpTo = log.lastIndex;`,
      },
    ],
  },
  {
    name: 'state-sent-that-ends-too-early',
    breaks: 'R9',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'node/engine/member/member-run.ts',
        find: 'if (this.#running.deliveredUpTo < atLeast) return null;',
        replace: '',
      },
    ],
  },
  {
    name: 'appended-view-told',
    breaks: 'R4',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'node/engine/member/reception.ts',
        find: 'return kept !== null && kept.number > belonging.view.number ? kept : belonging.view;',
        replace: 'return log.viewAt(log.lastIndex) ?? kept ?? belonging.view;',
      },
    ],
  },
  {
    name: 'transfer-not-marked',
    breaks: 'R9',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/marker.ts',
        find: "transfer: 'receiving', atLeast })",
        replace: "transfer: 'complete', atLeast })",
      },
    ],
  },
];
