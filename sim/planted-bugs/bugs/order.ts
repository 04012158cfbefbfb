/** In consensus: what is promised, who leads, what is chosen. */
import type { SoughtBug } from '../planted-bug.ts';

export const ORDER_BUGS: readonly SoughtBug[] = [
  {
    name: 'answer-before-fsync',
    breaks: 'R1',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/following.ts',
        find: 'return Math.min(this.#matchedUpTo, this.#context.log.durableUpTo);',
        replace: 'return this.#matchedUpTo;',
      },
    ],
  },
  {
    name: 'promises-sent-before-fsync',
    breaks: 'R1',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/consensus.ts',
        find: 'const send = outbox.take(hardStateDurable);',
        replace: 'const send = outbox.take(true);',
      },
    ],
  },
  {
    name: 'leader-counts-itself-before-fsync',
    breaks: 'R1',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'const index = this.#reachedByMajority(log.durableUpTo, (progress) => progress.matchedUpTo);',
        replace: 'const index = this.#reachedByMajority(log.lastIndex, (progress) => progress.matchedUpTo);',
      },
    ],
  },
  {
    name: 'old-term-chosen-by-counting',
    breaks: 'R2',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'return index >= log.firstIndex && log.termAt(index) === this.#term ? index : 0;',
        replace: 'return index;',
      },
    ],
  },
  {
    name: 'new-leader-changes-view-at-once',
    breaks: 'R3',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'return this.isEstablished && membership.viewIndex',
        replace: 'return membership.viewIndex',
      },
    ],
  },
  {
    name: 'two-view-changes-at-a-time',
    breaks: 'R3',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'return this.isEstablished && membership.viewIndex <= log.chosenUpTo && this.#transfer === null;',
        replace: 'return this.isEstablished && this.#transfer === null;',
      },
    ],
  },
  {
    name: 'view-not-taken-back',
    breaks: 'R4',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/membership.ts',
        find: 'while (this.viewIndex >= from) this.#views.pop();',
        replace: '',
      },
    ],
  },
  {
    name: 'view-in-force-when-chosen',
    breaks: 'R4',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/membership.ts',
        find: 'this.#voters = votersOf(this.view);',
        replace: 'this.#voters = votersOf(this.#views[0]!.view);',
      },
      {
        file: 'gcs/core/consensus/membership.ts',
        find: 'this.#views.length > 1 && this.#views[1]!.index <= upTo) this.#views.shift();',
        replace: 'this.#views.length > 1 && this.#views[1]!.index <= upTo) { this.#views.shift(); this.#changed(); }',
      },
    ],
  },
  {
    name: 'stands-without-pre-vote',
    breaks: 'R5',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/elections.ts',
        find: 'if (this.#mayStand) this.#askForPreVotes();',
        replace: 'if (this.#mayStand) this.#standForLeader(false);',
      },
    ],
  },
  {
    name: 'read-before-own-term',
    breaks: 'R7',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'const index = this.isEstablished ? this.#context.log.chosenUpTo : null;',
        replace: 'const index = this.#context.log.chosenUpTo;',
      },
    ],
  },
  {
    name: 'read-without-round',
    breaks: 'R7',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/read-rounds.ts',
        find: 'if (round > answered.round) continue;',
        replace: 'if (answered.round < 0) continue;',
      },
    ],
  },
  {
    name: 'match-of-an-earlier-term',
    breaks: 'R10',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/following.ts',
        find: `  termEnded(): void {
    this.#matchedUpTo = 0;`,
        replace: '  termEnded(): void {',
      },
    ],
  },
  {
    name: 'short-append-cuts',
    breaks: 'R11',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/following.ts',
        find: 'const appended = this.#takeOver(entries);',
        replace: `const planted = previousIndex + entries.length;
    if (entries.length > 0 && planted < log.lastIndex && planted >= log.chosenUpTo) log.cut(planted + 1);
    const appended = this.#takeOver(entries);`,
      },
    ],
  },
  {
    name: 'shorter-log-elected',
    breaks: 'R18',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/elections.ts',
        find: 'const isUpToDate = !isFurther(ours, theirs);',
        replace: 'const isUpToDate = theirs.index >= ours.index;',
      },
    ],
  },
  {
    name: 'any-log-elected',
    breaks: 'R18',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/elections.ts',
        find: 'const isUpToDate = !isFurther(ours, theirs);',
        replace: 'const isUpToDate = true;',
      },
    ],
  },
  {
    name: 'new-leader-forgets-what-is-under-way',
    breaks: 'R19',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/delivery.ts',
        find: 'while (from <= log.lastIndex) {',
        replace: 'while (from < 0) {',
      },
    ],
  },
  {
    name: 'duplicates-accepted',
    breaks: 'H15',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'if (!this.#ledger.isNext(message)) return false;',
        replace: '',
      },
    ],
  },
  {
    name: 'former-member-heard',
    breaks: 'H15',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'if (!this.#context.membership.members.has(message.origin)) return false;',
        replace: '',
      },
    ],
  },
  {
    name: 'learner-does-not-vote',
    breaks: 'R21',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/elections.ts',
        find: 'if (membership.isFormer(from)) return;',
        replace: 'if (membership.isFormer(from) || !membership.isVoter(this.#context.self)) return;',
      },
    ],
  },
  {
    name: 'learner-counted',
    breaks: 'R21',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/views.ts',
        find: 'return view.members.filter((member) => member.isVoter).map((member) => member.ordinal);',
        replace: 'return view.members.map((member) => member.ordinal);',
      },
    ],
  },
  {
    name: 'views-forgotten-at-restart',
    breaks: 'R4',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/membership.ts',
        find: 'const indexes = reader.viewIndexes();',
        replace: 'const indexes = reader.viewIndexes().filter((index) => index <= chosenUpTo);',
      },
    ],
  },
  {
    name: 'behind-not-told',
    breaks: 'R9',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'if (progress.nextIndex < this.#context.log.firstIndex) this.#sendBehind(to, progress);',
        replace: 'if (progress.nextIndex < this.#context.log.firstIndex) return;',
      },
    ],
  },
  {
    name: 'claim-not-persisted',
    breaks: 'R13',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/promises.ts',
        find: 'return { term: this.#term, votedFor: this.#votedFor, claim: this.#claim };',
        replace: 'return { term: this.#term, votedFor: this.#votedFor, claim: null };',
      },
    ],
  },
  {
    name: 'entries-of-learners-counted',
    breaks: 'R21',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'for (const voter of this.#voters) counted.push(of(voter));',
        replace: 'for (const { progress } of this.#replicas) counted.push(of(progress));',
      },
      {
        file: 'gcs/core/consensus/leadership.ts',
        find: 'return membership.isVoter(to) ? log.lastIndex : log.chosenUpTo;',
        replace: 'return log.lastIndex;',
      },
    ],
  },
  {
    name: 'newer-term-enough',
    breaks: 'R18',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/elections.ts',
        find: 'const isUpToDate = !isFurther(ours, theirs);',
        replace: 'const isUpToDate = theirs.term >= ours.term;',
      },
    ],
  },
  {
    name: 'vote-not-persisted',
    breaks: 'R1',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/consensus/promises.ts',
        find: 'return { term: this.#term, votedFor: this.#votedFor, claim: this.#claim };',
        replace: 'return { term: this.#term, votedFor: null, claim: this.#claim };',
      },
    ],
  },
];
