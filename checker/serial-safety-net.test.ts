/** What each transaction asked for, where the serial order need not be that of the commits. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AS_ASKED, type CertificationRule, checkHistory, type HistoryTransaction, type Isolation } from './index.ts';
import { transaction } from './testing/write-history.ts';

const asked = (isolation: Isolation, text: string, sequenceNumber?: number): HistoryTransaction => ({
  ...transaction(text, sequenceNumber === undefined ? {} : { sequenceNumber }),
  isolation,
});
const SERIALIZABLE = 'serializable';
const SNAPSHOT = 'snapshot isolation';

function violations(history: readonly HistoryTransaction[], rule: CertificationRule): readonly string[] {
  const result = checkHistory(history, { level: AS_ASKED, rule, versionOrder: 'sequence-numbers' });
  return result.violations.map(({ kind }) => kind);
}

/** A deposit, a report that saw it, and a withdrawal that neither saw the deposit nor was seen by the report. */
const anomaly = (report: Isolation) => [
  asked(SERIALIZABLE, 'x=1', 1),
  asked(report, 'x?1 y?-'),
  asked(SERIALIZABLE, 'x?- y=1', 2),
  asked(SNAPSHOT, 'y?1 x?1'),
];

describe('under the rule serial-safety-net', () => {
  test('a report that asked for a snapshot may see what no serial order has; one that asked for serializable may not', () => {
    assert.deepEqual(violations(anomaly(SNAPSHOT), 'serial-safety-net'), []);
    assert.notDeepEqual(violations(anomaly(SERIALIZABLE), 'serial-safety-net'), []);
    // With read validation the withdrawal would have been refused.
    assert.notDeepEqual(violations(anomaly(SNAPSHOT), 'read-validation'), []);
  });

  test('write skew of two that asked for serializable is forbidden, and of two that did not is not', () => {
    for (const [isolation, found] of [
      [SERIALIZABLE, ['G2-item']],
      [SNAPSHOT, []],
    ] as const) {
      const history = [asked(isolation, 'x?- y=1', 1), asked(isolation, 'y?- x=1', 2)];
      assert.deepEqual(violations(history, 'serial-safety-net'), found);
    }
  });

  test('who asked for a snapshot sees one, and loses no update', () => {
    const torn = [asked(SERIALIZABLE, 'x=1 y=1', 1), asked(SNAPSHOT, 'x?1 y?-')];
    assert.deepEqual(violations(torn, 'serial-safety-net'), ['G-single']);
    const lost = [asked(SNAPSHOT, 'x?- x=1', 1), asked(SNAPSHOT, 'x?- x=2', 2)];
    assert.deepEqual(violations(lost, 'serial-safety-net'), ['lost-update']);
  });
});
