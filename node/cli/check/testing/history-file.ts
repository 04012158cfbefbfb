/** Histories as they are recorded, told request by request. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { type History, readHistory } from '../../../../harness/history/read-history.ts';

type Facts = Readonly<Record<string, unknown>>;

export interface Request {
  readonly process?: number;
  readonly op: string;
  readonly arguments?: Facts;
  /** Absent: nobody answered. */
  readonly ok?: unknown;
  readonly fail?: Facts;
  readonly info?: Facts;
}

const COMMITTED = (sequenceNumber: number | null) => ({
  gtid: sequenceNumber === null ? null : `group:${sequenceNumber}`,
  sequenceNumber,
});

/** Requests of one transaction, each answered before the next: begin, these, commit. */
export function transaction(
  statements: readonly Request[],
  { process = 1, tx, commit }: { readonly process?: number; readonly tx: string; readonly commit: number | null },
): readonly Request[] {
  return [
    { process, op: 'begin', arguments: { tx }, ok: { tx } },
    ...statements.map((one) => ({ ok: {}, ...one, process, arguments: { tx, ...one.arguments } })),
    { process, op: 'commit', arguments: { tx }, ok: COMMITTED(commit) },
  ];
}

export function get(table: string, key: unknown, row: Facts | null): Request {
  return { op: 'get', arguments: { table, key }, ok: row };
}

export function put(table: string, row: Facts): Request {
  return { op: 'put', arguments: { table, row } };
}

/** One request after the other, by default. */
export function linesOf(requests: readonly Request[]): readonly string[] {
  const lines: object[] = [{ history: 1, startedAt: '2026-01-01T00:00:00.000Z', facts: {} }];
  const line = (facts: object) => {
    const index = lines.length - 1;
    lines.push({ index, timeUs: index * 1000, ...facts });
    return index;
  };
  for (const { process = 1, op, arguments: args = {}, ...answer } of requests) {
    const invoked = line({ type: 'invoke', process, member: 'member-1', op, arguments: args });
    if ('ok' in answer) line({ type: 'ok', process, invoked, result: answer.ok });
    else if (answer.fail !== undefined) line({ type: 'fail', process, invoked, error: answer.fail });
    else if (answer.info !== undefined) line({ type: 'info', process, invoked, error: answer.info });
  }
  return lines.map((one) => JSON.stringify(one));
}

export function fileWith(t: TestContext, lines: readonly string[]): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-check-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = path.join(folder, 'history.jsonl');
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

export function historyOf(t: TestContext, requests: readonly Request[]): Promise<History> {
  return readHistory(fileWith(t, linesOf(requests)));
}
