/** `concert import`: what it is told. What it does is loaded when it runs. */
import { command } from '../command.ts';
import { choice, flag, type OptionKind, type OptionValues, text, wholeNumber } from '../options.ts';
import { urlOption } from '../url-option.ts';
import { columnNames, columnTypes } from './column-types.ts';

export const BATCH_ROWS_DEFAULT = 500;
/** A transaction of more keeps a member from all else for too long. */
const BATCH_ROWS_MAX = 5_000;
export const CONCURRENCY_DEFAULT = 12;
export const BAD_ROWS_DEFAULT = 1_000;

const NOTES = `FILE is CSV, JSON with one value a line, or one JSON array, by its name (.csv .tsv .jsonl .ndjson .json, each also with .gz)
or by --format; - is standard input. It is read as a stream: it may be larger than memory.

The table is created if it does not exist. From CSV, its columns are text, but key columns whose first 1,000 values are whole
numbers are integers; --columns says otherwise. From JSON, it is free-form unless --columns tells its columns. A field of CSV
without text is null, but in a text column, where it is the text of no length.

Rows are put: a row that exists is replaced. Of several rows with one key in FILE the last stays. When other clients write the
same rows during the import, the last writer wins, be it the import or they; a batch may be written again when it is not known
whether it was (a member died). Rows go to the members of --url all at once, and to the others where one dies.

The import stops at the first row that does not fit the table, with file, line, column and value; rows before it stay in.
--errors passes such rows by. Ctrl-C ends what is under way and says how many rows are in. After that, or after a crash, the
same command goes on where it stopped, as long as FILE and the table are the same (not from standard input).`;

const OPTIONS = {
  table: { kind: text('SCHEMA.TABLE'), help: 'where rows go to; created if it does not exist' },
  key: { kind: columnNames(), help: 'columns of its primary key; needed where it is created' },
  url: urlOption,
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
} as const;

export type ImportOptions = OptionValues<typeof OPTIONS>;

export const importCommand = command({
  name: 'import',
  operands: ['FILE'],
  summary: 'put the rows of a file into a table',
  options: OPTIONS,
  notes: NOTES,
  async run(values, context) {
    const { runImport } = await import('./run-import.ts');
    return runImport(values, context);
  },
});

function delimiter(): OptionKind<string> {
  return {
    placeholder: 'CHARACTER',
    parse: (said) => (said === 'tab' ? '\t' : /^[\t\x20-\x7e]$/.test(said) && said !== '"' ? said : undefined),
    expected: 'one character of ASCII other than ", or the word tab',
  };
}
