/** Records what clients ask and are told, as lines of JSON. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { HistoryError, HistoryHeader, Outcome } from './history.ts';
import { HISTORY_VERSION, outcomeOfError } from './history.ts';

/** Lines wait in memory up to so much. */
const BUFFER_CHARACTERS_MAX = 256 * 1024;

export class HistoryWriter {
  readonly #descriptor: number;
  readonly #startedNs = process.hrtime.bigint();
  #lines = '';
  #nextIndex = 0;
  #lastProcess = 0;

  /** The file is made anew. */
  constructor(file: string, facts: HistoryHeader['facts'] = {}) {
    this.#descriptor = openSync(file, 'w');
    const header: HistoryHeader = { history: HISTORY_VERSION, startedAt: new Date().toISOString(), facts };
    this.#write(header);
  }

  newProcess(): number {
    return ++this.#lastProcess;
  }

  /** Exactly one of the methods of what is returned is called later, or none if nobody ever told. */
  invoke(facts: {
    readonly process: number;
    readonly member: string | null;
    readonly op: string;
    readonly arguments: object;
  }): OpenInvocation {
    const { process, member, op } = facts;
    const invoked = this.#line({ type: 'invoke', process, member, op, arguments: facts.arguments });
    const complete = (type: Outcome, rest: object): void => {
      this.#line({ type, process, invoked, ...rest });
    };
    return {
      ok: (result) => complete('ok', { result }),
      fail: (error) => complete('fail', { error }),
      info: (error) => complete('info', { error }),
      answered: (error) => complete(outcomeOfError(error.code), { error }),
    };
  }

  note(note: Readonly<Record<string, unknown>>): void {
    this.#line({ type: 'note', note });
  }

  /** All that was recorded is in the file. */
  flush(): void {
    if (this.#lines !== '') writeSync(this.#descriptor, this.#lines);
    this.#lines = '';
  }

  close(): void {
    this.flush();
    closeSync(this.#descriptor);
  }

  #line(line: object): number {
    const index = this.#nextIndex++;
    const timeUs = Number((process.hrtime.bigint() - this.#startedNs) / 1000n);
    this.#write({ index, timeUs, ...line });
    return index;
  }

  #write(line: object): void {
    this.#lines += `${JSON.stringify(line, asInTheContract)}\n`;
    if (this.#lines.length > BUFFER_CHARACTERS_MAX) this.flush();
  }
}

export interface OpenInvocation {
  ok(result: unknown): void;
  fail(error: HistoryError): void;
  info(error: HistoryError): void;
  /** By an error of the WebSocket API: its code says which. */
  answered(error: HistoryError): void;
}

/** Bytes and large integers as the JSON of the WebSocket API has them. */
function asInTheContract(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key];
  if (original instanceof Uint8Array) return { $bytes: Buffer.from(original).toString('base64') };
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  return value;
}
