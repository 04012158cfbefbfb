/** In altering tables, and in building what alterations add (H17). */
import type { SoughtBug } from '../planted-bug.ts';

export const ALTERATION_BUGS: readonly SoughtBug[] = [
  {
    name: 'writers-ship-nothing-while-building',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/constraints/entry-changes.ts',
        find: 'if (isSame && index.isValid) continue;',
        replace: 'if (isSame || !index.isValid) continue;',
      },
    ],
  },
  {
    name: 'build-valid-before-the-last-rows',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/builds/builder.ts',
        find: 'if (upTo === null) return this.#propose(pass, null);',
        replace: 'if (upTo === null || rows > 0) return this.#propose(pass, null);',
      },
    ],
  },
  {
    name: 'build-left-by-a-new-leader',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/housekeeping.ts',
        find: 'builder.look();',
        replace: '',
      },
    ],
  },
  {
    name: 'altered-table-not-an-item',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/schema/alteration.ts',
        find: 'draft.concerned.add(draft.get(name)!.tableId);',
        replace: '',
      },
    ],
  },
  {
    name: 'old-image-read-by-position',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/image-codec.ts',
        find: 'if (version === layout.version) {',
        replace: 'if (version <= layout.version) {',
      },
    ],
  },
  {
    name: 'dropped-index-not-cleared',
    breaks: 'H17',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'node/engine/member/publication.ts',
        find: 'indexId === null ? tableRange(tableId) : indexRange(tableId, indexId),',
        replace: "indexId === null ? tableRange(tableId) : { from: '', to: '' },",
      },
    ],
  },
];
