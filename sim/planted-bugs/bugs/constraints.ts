/** In indexes and foreign keys. */
import type { SoughtBug } from '../planted-bug.ts';

export const CONSTRAINT_BUGS: readonly SoughtBug[] = [
  {
    name: 'unique-entry-not-certified',
    breaks: 'H1',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/write-set.ts',
        find: "items.push({ key, kind: 'put', image: row.image });",
        replace:
          "items.push({ key, kind: 'put', image: row.image, ...(isBesideRows(key) && { snapshotVersion: 2 ** 40 }) });",
      },
    ],
  },
  {
    name: 'existence-not-shipped-by-the-delete',
    breaks: 'H10',
    scenario: 'member',
    changes: [
      { file: 'node/engine/constraints/existence-items.ts', find: 'if (more !== 0)', replace: 'if (more > 0)' },
    ],
  },
  {
    name: 'reference-not-shipped',
    breaks: 'H10',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/constraints/existence-items.ts',
        find: "for (const key of refersTo) items.push({ key, kind: 'reference', image: null });",
        replace: '',
      },
    ],
  },
  {
    name: 'entry-of-the-old-value-not-removed',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/constraints/statement-changes.ts',
        find: 'if (removed !== null) this.#removeEntry(index, removed);',
        replace: '',
      },
    ],
  },
  {
    name: 'range-of-an-index-reduced-to-its-results',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/statements/scan.ts',
        find: 'if (left === null) transaction.observeRange(range.from, range.to);',
        replace: 'if (left === null) { if (state.index === null) transaction.observeRange(range.from, range.to); }',
      },
    ],
  },
  {
    name: 'row-fetched-by-an-index-not-observed',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/statements/selection.ts',
        find: 'const image = transaction.get(key);',
        replace: 'const image = transaction.peek(key);',
      },
    ],
  },
];
