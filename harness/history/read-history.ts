import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { HISTORY_VERSION, type HistoryError, type HistoryHeader, type HistoryLine, type Note } from './history.ts';

/** A request and what became of it. */
export interface Operation {
  readonly process: number;
  readonly member: string | null;
  readonly op: string;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly invokedIndex: number;
  readonly invokedUs: number;
  readonly outcome: 'ok' | 'fail' | 'info';
  /** Null: it never completed. */
  readonly completedIndex: number | null;
  readonly completedUs: number | null;
  /** Undefined where there is none. */
  readonly result: unknown;
  readonly error: HistoryError | null;
}

export interface History {
  readonly header: HistoryHeader;
  /** In the order of their invocations. */
  readonly operations: readonly Operation[];
  readonly notes: readonly Note[];
  /** The last line was cut off: whoever wrote it was ended. */
  readonly isTorn: boolean;
}

/** What is wrong with a file that is to be a history. */
export class HistoryFileError extends Error {
  override readonly name = 'HistoryFileError';
  readonly code = 'NO_HISTORY';
  readonly file: string;
  /** From 1. */
  readonly line: number;

  constructor(facts: { file: string; line: number; problem: string }) {
    super(`${facts.file}, line ${facts.line}: ${facts.problem}`);
    this.file = facts.file;
    this.line = facts.line;
  }
}

/** @throws HistoryFileError */
export async function readHistory(file: string): Promise<History> {
  const lines = createInterface({ input: createReadStream(file, 'utf8'), crlfDelay: Number.POSITIVE_INFINITY });
  let header: HistoryHeader | null = null;
  const operations = new Map<number, Operation>();
  const notes: Note[] = [];
  let number = 0;
  let nextIndex = 0;
  let unreadable: number | null = null;
  for await (const text of lines) {
    number++;
    if (unreadable !== null) throw new HistoryFileError({ file, line: unreadable, problem: 'is no JSON' });
    const value = parsed(text);
    if (value === null) {
      unreadable = number;
      continue;
    }
    if (header === null) {
      header = headerOf(value, file);
      continue;
    }
    const line = value as HistoryLine;
    const problem = line.index === nextIndex ? take(line, operations, notes) : `its index is not ${nextIndex}`;
    if (problem !== null) throw new HistoryFileError({ file, line: number, problem });
    nextIndex++;
  }
  if (header === null) throw new HistoryFileError({ file, line: 1, problem: 'has no header {"history": 1, …}' });
  return { header, operations: [...operations.values()], notes, isTorn: unreadable !== null };
}

function parsed(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function headerOf(value: object, file: string): HistoryHeader {
  const version = (value as Partial<HistoryHeader>).history;
  if (version === HISTORY_VERSION) return value as HistoryHeader;
  const problem = version === undefined ? 'has no header {"history": 1, …}' : `is of version ${version}, not 1`;
  throw new HistoryFileError({ file, line: 1, problem });
}

/** Null, or what is wrong with it. */
function take(line: HistoryLine, operations: Map<number, Operation>, notes: Note[]): string | null {
  switch (line.type) {
    case 'note':
      notes.push(line);
      return null;
    case 'invoke': {
      const { index, timeUs, process, member, op } = line;
      if (!Number.isSafeInteger(process) || typeof op !== 'string') return 'an invocation has a process and an op';
      operations.set(index, {
        process,
        member,
        op,
        arguments: line.arguments,
        invokedIndex: index,
        invokedUs: timeUs,
        outcome: 'info',
        completedIndex: null,
        completedUs: null,
        result: undefined,
        error: null,
      });
      return null;
    }
    case 'ok':
    case 'fail':
    case 'info': {
      const invoked = operations.get(line.invoked);
      if (invoked === undefined) return `completes ${line.invoked}, which is no invocation before it`;
      if (invoked.completedIndex !== null) return `completes ${line.invoked} a second time`;
      operations.set(line.invoked, {
        ...invoked,
        outcome: line.type,
        completedIndex: line.index,
        completedUs: line.timeUs,
        result: line.result,
        error: line.error ?? null,
      });
      return null;
    }
    default:
      return `has the type ${JSON.stringify((line as { type: unknown }).type)}, which is none`;
  }
}
