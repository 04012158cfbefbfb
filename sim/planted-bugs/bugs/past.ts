/** In reading the past, and in how long it is held. */
import type { SoughtBug } from '../planted-bug.ts';

export const PAST_BUGS: readonly SoughtBug[] = [
  {
    name: 'time-read-before-it-is-reached',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/past-place.ts',
        find: 'waiter = replica.whenTimeReached(asOf, done);',
        replace: 'done();',
      },
    ],
  },
  {
    name: 'stamp-of-the-leader-alone',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      {
        file: 'gcs/core/consensus/stamp.ts',
        find: 'return Math.max(0, Math.floor(wallMs + ownError));',
        replace: 'return Math.max(0, Math.floor(wallMs + 0 * ownError));',
      },
    ],
  },
  {
    name: 'stamp-follows-a-jump-of-the-leader',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      {
        file: 'gcs/core/consensus/consensus.ts',
        find: 'peers.of(from).clock = { wallMs, readMs: now.monotonicMs };',
        replace:
          'const ahead = wallMs - now.wallMs; const context = this.#context; const readMs = now.monotonicMs; peers.of(from).clock = { readMs, get wallMs() { return ahead + context.now.wallMs - (context.now.monotonicMs - readMs); } };',
      },
    ],
  },
  {
    name: 'commit-time-follows-the-stamp',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: 'this.#commitTime = nextCommitTime(this.#commitTime, stampMs);',
        replace: 'this.#commitTime = nextCommitTime({ ...this.#commitTime, physicalMs: 0 }, stampMs);',
      },
    ],
  },
  {
    name: 'time-reached-forgotten-at-a-restart',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: "verdicts.push({ kind: 'time', commitTime: this.certifier.markTime(delivery.stampMs) });",
        replace: "this.certifier.markTime(delivery.stampMs); verdicts.push({ kind: 'none' });",
      },
    ],
  },
  {
    name: 'past-kept-one-too-short',
    breaks: 'H18',
    scenario: 'member',
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: 'return Math.min(this.#snapshots.oldest ?? this.#store.appliedUpTo, this.#store.keptFrom);',
        replace:
          'return Math.min(this.#snapshots.oldest ?? this.#store.appliedUpTo, this.#store.keptFrom + 1, this.#store.appliedUpTo);',
      },
    ],
  },
  {
    name: 'past-one-entry-too-far',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/change-history.ts',
        find: 'if (compareCommitTimes(verdict.commitTime, time) > 0) break;',
        replace: 'if (verdict.commitTime.physicalMs > time.physicalMs) break;',
      },
    ],
  },
  {
    name: 'rows-of-the-present-for-a-joiner-with-a-past',
    breaks: 'H18',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/open-state.ts',
        find: 'const rows = store.scanVersions({ from, to: LAST_KEY }, rowsAt);',
        replace: 'const rows = store.scanVersions({ from, to: LAST_KEY }, Math.min(rowsAt + 1, sequenceNumber));',
      },
    ],
  },
];
