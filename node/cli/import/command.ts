import path from 'node:path';
import { type Client, ConcertError, connect } from '../../../client/index.ts';
import { failed, wrongOption } from '../cli-error.ts';
import { command } from '../command.ts';
import { choice, flag, type OptionKind, text, wholeNumber } from '../options.ts';
import { BadRowFile } from './bad-rows.ts';
import { columnNames, columnTypes } from './column-types.ts';
import { Import, type ImportReport } from './import.ts';
import { type ImportState, StateFile, stateDirectory } from './import-state.ts';
import { type Input, openInput } from './input.ts';
import { type Reading, readingOf } from './open-rows.ts';
import { grouped, ProgressDisplay } from './progress-display.ts';

const BATCH_ROWS_DEFAULT = 500;
/** A transaction of more keeps a member from all else for too long. */
const BATCH_ROWS_MAX = 5_000;
/** Far below a frame's bound of 1 MiB, and enough that the batch's own costs do not count. */
const BATCH_BYTES_MAX = 256 * 1024;
const CONCURRENCY_DEFAULT = 12;
const BAD_ROWS_DEFAULT = 1_000;
const PATIENCE_MS = 60_000;
const INTERRUPTED = 130;

const NOTES = `FILE is CSV, JSON with one value a line, or one JSON array, by its name (.csv .tsv .jsonl .ndjson .json, each also with .gz)
or by --format; - is standard input. It is read as a stream: it may be larger than memory.

The table is created if it does not exist. From CSV, its columns are text, but key columns whose first ${grouped(1000)} values are whole
numbers are integers; --columns says otherwise. From JSON, it is free-form unless --columns tells its columns. A field of CSV
without text is null, but in a text column, where it is the text of no length.

Rows are put: a row that exists is replaced. Of several rows with one key in FILE the last stays. When other clients write the
same rows during the import, the last writer wins, be it the import or they; a batch may be written again when it is not known
whether it was (a member died). Rows go to the members of --url all at once, and to the others where one dies.

The import stops at the first row that does not fit the table, with file, line, column and value; rows before it stay in.
--errors passes such rows by. Ctrl-C ends what is under way and says how many rows are in. After that, or after a crash, the
same command goes on where it stopped, as long as FILE and the table are the same (not from standard input).`;

export const importCommand = command({
  name: 'import',
  operands: ['FILE'],
  summary: 'put the rows of a file into a table',
  options: {
    table: { kind: text('SCHEMA.TABLE'), help: 'where rows go to; created if it does not exist' },
    key: { kind: columnNames(), help: 'columns of its primary key; needed where it is created' },
    url: { kind: text('URL,…'), help: 'members (ws://127.0.0.1:7001/v1); all of them are written to' },
    format: { kind: choice('csv', 'jsonl', 'json'), help: 'what FILE is, where its name does not tell' },
    columns: { kind: columnTypes(), help: 'types of columns, such as id:integer,note:text? (? allows null)' },
    create: { kind: flag(), help: 'the table must not exist yet' },
    delimiter: { kind: delimiter(), help: 'between the fields of CSV (, or a tab for .tsv)' },
    header: { kind: columnNames(), help: 'columns of a CSV file that has no first line with their names' },
    null: { kind: text('TEXT'), help: 'a field of CSV with just this text is null' },
    batch: { kind: wholeNumber(1, BATCH_ROWS_MAX), help: `rows of one transaction (${BATCH_ROWS_DEFAULT})` },
    concurrency: { kind: wholeNumber(1, 256), help: `transactions under way at once (${CONCURRENCY_DEFAULT})` },
    errors: { kind: text('FILE'), help: 'write rows that do not fit there, as lines of JSON, and go on' },
    'errors-max': {
      kind: wholeNumber(1, 1_000_000_000),
      help: `stop at more than so many such rows (${BAD_ROWS_DEFAULT})`,
    },
    'no-resume': { kind: flag(), help: 'begin at the beginning, whatever an earlier run has done' },
    json: { kind: flag(), help: 'print what was done as JSON' },
  },
  notes: NOTES,
  async run(values, { output, operands, environment }) {
    const [file] = operands as readonly [string];
    const { table, key, columns, create, errors, json } = values;
    if (table === undefined) throw wrongOption('--table SCHEMA.TABLE is missing');
    const reading = readingOf(file, values);
    if (values.null !== undefined && reading.format !== 'csv') throw wrongOption('--null is for CSV; JSON has null');
    const input = await openInput(file);
    const client = await connectedTo(values.url ?? 'ws://127.0.0.1:7001/v1');
    const stateFile = stateFileOf(input, { file, table, reading, nullText: values.null ?? null, environment });
    const notice = (said: string) => process.stderr.write(`${said}\n`);
    try {
      const resumeFrom = values['no-resume'] ? null : await stateOf(stateFile, client, table, notice);
      const badRowFile = errors === undefined ? null : new BadRowFile(errors, resumeFrom !== null);
      const run = new Import({
        client,
        input,
        reading,
        table,
        key: key ?? null,
        columns: columns ?? null,
        nullText: values.null ?? null,
        mustBeNew: create ?? false,
        bounds: { rowsMax: values.batch ?? BATCH_ROWS_DEFAULT, bytesMax: BATCH_BYTES_MAX },
        concurrency: values.concurrency ?? CONCURRENCY_DEFAULT,
        patienceMs: PATIENCE_MS,
        badRowFile,
        badRowsMax: values['errors-max'] ?? BAD_ROWS_DEFAULT,
        stateFile,
        resumeFrom,
        clock: {
          nowMs: () => performance.now(),
          wait: (ms) => new Promise((done) => setTimeout(done, ms)),
          chance: Math.random,
        },
        notice,
      });
      try {
        const report = await watched(run);
        output.write(json ? `${JSON.stringify(shownReport(report), null, 2)}\n` : summary(report, run, errors));
        return report.isInterrupted ? INTERRUPTED : 0;
      } finally {
        badRowFile?.close();
      }
    } finally {
      await Promise.all([client.close(), input.close()]);
    }
  },
});

