/** What `concert check` found, as text and as JSON. */
import { AS_ASKED, type CheckOptions, type CheckResult, type HistoryTransaction } from '../../../checker/index.ts';
import { counted, grouped } from '../counts.ts';
import { visible } from '../display/cell-text.ts';
import { type ChosenColumns, nameOf } from './choose-columns.ts';
import { anomalyText, describeAnomaly } from './describe-anomaly.ts';
import type { TransactionsToCheck } from './transactions-to-check.ts';

/** Columns that are left out, shown by name. */
const LEFT_OUT_SHOWN_MAX = 20;

export interface Checked {
  readonly file: string;
  readonly level: CheckOptions['level'];
  readonly versionOrder: 'sequence-numbers' | 'reads';
  readonly isTorn: boolean;
  readonly columns: ChosenColumns;
  readonly transactions: TransactionsToCheck;
  readonly result: CheckResult;
}

/** `limit`: of anomalies. */
export function asText(checked: Checked, limit: number): string {
  const { level, versionOrder, isTorn, columns, transactions, result } = checked;
  const { violations, allowed, dependencies, leftOut } = result;
  const names = (kind: string, of: readonly { readonly table: string; readonly column: string }[]) =>
    of.length === 0 ? [] : [`${kind}: ${of.map((one) => visible(nameOf(one))).join(', ')}\n`];
  const parts = [
    `${names('lists', columns.lists).join('')}${names('registers', columns.registers).join('')}${names('banks', columns.banks).join('')}`,
  ];
  if (columns.leftOut.length > 0) {
    const lines = columns.leftOut
      .slice(0, LEFT_OUT_SHOWN_MAX)
      .map((one) => `  ${visible(nameOf(one))}, line ${one.line}: ${visible(one.why)}\n`);
    const more = columns.leftOut.length - lines.length;
    parts.push(`not checked:\n${lines.join('')}${more > 0 ? `  and ${counted(more, 'more column')}\n` : ''}`);
  }
  const { ok, fail, info } = outcomes(transactions.history);
  parts.push(
    `${counted(transactions.history.length, 'transaction')}: ${grouped(ok)} committed, ${grouped(fail)} failed, ${grouped(info)} of unknown outcome; ${operationsText(transactions.history)}; ${grouped(dependencies)} dependencies, versions by ${versionOrder === 'reads' ? 'what was read' : 'sequence numbers'}\n`,
  );
  if (isTorn) parts.push('the last line is cut off: whoever wrote the history was ended\n');
  if (leftOut > 0) parts.push(`${grouped(leftOut)} dependencies of appends in no known order were not followed\n`);
  const anomalies = [...violations, ...allowed].slice(0, limit);
  for (const [place, anomaly] of anomalies.entries()) {
    const prefix = place < violations.length ? 'VIOLATION: ' : 'allowed: ';
    parts.push(prefix + anomalyText(describeAnomaly(anomaly, transactions)));
  }
  const hidden = violations.length + allowed.length - anomalies.length;
  if (hidden > 0) parts.push(`anomalies not shown (see --limit): ${grouped(hidden)}\n`);
  const held = level === AS_ASKED ? 'what each transaction asked for' : level;
  const verdict =
    violations.length === 0
      ? `no violation of ${held}`
      : `${counted(violations.length, 'violation')} of ${held}: ${kindsText(violations)}`;
  const also = allowed.length === 0 ? '' : `; allowed at this level: ${kindsText(allowed)}`;
  parts.push(`${verdict}${also}\n`);
  return parts.filter((part) => part !== '').join('\n');
}

export function asJson(checked: Checked, limit: number): string {
  const { file, level, versionOrder, isTorn, columns, transactions, result } = checked;
  const { violations, allowed, dependencies, leftOut } = result;
  const described = (anomalies: CheckResult['violations'], upTo: number) =>
    anomalies.slice(0, Math.max(0, upTo)).map((anomaly) => describeAnomaly(anomaly, transactions));
  const report = {
    file,
    level,
    versionOrder,
    hasViolations: violations.length > 0,
    isTorn,
    lists: columns.lists.map(nameOf),
    registers: columns.registers.map(nameOf),
    banks: columns.banks.map(nameOf),
    notChecked: columns.leftOut.map((one) => ({ column: nameOf(one), line: one.line, why: one.why })),
    transactions: outcomes(transactions.history),
    operations: operationCounts(transactions.history),
    dependencies,
    dependenciesNotFollowed: leftOut,
    violationCount: violations.length,
    allowedCount: allowed.length,
    violations: described(violations, limit),
    allowed: described(allowed, limit - violations.length),
  };
  return `${JSON.stringify(report, null, 2)}\n`;
}

function outcomes(history: readonly HistoryTransaction[]): Record<HistoryTransaction['outcome'], number> {
  const counts = { ok: 0, fail: 0, info: 0 };
  for (const { outcome } of history) counts[outcome]++;
  return counts;
}

function operationCounts(history: readonly HistoryTransaction[]) {
  const counts = { appends: 0, listReads: 0, writes: 0, reads: 0, totals: 0 };
  const nameOfCount = {
    append: 'appends',
    'read-list': 'listReads',
    write: 'writes',
    read: 'reads',
    'read-total': 'totals',
  } as const;
  for (const { operations } of history) for (const { op } of operations) counts[nameOfCount[op]]++;
  return counts;
}

function operationsText(history: readonly HistoryTransaction[]): string {
  const { appends, listReads, writes, reads, totals } = operationCounts(history);
  const parts = [
    [appends, 'append'],
    [listReads, 'read of a list', 'reads of lists'],
    [writes, 'write'],
    [reads, 'read'],
    [totals, 'total'],
  ] as const;
  return parts
    .filter(([count]) => count > 0)
    .map(([count, noun, plural = `${noun}s`]) => `${grouped(count)} ${count === 1 ? noun : plural}`)
    .join(', ');
}

/** 2 G-single, 1 lost-update */
function kindsText(anomalies: CheckResult['violations']): string {
  const counts = new Map<string, number>();
  for (const anomaly of anomalies) {
    const needs = 'cycle' in anomaly && anomaly.needs !== 'nothing' ? ` (${anomaly.needs})` : '';
    const name = `${anomaly.kind}${needs}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${grouped(count)} ${name}`).join(', ');
}
