/**
 * One import from its start to its end. Rows are read, made to fit the table and gathered into batches while earlier
 * batches are under way; what is acknowledged without a gap is noted in the state file a few times a second.
 *
 * However it ends, what is under way is waited for first: so the state file tells all that is known to be in.
 */
import { type Client, ConcertError, type Step } from '../../../client/index.ts';
import { CliError, failed } from '../cli-error.ts';
import { counted, grouped } from '../counts.ts';
import { type BadRow, type BadRowFile, badRowOf, describeBadRow } from './bad-rows.ts';
import { type Batch, type BatchBounds, Batches } from './batches.ts';
import type { ColumnType, ToldColumns } from './column-types.ts';
import { DonePrefix, type Progress } from './done-prefix.ts';
import type { ImportState, StateFile } from './import-state.ts';
import type { Input } from './input.ts';
import { type OpenRows, openRows, type Reading } from './open-rows.ts';
import type { ProgressFigures } from './progress-display.ts';
import { type Misfit, RowForm } from './row-form.ts';
import { RowRefused, Sender, type SenderClock, type SenderCounters } from './sender.ts';
import { type SourceRow, START, UnreadableInput } from './source-row.ts';
import { type CsvSample, SAMPLE_ROWS, type TargetTable, targetTable } from './target-table.ts';

export interface ImportSetup {
  readonly client: Client;
  readonly input: Input;
  readonly reading: Reading;
  readonly table: string;
  readonly key: readonly string[] | null;
  readonly columns: ToldColumns | null;
  readonly nullText: string | null;
  readonly mustBeNew: boolean;
  readonly bounds: BatchBounds;
  readonly concurrency: number;
  readonly patienceMs: number;
  /** Null: the import stops at the first bad row. */
  readonly badRowFile: BadRowFile | null;
  /** More bad rows stop the import, too. */
  readonly badRowsMax: number;
  /** Null: nothing to go on from later. */
  readonly stateFile: StateFile | null;
  /** What an earlier run left. */
  readonly resumeFrom: ImportState | null;
  readonly clock: SenderClock;
  /** Says something that is no error. */
  readonly notice: (text: string) => void;
}

export interface ImportReport extends SenderCounters {
  readonly table: string;
  readonly isCreated: boolean;
  /** `rows` and the others count what this run did; this, what earlier ones did. */
  readonly rowsBefore: number;
  readonly badRows: number;
  readonly seconds: number;
  readonly isInterrupted: boolean;
}

const STATE_EVERY_MS = 250;
/** Done while one before them is not, as when a member hangs: what a crash would have done again. */
const BATCHES_AHEAD_MAX = 1_000;

export class Import {
  readonly #setup: ImportSetup;
  readonly #prefix: DonePrefix;
  readonly #batches: Batches;
  readonly #sender: Sender;
  /** Ends the wait for further rows, if there is one. */
  #stopWaiting = () => {};
  #isInterrupted = false;
  #target: TargetTable | null = null;
  #columns: readonly string[] | null = null;
  #badRows = 0;
  #newest: { readonly sequenceNumber: number; readonly gtid: string } | null = null;
  #noted: Progress;
  #noting: Promise<void> | null = null;
  #isStateBroken = false;

