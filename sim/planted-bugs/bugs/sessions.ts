/** In what clients are told. */
import type { SoughtBug } from '../planted-bug.ts';

export const SESSION_BUGS: readonly SoughtBug[] = [
  {
    name: 'insert-and-delete-is-a-put',
    breaks: 'H20',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/write-set.ts',
        find: '} else if (row.isWritten && buffered.existed(key)) {',
        replace: '} else if (row.isWritten && false) {',
      },
    ],
  },
  {
    name: 'unknown-told-as-refused',
    breaks: 'C21',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/outbox.ts',
        find: "for (const pending of batch) if (applies(pending)) answerTo(pending, 'unknown');",
        replace:
          "for (const pending of batch) if (applies(pending)) answerTo(pending, pending.deadlineMs <= now ? 'no-quorum' : 'unknown');",
      },
    ],
  },
  {
    name: 'abandoned-told-as-refused',
    breaks: 'C21',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/outbox.ts',
        find: "for (const pending of batch) if (applies(pending)) answerTo(pending, 'unknown');",
        replace:
          "for (const pending of batch) if (applies(pending)) answerTo(pending, pending.deadlineMs <= now ? 'unknown' : 'shutting-down');",
      },
    ],
  },
  {
    name: 'own-writes-not-read',
    breaks: 'C30',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: `if (this.#reads !== null && isDelta(own)) this.observe(key);
      return this.#ownImage(key, own) ?? undefined;`,
        replace: `if (this.#reads !== null && isDelta(own)) this.observe(key);
      const image = this.#ownImage(key, own);
      if (image !== null) return image;`,
      },
    ],
  },
  {
    name: 'scan-forgets-own-deletes',
    breaks: 'C30',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'const own = this.#ownWrites.between(from, to);',
        replace: 'const own = this.#ownWrites.between(from, to).filter(([, row]) => row.image !== null);',
      },
    ],
  },
  {
    name: 'online-before-applied',
    breaks: 'C24',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/member-run.ts',
        find: 'if (this.#running === null || this.#deliveries.isBusy) return;',
        replace: 'if (this.#running === null) return;',
      },
    ],
  },
  {
    name: 'online-before-caught-up',
    breaks: 'H14',
    scenario: 'member',
    changes: [
      {
        file: 'gcs/core/consensus/consensus.ts',
        find: 'return caughtUpAt !== null && this.#delivery.upTo >= caughtUpAt;',
        replace: 'return caughtUpAt !== null;',
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
  {
    name: 'online-without-a-vote',
    breaks: 'H14',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/member-run.ts',
        find: 'if (!this.#isCaughtUp || !this.membership.isVoter || this.#state',
        replace: 'if (!this.#isCaughtUp || this.#state',
      },
    ],
  },
  {
    name: 'ended-transaction-goes-on',
    breaks: 'T21',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/sessions/open-transaction.ts',
        find: 'this.doom(endedByOperator());',
        replace: '',
      },
    ],
  },
];
