/** `concert import`, from its options to its exit code. */
import path from 'node:path';
import { type Client, ConcertError } from '../../../client/index.ts';
import { failed, wrongOption } from '../cli-error.ts';
import type { CommandRun } from '../command.ts';
import { counted, grouped } from '../counts.ts';
import { connectGroup } from '../group-client.ts';
import { BadRowFile } from './bad-rows.ts';
import { BAD_ROWS_DEFAULT, BATCH_ROWS_DEFAULT, CONCURRENCY_DEFAULT, type ImportOptions } from './command.ts';
import { Import, type ImportReport } from './import.ts';
import { type ImportState, StateFile, stateDirectory } from './import-state.ts';
import { type Input, openInput } from './input.ts';
import { type Reading, readingOf } from './open-rows.ts';
import { ProgressDisplay } from './progress-display.ts';

/** Far below a frame's bound of 1 MiB, and enough that the batch's own costs do not count. */
const BATCH_BYTES_MAX = 256 * 1024;
const PATIENCE_MS = 60_000;
const INTERRUPTED = 130;

/** @throws CliError, ConcertError */
export async function runImport(values: ImportOptions, { output, operands, environment }: CommandRun): Promise<number> {
  const [file] = operands as readonly [string];
  const { table, key, columns, create, errors, json } = values;
  if (table === undefined) throw wrongOption('--table SCHEMA.TABLE is missing');
  const reading = readingOf(file, values);
  if (values.null !== undefined && reading.format !== 'csv') throw wrongOption('--null is for CSV; JSON has null');
  const input = await openInput(file);
  const client = await connectGroup(values.url, { readYourWrites: false });
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
  const lines = [`${counted(rows, 'row')} put into ${table}${isCreated ? ', created for them,' : ''} in ${rate}`];
  if (rowsBefore > 0) lines.push(`${counted(rowsBefore, 'row')} put by earlier runs`);
  if (badRows > 0) lines.push(`${counted(badRows, 'bad row')} passed by: see ${errors}`);
  lines.push(
    `${counted(conflicts, 'conflict')} with other writers, batches sent again for other reasons: ${grouped(retries)}`,
  );
  if (isInterrupted) lines.push(`interrupted: ${run.howToGoOn}`);
  return `${lines.join('\n')}\n`;
}
