/**
 * Histories in short: `x+1` appends, `x[1,2]` reads a list; `x=1` writes, `x?1` reads a value; `x=-` deletes, `x?-` reads
 * that there is none; `x~9` reads a total.
 */
import type { HistoryTransaction, Operation, Outcome } from '../types.ts';

export interface Facts {
  readonly outcome?: Outcome;
  readonly process?: number;
  /** Invoked and completed; unless said at the same time as all others. */
  readonly at?: readonly [number, number];
  readonly sequenceNumber?: number;
}

const EVERYTHING = [0, 1_000_000] as const;
let lastProcess = 1000;

export function transaction(text: string, facts: Facts = {}): HistoryTransaction {
  const { outcome = 'ok', process = ++lastProcess, at = EVERYTHING, sequenceNumber = null } = facts;
  const operations = text.split(' ').filter(Boolean).map(operationOf);
  const [invokedAt, completedAt] = at;
  return { process, invokedAt, completedAt, outcome, sequenceNumber, operations };
}

export function failed(text: string): HistoryTransaction {
  return transaction(text, { outcome: 'fail' });
}

export function unknown(text: string, facts: Facts = {}): HistoryTransaction {
  return transaction(text, { ...facts, outcome: 'info' });
}

/** One after another, by clients of their own. */
export function inRealTime(...texts: readonly string[]): HistoryTransaction[] {
  return texts.map((text, place) => transaction(text, { at: [2 * place, 2 * place + 1] }));
}

/** One after another by one client, all at the same time as others. */
export function inOneProcess(process: number, ...texts: readonly string[]): HistoryTransaction[] {
  return texts.map((text, place) => transaction(text, { process, at: [2 * place, 2 * place + 1] }));
}

function operationOf(text: string): Operation {
  const [, key, sign, rest] = /^([a-z]+)([+[=?~])(.*)$/.exec(text) as unknown as [string, string, string, string];
  const value = rest === '-' ? null : Number(rest);
  if (sign === '+') return { op: 'append', key, value: Number(rest) };
  if (sign === '=') return { op: 'write', key, value };
  if (sign === '?') return { op: 'read', key, value };
  if (sign === '~') return { op: 'read-total', key, total: Number(rest) };
  const values = rest.slice(0, -1);
  return { op: 'read-list', key, values: values === '' ? [] : values.split(',').map(Number) };
}
