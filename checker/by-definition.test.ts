/** The checker and the definitions of the levels agree on every tiny history that is drawn. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../gcs/base/index.ts';
import { checkHistory, type HistoryTransaction, type Level } from './index.ts';
import { isSerializableByDefinition, isSnapshotIsolatedByDefinition } from './testing/by-definition.ts';
import { drawTinyHistory } from './testing/draw-tiny-history.ts';

const HISTORIES = 3_000;

type Precedes = (earlier: HistoryTransaction, later: HistoryTransaction) => boolean;

const inRealTime: Precedes = (earlier, later) => earlier.completedAt < later.invokedAt;
const inProcess: Precedes = (earlier, later) => earlier.process === later.process && inRealTime(earlier, later);

const DEFINITIONS: readonly (readonly [Level, typeof isSerializableByDefinition, Precedes])[] = [
  ['serializable', isSerializableByDefinition, () => false],
  ['strong session serializable', isSerializableByDefinition, inProcess],
  ['strict serializable', isSerializableByDefinition, inRealTime],
  ['snapshot isolation', isSnapshotIsolatedByDefinition, () => false],
  ['strong session snapshot isolation', isSnapshotIsolatedByDefinition, inProcess],
  ['strong snapshot isolation', isSnapshotIsolatedByDefinition, inRealTime],
];

/** Who wrote one row did it in the order of their sequence numbers. */
const inSequence: Precedes = (earlier, later) => {
  if (earlier.sequenceNumber === null || later.sequenceNumber === null) return false;
  const keys = (one: HistoryTransaction) => one.operations.flatMap(({ op, key }) => (op === 'write' ? [key] : []));
  return earlier.sequenceNumber < later.sequenceNumber && keys(earlier).some((key) => keys(later).includes(key));
};

describe('of tiny histories, the checker says what the definition says', () => {
  for (const [level, byDefinition, mustPrecede] of DEFINITIONS) {
    test(`${level}, of lists`, () => {
      const kept = { true: 0, false: 0 };
      for (let seed = 1; seed <= HISTORIES; seed++) {
        const history = drawTinyHistory(new SeededRandom(seed), 'lists');
        const expected = byDefinition(history, { mustPrecede });
        const { violations } = checkHistory(history, { level, versionOrder: 'reads' });
        assert.equal(violations.length === 0, expected, explain(seed, history, violations));
        kept[`${expected}`]++;
      }
      assert(kept.true > HISTORIES / 50 && kept.false > HISTORIES / 50, JSON.stringify(kept));
    });

    test(`${level}, of registers in the order of sequence numbers`, () => {
      const kept = { true: 0, false: 0 };
      for (let seed = 1; seed <= HISTORIES; seed++) {
        const history = drawTinyHistory(new SeededRandom(seed), 'registers');
        const precedes: Precedes = (one, other) => mustPrecede(one, other) || inSequence(one, other);
        const expected = byDefinition(history, { mustPrecede: precedes });
        const { violations } = checkHistory(history, { level, versionOrder: 'sequence-numbers' });
        assert.equal(violations.length === 0, expected, explain(seed, history, violations));
        kept[`${expected}`]++;
      }
      assert(kept.true > HISTORIES / 50 && kept.false > HISTORIES / 50, JSON.stringify(kept));
    });

    test(`${level}, of registers by reads alone: nothing that the definition allows is a violation`, () => {
      for (let seed = 1; seed <= HISTORIES; seed++) {
        const history = drawTinyHistory(new SeededRandom(seed), 'registers');
        const { violations } = checkHistory(history, { level, versionOrder: 'reads' });
        if (violations.length === 0) continue;
        assert(!byDefinition(history, { mustPrecede }), explain(seed, history, violations));
      }
    });
  }
});

function explain(seed: number, history: readonly HistoryTransaction[], violations: readonly unknown[]): string {
  const lines = history.map((one, place) => `${place}: ${JSON.stringify(one)}`);
  return [`seed ${seed}`, ...lines, JSON.stringify(violations)].join('\n');
}