function delimiter(): OptionKind<string> {
  return {
    placeholder: 'CHARACTER',
    parse: (said) => (said === 'tab' ? '\t' : /^[\t\x20-\x7e]$/.test(said) && said !== '"' ? said : undefined),
    expected: 'one character of ASCII other than ", or the word tab',
  };
}

async function connectedTo(urls: string): Promise<Client> {
  try {
    return await connect(urls, { readYourWrites: false });
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    throw failed(error.message, error);
  }
}

function stateFileOf(
  input: Input,
  of: {
    readonly file: string;
    readonly table: string;
    readonly reading: Reading;
    readonly nullText: string | null;
    readonly environment: Readonly<Record<string, string | undefined>>;
  },
): StateFile | null {
  if (input.identity === null) return null;
  const { file, table, reading, nullText, environment } = of;
  return new StateFile(stateDirectory(environment), {
    file: path.resolve(file),
    ...input.identity,
    table,
    reading: JSON.stringify({ ...reading, nullText }),
  });
}

/** What an earlier run left, if it is about the table that there is now. */
async function stateOf(
  stateFile: StateFile | null,
  client: Client,
  table: string,
  notice: (said: string) => void,
): Promise<ImportState | null> {
  const state = (await stateFile?.read()) ?? null;
  if (state === null) return null;
  const problem = await whyNotUsable(state, client, table);
  if (problem !== null) {
    notice(`beginning at the beginning: ${problem} since an earlier run`);
    return null;
  }
  const { rows } = state.progress.position;
  notice(`going on behind row ${grouped(rows)}, where an earlier run stopped (--no-resume begins at the beginning)`);
  return state;
}

async function whyNotUsable({ gtid, tableId }: ImportState, client: Client, table: string): Promise<string | null> {
  try {
    const now = await client.describe(table, { atLeast: gtid });
    return now.tableId === tableId ? null : `${table} was dropped or truncated`;
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    if (error.code === 'NO_SUCH_TABLE') return `${table} was dropped`;
    // A GTID tells the group that it is of.
    if (error.code === 'INVALID_ARGUMENT' && error.facts.argument === 'atLeast') return 'this is another group';
    throw failed(`${error.code}: ${error.message}`, error);
  }
}

/** Runs the import with its progress shown. The first Ctrl-C asks it to stop, the second ends it. */
async function watched(run: Import): Promise<ImportReport> {
  const display = new ProgressDisplay(process.stderr, () => run.figures);
  const interrupted = (signal: NodeJS.Signals) => {
    process.once(signal, () => process.exit(INTERRUPTED));
    display.stop();
    process.stderr.write('stopping: waiting for what is under way (once more ends it at once)\n');
    run.interrupt();
  };
  process.once('SIGINT', interrupted);
  process.once('SIGTERM', interrupted);
  display.start();
  try {
    return await run.run();
  } finally {
    display.stop();
    process.removeListener('SIGINT', interrupted);
    process.removeListener('SIGTERM', interrupted);
  }
}

function shownReport(report: ImportReport): object {
  const { seconds, rows } = report;
  return { ...report, seconds: Math.round(seconds * 1000) / 1000, rowsPerSecond: Math.round(rows / seconds) };
}

function summary(report: ImportReport, run: Import, errors: string | undefined): string {
  const { table, isCreated, rows, rowsBefore, badRows, seconds, retries, conflicts, isInterrupted } = report;
  const rate = `${seconds.toFixed(1)} s (${grouped(Math.round(rows / seconds))} rows/s)`;
  const lines = [`${grouped(rows)} rows put into ${table}${isCreated ? ', created for them,' : ''} in ${rate}`];
  if (rowsBefore > 0) lines.push(`${grouped(rowsBefore)} rows were put by earlier runs`);
  if (badRows > 0) lines.push(`${grouped(badRows)} rows did not fit: see ${errors}`);
  lines.push(`${grouped(conflicts)} conflicts with other writers, ${grouped(retries)} batches sent again`);
  if (isInterrupted) lines.push(`interrupted: ${run.howToGoOn}`);
  return `${lines.join('\n')}\n`;
}
