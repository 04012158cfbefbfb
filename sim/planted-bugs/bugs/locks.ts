/** In row locks and savepoints. */
import type { SoughtBug } from '../planted-bug.ts';

export const LOCK_BUGS: readonly SoughtBug[] = [
  {
    name: 'locked-row-not-certified',
    breaks: 'H7',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/statements/for-update.ts',
        find: 'for (const key of keys) transaction.observe(key, true);',
        replace: '',
      },
    ],
  },
  {
    name: 'snapshot-before-the-grant',
    breaks: 'H7',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/sessions/connection.ts',
        find: 'if (isFirst) transaction.restart();',
        replace: '',
      },
    ],
  },
  {
    name: 'holder-not-told-that-it-is-overtaken',
    breaks: 'H7',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'for (const { writes } of passage.publications) this.watchedRows!.written(writes, delivery.origin);',
        replace: '',
      },
    ],
  },
  {
    name: 'locks-stay',
    breaks: 'I13',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'if (this.#hasLocks) this.#setup.locks.release(this);',
        replace: '',
      },
    ],
  },
  {
    name: 'rollback-forgets-what-was-observed',
    breaks: 'H20',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'if (before === null && !row.isObserved) {',
        replace: 'if (!before?.isWritten) {',
      },
    ],
  },
  {
    name: 'rollback-undoes-the-last-savepoint-only',
    breaks: 'savepoints',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/savepoints.ts',
        find: '        restore(key, row);',
        replace: '        if (point.name === name) restore(key, row);',
      },
    ],
  },
];
