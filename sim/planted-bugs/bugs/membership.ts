/** In what is made of the membership. */
import type { SoughtBug } from '../planted-bug.ts';

export const MEMBERSHIP_BUGS: readonly SoughtBug[] = [
  {
    name: 'ordinal-given-twice',
    breaks: 'R17',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/views.ts',
        find: 'nextOrdinal: view.nextOrdinal + 1,',
        replace: 'nextOrdinal: Math.max(...view.members.map((each) => each.ordinal), -1) + 2,',
      },
      {
        file: 'gcs/core/views.ts',
        find: 'ordinal: view.nextOrdinal, isVoter: false',
        replace: 'ordinal: Math.max(...view.members.map((each) => each.ordinal), -1) + 1, isVoter: false',
      },
    ],
  },
  {
    name: 'joins-as-voter',
    breaks: 'R21',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/views.ts',
        find: 'ordinal: view.nextOrdinal, isVoter: false',
        replace: 'ordinal: view.nextOrdinal, isVoter: true',
      },
    ],
  },
  {
    name: 'expelled-not-told',
    breaks: 'R5',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/group/connections.ts',
        find: 'view: isExpelled || isNewer ? roster!.chosen : null,',
        replace: 'view: null,',
      },
    ],
  },
  {
    name: 'run-over-while-it-writes',
    breaks: 'the end of a run',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/group/run-end.ts',
        find: 'this.#closing.push(closed);',
        replace: 'closed();',
      },
    ],
  },
];
