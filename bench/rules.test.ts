import assert from 'node:assert/strict';
import { test } from 'node:test';
import { printedRules } from './rules.ts';
import { duty, problemsOf } from './scenarios/duty.ts';

const rowAt = (id: number) => ({ id, isOn: id % 4 === 0, changes: id });
const rows = Array.from({ length: 8 }, (_, id) => rowAt(id));
const facts = [{ acknowledged: rows.map(({ changes }) => changes), unknown: rows.map(() => 0) }];

test('a team of which nobody is on duty, and a change that is missing, are problems', () => {
  assert.deepEqual(problemsOf(rows, 2, facts), []);
  const off = rows.map((row) => (row.id === 4 ? { ...row, isOn: false } : row));
  assert.deepEqual(problemsOf(off, 2, facts), ['nobody of team 1 is on duty']);
  const lost = rows.map((row) => (row.id === 6 ? { ...row, changes: 5 } : row));
  assert.deepEqual(problemsOf(lost, 2, facts), ['person 6 was changed 5 times, not 6']);
  const unknown = [{ acknowledged: facts[0]!.acknowledged, unknown: rows.map(() => 1) }];
  assert.deepEqual(
    problemsOf(
      rows.map((row) => ({ ...row, changes: row.changes + 1 })),
      2,
      unknown,
    ),
    [],
  );
  assert.deepEqual(problemsOf(rows.slice(1), 2, facts), ['7 rows, not 8']);
});

test('a transaction reads its team and others, changes one row, and declines where nobody else is on duty', () => {
  const workload = duty.workload({ options: { teams: 2, others: 1, rule: 'read-validation' }, seed: 1, slots: 1 });
  const drawn = workload.draw(0) as { id: number; kind: string; tx: string };
  const attempt = workload.attempt(drawn);
  const asked = attempt.next().value as readonly { op: string; isolation?: string }[];
  assert.deepEqual(
    asked.map(({ op }) => op),
    ['begin', 'getMany', 'getMany'],
  );
  assert.equal(asked[0]!.isolation, 'SERIALIZABLE');
  const team = [0, 1, 2, 3].map((person) => ({ id: person, isOn: person === drawn.id % 4, changes: 0 }));
  const [last] = attempt.next([{}, team, []]).value as readonly { op: string }[];
  assert.equal(last!.op, 'rollback');
  assert.equal(attempt.next([{}]).value, 'declined');
});

test('both rules are printed side by side', () => {
  const report = { tps: 1234.5, abortRate: 0.25, latencyMs: { p50: 1, p99: 20 }, verified: true };
  const text = printedRules([
    { rule: 'read-validation', report },
    { rule: 'serial-safety-net', report: { ...report, abortRate: 0.125 } },
  ]);
  assert.match(text, /read-validation +1235 +25\.0 % +1\.0 +20\.0 +yes\nserial-safety-net +1235 +12\.5 %/);
});
