/** In verdicts, the purge floor, and their rebuild. */
import type { SoughtBug } from '../planted-bug.ts';

export const CERTIFICATION_BUGS: readonly SoughtBug[] = [
  {
    name: 'tuned-capacity-forgotten-at-restart',
    breaks: 'H2',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'certifier.restoreCapacity(variables.tunedCapacity);',
        replace: 'certifier.restoreCapacity(Number(definition.options[CERTIFICATION_CAPACITY]));',
      },
    ],
  },
  {
    name: 'lowered-capacity-evicts-later',
    breaks: 'H2',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/writers/packed-writer-table.ts',
        find: 'while (this.#size > capacity) this.#evictOldest();',
        replace: '',
      },
    ],
  },
  {
    name: 'snapshot-taken-at-commit',
    breaks: 'C1',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/sessions/connection.ts',
        find: 'replica.commit(toCertify, deadlineMs, (outcome) => {',
        replace: 'replica.commit({ ...toCertify, snapshotVersion: replica.appliedUpTo }, deadlineMs, (outcome) => {',
      },
    ],
  },
  {
    name: 'read-range-reduced-to-its-results',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'this.#reads.add(from, to);',
        replace: 'for (const [key] of this.scan(from, to, false)) this.observe(key);',
      },
    ],
  },
  {
    name: 'rows-read-at-serializable-not-certified',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'if (this.#reads !== null) this.observe(key);',
        replace: '',
      },
    ],
  },
  {
    name: 'first-writer-after-the-snapshot-left-out-of-ranges',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/read-ranges.ts',
        find: `    if (written.sequenceNumber <= snapshotVersion) return null;
    const range`,
        replace: `    if (written.sequenceNumber <= snapshotVersion + 1) return null;
    const range`,
      },
    ],
  },
  {
    name: 'items-certified-against-the-last-statement',
    breaks: 'H6',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'const snapshotVersion = this.#statements!.firstTouch(key)?.snapshotVersion ?? this.#existence?.seenAt(key);',
        replace: 'const snapshotVersion = this.#statements!.last ?? undefined;',
      },
    ],
  },
  {
    name: 'ranges-of-what-was-judged-ahead-left-out',
    breaks: 'H11',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: 'return this.#judgeRanges(transaction) ?? Math.max(judged, ahead.highest);',
        replace: 'return Math.max(judged, ahead.highest);',
      },
    ],
  },
  {
    name: 'floor-not-held-between-statements',
    breaks: 'H5',
    scenario: 'member',
    changes: [
      { file: 'node/engine/statement-snapshots.ts', find: 'snapshot.stopReading();', replace: 'snapshot.release();' },
    ],
  },
  {
    name: 'own-writers-exempt',
    breaks: 'C2',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: `const judged = this.#judge(transaction);
    if (isNegative(judged)) return this.#refuse(judged);`,
        replace: `let judged = this.#judge(transaction);
    if (isNegative(judged) && judged.kind === 'conflict' && judged.winner.origin === origin) judged = this.purgeFloor;
    if (isNegative(judged)) return this.#refuse(judged);`,
      },
    ],
  },
  {
    name: 'evicted-without-floor',
    breaks: 'H2',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certification-database.ts',
        find: 'if (sequenceNumber > this.#purgeFloor) this.#purgeFloor = sequenceNumber;',
        replace: '',
      },
    ],
  },
  {
    name: 'lookups-move-recency',
    breaks: 'H2',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/cache/lru-recency-cache.ts',
        find: 'peek: (place) => cache.peek(place),',
        replace: 'peek: (place) => cache.get(place),',
      },
    ],
  },
  {
    name: 'keys-compared-by-hash',
    breaks: 'H12',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/writers/key-words.ts',
        find: 'this.hash = this.#packed(key);',
        replace: 'this.hash = this.#packed(key) & 0xf;',
      },
      {
        file: 'certifier/writers/packed-writer-table.ts',
        find: 'while (address !== 0 && !this.#log.hasKey(address, packed.words, packed.length)) address = this.#slots.seekOn();',
        replace: '',
      },
    ],
  },
  {
    name: 'moved-records-not-told-of',
    breaks: 'H1',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/writers/packed-writer-table.ts',
        find: 'slots.move(hash, from, to);',
        replace: '{ if (to % 3 !== 0) slots.move(hash, from, to); };',
      },
    ],
  },
  {
    name: 'forgotten-above-the-floor',
    breaks: 'H1',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/writers/packed-writer-table.ts',
        find: 'this.#log.sequenceNumberOf(oldest) > upTo) return true;',
        replace: 'this.#log.sequenceNumberOf(oldest) > upTo + 20) return true;',
      },
    ],
  },
  {
    name: 'refused-leaves-traces',
    breaks: 'C10',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: `const judged = this.#judge(transaction);
    if (isNegative(judged)) return this.#refuse(judged);`,
        replace: `const judged = this.#judge(transaction);
    if (isNegative(judged)) {
      for (const { key } of transaction.writeSet) if ((this.#database.lastWriter(key)?.sequenceNumber ?? 0) < this.#sequenceNumber) this.#database.record(key, 'put', this.#sequenceNumber, origin);
      return this.#refuse(judged);
    }`,
      },
    ],
  },
  {
    name: 'checks-not-certified',
    breaks: 'H20',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: `const item = items[at]!;
      const last`,
        replace: `const item = items[at]!;
      if (item.kind === 'check') continue;
      const last`,
      },
    ],
  },
  {
    name: 'last-committed-without-floor',
    breaks: 'H12',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: 'return this.#judgeItems(writeSet, snapshotVersion, purgeFloor);',
        replace: 'return this.#judgeItems(writeSet, snapshotVersion, 0);',
      },
    ],
  },
  {
    name: 'floor-not-restored',
    breaks: 'H1',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: `if (this.#isToRestore(writer)) {
      this.#recordWrites(transaction.writeSet, sequenceNumber, origin);`,
        replace: `if (this.#isToRestore(writer)) {
      void origin;`,
      },
    ],
  },
  {
    name: 'schema-changes-not-restored',
    breaks: 'H1',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: `if (this.#isToRestore(writer)) {
      for (const key of keys) this.#database.record(key, 'put', sequenceNumber, origin);`,
        replace: `if (this.#isToRestore(writer)) {
      void [keys, origin];`,
      },
    ],
  },
  {
    name: 'commit-time-not-restored',
    breaks: 'H13',
    scenario: 'member',
    changes: [{ file: 'certifier/certifier.ts', find: 'this.#commitTime = restored.commitTime;', replace: '' }],
  },
  {
    name: 'commit-time-goes-back',
    breaks: 'H13',
    scenario: 'member',
    changes: [
      { file: 'certifier/commit-time.ts', find: 'if (stampMs > previous.physicalMs) return', replace: 'return' },
    ],
  },
  {
    name: 'floor-raised-by-what-is-flushed',
    breaks: 'H4',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'this.certifier.raisePurgeFloor(sequenceNumber);',
        replace: 'this.certifier.raisePurgeFloor(Math.min(sequenceNumber, this.store.flushedUpTo));',
      },
    ],
  },
  {
    name: 'floor-over-open-transactions',
    breaks: 'H5',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'return Math.min(appliedUpTo, this.#floorHolds.lowest ?? appliedUpTo);',
        replace: 'return appliedUpTo;',
      },
    ],
  },
  {
    name: 'floor-by-own-need-alone',
    breaks: 'H5',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/membership.ts',
        find: 'lowest = Math.min(lowest, notice.oldestNeeded);',
        replace: '',
      },
    ],
  },
  {
    name: 'dropped-table-not-an-item',
    breaks: 'H17',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'const keys = judged.concerned.map(catalogItemKey);',
        replace: 'const keys: never[] = [];',
      },
    ],
  },
  {
    name: 'verdicts-behind-lanes',
    breaks: 'H3',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'makeVerdictsDurable: (_upTo, done) => verdicts.makeDurable(done),',
        replace: 'makeVerdictsDurable: (_upTo, done) => done(null),',
      },
    ],
  },
  {
    name: 'log-needed-from-flush-point',
    breaks: 'H3',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replay.ts',
        find: 'const first = Math.min(purgeFloor, flushedUpTo) + 1;',
        replace: 'const first = flushedUpTo + 1;',
      },
    ],
  },
  {
    name: 'log-needed-from-purge-floor',
    breaks: 'H3',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replay.ts',
        find: 'const first = Math.min(purgeFloor, flushedUpTo) + 1;',
        replace: 'const first = purgeFloor + 1;',
      },
    ],
  },
  {
    name: 'verdicts-given-up-at-delivery',
    breaks: 'H3',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'this.verdicts.truncate(neededFrom);',
        replace: 'this.verdicts.truncate(this.#deliveredUpTo);',
      },
    ],
  },
  {
    name: 'floor-not-held',
    breaks: 'H5',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/member.ts',
        find: 'const hold = run.holdFloor(snapshot.sequenceNumber);',
        replace: 'const hold = { release: () => {} };',
      },
    ],
  },
  {
    name: 'floor-without-all-voters',
    breaks: 'H4',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/membership.ts',
        find: 'if (notice === undefined) return null;',
        replace: 'if (notice === undefined) continue;',
      },
    ],
  },
  {
    name: 'written-since-judged-ahead',
    breaks: 'C1',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/ahead-judgement.ts',
        find: 'if (wasWritten) this.#isSpoilt = true;',
        replace: '',
      },
    ],
  },
  {
    name: 'round-before-settled',
    breaks: 'H18',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'applier/flush-rounds.ts',
        find: 'if (unsettled !== null && unsettled <= horizon) {',
        replace: 'if (unsettled !== null && unsettled < 0) {',
      },
    ],
  },
  {
    name: 'unsettled-evicts',
    breaks: 'H2',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certification-database.ts',
        find: 'return this.#items.size + waiting + items <= this.#capacity;',
        replace: 'return true;',
      },
    ],
  },
  {
    name: 'unsettled-crowded',
    breaks: 'H2',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certification-database.ts',
        find: 'this.settle(waiting - UNSETTLED_A_PLACE * free);',
        replace: 'void free;',
      },
    ],
  },
  {
    name: 'digests-of-other-places-compared',
    breaks: 'H22',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/digest-watch.ts',
        find: '(this.#newest?.logIndex === logIndex ? this.#newest : null)',
        replace: 'this.#newest',
      },
    ],
  },
];
