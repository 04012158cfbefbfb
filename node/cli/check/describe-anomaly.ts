/** Anomalies as one reads them: who did what, who of them saw what of whom. */
import type { Anomaly, CycleAnomaly, CycleStep, Key, LocalAnomaly, Operation } from '../../../checker/index.ts';
import { visible } from '../display/cell-text.ts';
import type { RecordedTransaction } from './recorded-transactions.ts';
import type { TransactionsToCheck } from './transactions-to-check.ts';

const TITLES: Readonly<Record<CycleAnomaly['kind'] | LocalAnomaly['kind'], string>> = {
  G0: 'writes in a circle',
  G1c: 'reads and writes in a circle',
  'G-single': 'read skew',
  'G-nonadjacent': 'long fork',
  'G2-item': 'write skew',
  internal: 'a transaction contradicts itself',
  G1a: 'aborted read',
  G1b: 'intermediate read',
  duplicate: 'a value twice',
  'incompatible-order': 'a list in two orders',
  'dirty-update': 'an aborted write was built upon',
  'lost-update': 'lost update',
  'unknown-value': 'a value that nobody wrote',
  'cyclic-versions': 'versions in a circle',
  'wrong-total': 'a total that changes',
};

const TIMES = {
  nothing: '',
  process: ', in the order of one process',
  realtime: ', in the order of real time',
} as const;

/** Of one anomaly, so many transactions are shown. */
const TRANSACTIONS_MAX = 12;
const VALUE_CHARACTERS_MAX = 100;

export interface DescribedAnomaly {
  readonly kind: Anomaly['kind'];
  readonly needs: CycleAnomaly['needs'];
  readonly title: string;
  readonly transactions: readonly DescribedTransaction[];
  /** What each did with another, or what is wrong. */
  readonly sentences: readonly string[];
}

export interface DescribedTransaction {
  readonly name: string;
  readonly firstLine: number;
  readonly lastLine: number;
  readonly process: number;
  readonly member: string | null;
  readonly outcome: RecordedTransaction['outcome'];
  readonly fromSeconds: number;
  readonly toSeconds: number | null;
  readonly sequenceNumber: number | null;
}

export function describeAnomaly(anomaly: Anomaly, checked: TransactionsToCheck): DescribedAnomaly {
  const isCycle = 'cycle' in anomaly;
  const concerned = isCycle ? anomaly.cycle.map(({ transaction }) => transaction) : anomaly.transactions;
  const shown = [...new Set(concerned)].slice(0, TRANSACTIONS_MAX);
  const nameOf = (transaction: number) => `T${shown.indexOf(transaction) + 1}`;
  const needs = isCycle ? anomaly.needs : 'nothing';
  return {
    kind: anomaly.kind,
    needs,
    title: `${anomaly.kind} (${TITLES[anomaly.kind]}${TIMES[needs]})`,
    transactions: shown.map((place) => describeTransaction(nameOf(place), checked.recorded[place]!)),
    sentences: 'cycle' in anomaly ? stepsOf(anomaly, checked, nameOf) : sentencesOf(anomaly, shown.length),
  };
}

export function anomalyText({ title, transactions, sentences }: DescribedAnomaly): string {
  const lines = transactions.map((one) => {
    const { name, firstLine, lastLine, process, member, outcome, fromSeconds, toSeconds, sequenceNumber } = one;
    const parts = [
      firstLine === lastLine ? `line ${firstLine}` : `lines ${firstLine} to ${lastLine}`,
      `process ${process}${member === null ? '' : ` at ${visible(member)}`}`,
      `${fromSeconds.toFixed(3)} s to ${toSeconds === null ? '?' : `${toSeconds.toFixed(3)} s`}`,
      ...(sequenceNumber === null ? [] : [`sequence number ${sequenceNumber}`]),
      ...(outcome === 'ok' ? [] : [outcome === 'fail' ? 'failed' : 'outcome unknown']),
    ];
    return `  ${name}: ${parts.join(', ')}`;
  });
  return `${[title, ...lines, ...sentences.map((sentence) => `  - ${sentence}`)].join('\n')}\n`;
}

function stepsOf(
  { cycle }: CycleAnomaly,
  checked: TransactionsToCheck,
  nameOf: (transaction: number) => string,
): readonly string[] {
  const steps = cycle.map((step, at) => [step, cycle[(at + 1) % cycle.length]!] as const);
  const shown = cycle.length > TRANSACTIONS_MAX ? steps.slice(0, TRANSACTIONS_MAX - 1) : steps;
  const sentences = shown.map(([step, next]) => describeStep(step, next, checked, nameOf));
  return shown.length === steps.length ? sentences : [...sentences, `and so on: ${steps.length} steps back to T1`];
}

function sentencesOf({ key, detail, transactions }: LocalAnomaly, shown: number): readonly string[] {
  const sentence = `${key === null ? '' : `${visible(String(key))}: `}${visible(detail)}`;
  const others = new Set(transactions).size - shown;
  return others > 0 ? [sentence, `${others} more of these transactions are not shown`] : [sentence];
}

function describeTransaction(name: string, recorded: RecordedTransaction): DescribedTransaction {
  const { firstLine, lastLine, process, member, outcome, invokedUs, completedUs, sequenceNumber } = recorded;
  const toSeconds = completedUs === null ? null : completedUs / 1e6;
  return {
    name,
    firstLine,
    lastLine,
    process,
    member,
    outcome,
    fromSeconds: invokedUs / 1e6,
    toSeconds,
    sequenceNumber,
  };
}

function describeStep(
  { transaction, dependency, key }: CycleStep,
  { transaction: next }: CycleStep,
  { history }: TransactionsToCheck,
  nameOf: (transaction: number) => string,
): string {
  const [one, other] = [nameOf(transaction), nameOf(next)];
  if (dependency === 'process') return `${one} ended before ${other} began in the same process`;
  if (dependency === 'realtime') return `${one} ended before ${other} began`;
  const row = visible(String(key));
  const before = history[transaction]!.operations;
  const after = history[next]!.operations;
  if (dependency === 'ww')
    return `${one} ${wrote(before, key!)} to ${row}, and behind that ${other} ${wrote(after, key!)} (ww)`;
  if (dependency === 'wr') return `${one} ${wrote(before, key!)} to ${row}, and ${other} ${read(after, key!)} (wr)`;
  return `${one} ${read(before, key!)} of ${row}, and after that version ${other} ${wrote(after, key!)} (rw)`;
}

function wrote(operations: readonly Operation[], key: Key): string {
  const values: unknown[] = [];
  let verb = 'wrote';
  for (const operation of operations) {
    if (operation.key !== key) continue;
    if (operation.op === 'append') verb = 'appended';
    if (operation.op === 'append' || operation.op === 'write') values.push(operation.value ?? 'nothing (deleted)');
  }
  return `${verb} ${values.map(shown).join(', ')}`;
}

function read(operations: readonly Operation[], key: Key): string {
  for (const operation of operations) {
    if (operation.key !== key) continue;
    if (operation.op === 'read-list') return `read ${shown(operation.values)}`;
    if (operation.op === 'read') return `read ${operation.value === null ? 'nothing' : shown(operation.value)}`;
  }
  return 'read';
}

/** The end of a long list says most. */
function shown(value: unknown): string {
  const text = visible(JSON.stringify(value));
  return text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, 20)}…${text.slice(-75)}` : text;
}