  constructor(setup: ImportSetup) {
    const { resumeFrom, bounds, table, concurrency, patienceMs, clock } = setup;
    const progress = resumeFrom?.progress ?? { position: START, rows: 0, badRows: 0 };
    this.#setup = setup;
    this.#prefix = new DonePrefix(progress);
    this.#noted = progress;
    this.#batches = new Batches(progress.position, bounds);
    this.#sender = new Sender({
      table,
      concurrency,
      patienceMs,
      clock,
      transact: (steps, repeated) => this.#transact(steps, repeated),
      isRefusal: (error) => error instanceof ConcertError,
      refused: ({ source }, error) => this.#passBy(badRowOf(source, faultOf(error))),
      done: (batch, outcome) => {
        this.#batches.done(batch);
        this.#prefix.done(batch.number, outcome);
      },
    });
  }

  /** Reads no more, and lets `run` end when what is under way is done. */
  interrupt(): void {
    this.#isInterrupted = true;
    this.#sender.stop();
    this.#stopWaiting();
  }

  get figures(): ProgressFigures {
    const { input } = this.#setup;
    const done = input.isPacked ? input.bytesRead() : this.#prefix.furthest.bytes;
    const fraction = input.size === null || input.size === 0 ? null : Math.min(1, done / input.size);
    return { rows: this.#rowsBefore + this.#sender.counters.rows, fraction };
  }

  /** @throws CliError, ConcertError */
  async run(): Promise<ImportReport> {
    const { clock, stateFile } = this.#setup;
    const startMs = clock.nowMs();
    try {
      await this.#importAll();
    } catch (error) {
      await this.#settle();
      // An interrupted import lets go of what is refused for now.
      if (!this.#isInterrupted || !(error instanceof ConcertError)) throw this.#explained(error);
    }
    await this.#settle();
    if (!this.#isInterrupted) {
      await this.#checkTable();
      await stateFile?.remove();
    }
    return {
      ...this.#sender.counters,
      table: this.#setup.table,
      isCreated: this.#target?.isCreated ?? false,
      rowsBefore: this.#rowsBefore,
      badRows: this.#badRows,
      seconds: (clock.nowMs() - startMs) / 1000,
      isInterrupted: this.#isInterrupted,
    };
  }

  /** How an import that did not end goes on. */
  get howToGoOn(): string {
    if (this.#setup.stateFile === null) return 'nothing is kept to go on from: the next run starts at the beginning';
    if (this.#isStateBroken || this.#noted.position.rows === 0) return 'the next run starts at the beginning';
    return `the same command goes on behind row ${grouped(this.#noted.position.rows)}`;
  }

  get #rowsBefore(): number {
    return this.#setup.resumeFrom?.progress.rows ?? 0;
  }

  async #importAll(): Promise<void> {
    const { input, reading, resumeFrom } = this.#setup;
    const from = { position: this.#prefix.progress.position, columns: resumeFrom?.columns ?? null };
    const rows = await openRows(input, reading, from);
    this.#columns = rows.columns;
    const iterator = rows.rows[Symbol.asyncIterator]();
    const ticking = setInterval(() => void this.#noteState(), STATE_EVERY_MS);
    try {
      const first = await this.#firstRows(iterator, resumeFrom === null && rows.columns !== null ? SAMPLE_ROWS : 0);
      if (this.#isInterrupted) return;
      this.#target = await this.#prepareTable(rows, first.flat());
      const form = new RowForm(this.#target.description, this.#csvForm(rows));
      for (const some of first) await this.#addAll(some, form);
      for (let some = await this.#next(iterator); some !== null; some = await this.#next(iterator)) {
        await this.#addAll(some, form);
      }
      await this.#sendGathered();
      await this.#sender.idle();
    } catch (error) {
      // What was read before the fault goes in, so that the fault is where the import stops.
      if (!(error instanceof UnreadableInput) && !(error instanceof StoppedAtRow)) throw error;
      await this.#sendGathered();
      await this.#sender.idle();
      throw error;
    } finally {
      clearInterval(ticking);
      void iterator.return?.();
    }
  }

  /** Null: there is no more, or the import was interrupted. */
  #next(iterator: AsyncIterator<readonly SourceRow[]>): Promise<readonly SourceRow[] | null> {
    // No race with one promise for the whole import: that would keep all that it was ever raced with.
    return new Promise((resolve, reject) => {
      this.#stopWaiting = () => resolve(null);
      if (this.#isInterrupted) return resolve(null);
      iterator.next().then((next) => resolve(next.done ? null : next.value), reject);
    });
  }

  async #firstRows(iterator: AsyncIterator<readonly SourceRow[]>, atLeast: number): Promise<(readonly SourceRow[])[]> {
    const first: (readonly SourceRow[])[] = [];
    for (let count = 0; count < atLeast; ) {
      const some = await this.#next(iterator);
      if (some === null) break;
      first.push(some);
      count += some.length;
    }
    return first;
  }

  #prepareTable({ columns }: OpenRows, first: readonly SourceRow[]): Promise<TargetTable> {
    const { client, table, key, columns: told, mustBeNew, resumeFrom } = this.#setup;
    const csv: CsvSample | null = columns === null ? null : { columns, rows: fieldsOf(first).slice(0, SAMPLE_ROWS) };
    return targetTable(client, { table, key, columns: told, mustBeNew: mustBeNew && resumeFrom === null, csv });
  }

  #csvForm({ columns }: OpenRows) {
    if (columns === null) return null;
    const types = new Map<string, ColumnType>();
    for (const [name, { type }] of this.#setup.columns ?? []) types.set(name, type);
    return { columns, types, nullText: this.#setup.nullText };
  }

  async #addAll(rows: readonly SourceRow[], form: RowForm): Promise<void> {
    for (const source of rows) {
      if (this.#isInterrupted) return;
      const { content } = source;
      const formed = content.kind === 'unreadable' ? unreadable(content.problem) : form.form(content);
      if (formed.kind === 'misfit') {
        const badRow = badRowOf(source, formed);
        if (!this.#passBy(badRow)) throw new StoppedAtRow(badRow);
        this.#batches.pass(source);
        continue;
      }
      const { row, key } = formed;
      const bytes = sizeOf(source);
      if (this.#batches.collides(key)) {
        await this.#sendGathered();
        await this.#sender.idle();
      } else if (this.#batches.isFullWith(bytes)) await this.#sendGathered();
      this.#batches.add({ source, row, key }, bytes);
      if (this.#batches.isFull) await this.#sendGathered();
    }
  }

  async #sendGathered(): Promise<void> {
    const batch: Batch | null = this.#batches.take();
    if (batch === null) return;
    if (this.#prefix.batchesAhead >= BATCHES_AHEAD_MAX) await this.#sender.idle();
    await this.#sender.send(batch);
  }

  /** Whether the import goes on without this row. */
  #passBy(row: BadRow): boolean {
    const { badRowFile, badRowsMax } = this.#setup;
    if (badRowFile === null || this.#badRows >= badRowsMax) return false;
    badRowFile.write(row);
    this.#badRows++;
    return true;
  }

  async #transact(
    steps: readonly Step[],
    repeated: (error: ConcertError) => void,
  ): Promise<{ readonly conflicts: number }> {
    const { tableId } = this.#target!.description;
    // A member that has not heard of the table yet is waited for.
    const answer = await this.#setup.client.transact(steps, { atLeast: tableId, onRetry: repeated });
    const { sequenceNumber, gtid, attempts } = answer;
    if (gtid !== null && sequenceNumber !== null && sequenceNumber > (this.#newest?.sequenceNumber ?? 0)) {
      this.#newest = { sequenceNumber, gtid };
    }
    return { conflicts: attempts - 1 };
  }

  /** Until nothing is under way, whatever becomes of it; then what is in is noted. */
  async #settle(): Promise<void> {
    this.#sender.stop();
    await this.#sender.idle().catch(() => {});
    await this.#noting;
    await this.#noteState();
  }

  #noteState(): Promise<void> {
    this.#noting ??= this.#writeState().finally(() => {
      this.#noting = null;
    });
    return this.#noting;
  }

  async #writeState(): Promise<void> {
    const { stateFile, notice } = this.#setup;
    const { progress } = this.#prefix;
    const newest = this.#newest;
    if (stateFile === null || this.#isStateBroken || newest === null || progress === this.#noted) return;
    const { tableId } = this.#target!.description;
    try {
      await stateFile.write({ progress, columns: this.#columns, tableId, gtid: newest.gtid });
      this.#noted = progress;
    } catch (error) {
      this.#isStateBroken = true;
      notice(`${stateFile.path} cannot be written (${(error as Error).message}): this import cannot be resumed`);
    }
  }

  async #checkTable(): Promise<void> {
    const { client, table } = this.#setup;
    const { tableId: before } = this.#target!.description;
    const { tableId } = await client.describe(table, { atLeast: this.#newest?.gtid ?? before });
    if (tableId === before) return;
    throw failed(`table ${table} was dropped or truncated during the import, and rows with it; import the file again`);
  }

  #explained(error: unknown): unknown {
    const { input, badRowsMax, badRowFile } = this.#setup;
    const rows = this.#rowsBefore + this.#sender.counters.rows;
    const end = `${counted(rows, 'row')} ${rows === 1 ? 'is' : 'are'} in; ${this.howToGoOn}`;
    if (error instanceof UnreadableInput) {
      return failed(`${input.name} line ${error.line}: ${error.message}; ${end}`, error);
    }
    if (error instanceof StoppedAtRow || error instanceof RowRefused) {
      const row = error instanceof StoppedAtRow ? error.row : badRowOf(error.row.source, faultOf(error.error));
      const advice =
        badRowFile === null
          ? '--errors FILE passes such rows by'
          : `--errors-max allows no more than ${counted(badRowsMax, 'bad row')}`;
      return failed(`${describeBadRow(input.name, row)}; ${end}; ${advice}`, error);
    }
    const isBegun = this.#target !== null;
    if (error instanceof CliError) {
      return isBegun && error.exitCode === 1 ? failed(`${error.message}; ${end}`, error) : error;
    }
    if (!(error instanceof ConcertError)) return error;
    return failed(`${error.code}: ${error.message}${isBegun ? ` ${end}` : ''}`, error);
  }
}

/** The import is to stop at a bad row. */
class StoppedAtRow extends Error {
  override readonly name = 'StoppedAtRow';
  readonly row: BadRow;

  constructor(row: BadRow) {
    super(row.problem);
    this.row = row;
  }
}

/** As a member says it. */
function faultOf({ facts, message }: ConcertError): Misfit {
  const { column } = facts;
  return { kind: 'misfit', column: typeof column === 'string' ? column : null, problem: message, value: undefined };
}

function unreadable(problem: string): Misfit {
  return { kind: 'misfit', column: null, problem, value: undefined };
}

function fieldsOf(rows: readonly SourceRow[]): readonly (readonly string[])[] {
  return rows.flatMap(({ content }) => (content.kind === 'fields' ? [content.fields] : []));
}

/** Bytes as they travel, roughly. */
function sizeOf({ content }: SourceRow): number {
  if (content.kind !== 'fields') return content.text.length;
  let bytes = 0;
  for (const field of content.fields) bytes += field.length + FIELD_BYTES;
  return bytes;
}

/** Its column's name and what stands around it. */
const FIELD_BYTES = 16;
