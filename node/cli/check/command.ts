/** `concert check HISTORY`: what it is told. What it does is loaded when it runs. */
import { AS_ASKED, LEVELS, type Level } from '../../../checker/levels.ts';
import { command } from '../command.ts';
import { choice, flag, type OptionKind, type OptionValues, wholeNumber } from '../options.ts';

export const SHOWN_DEFAULT = 10;

const NOTES = `HISTORY is a file of requests and answers, one JSON object a line, as the fault harness records them (npm run faults -- --history FILE);
it begins when its tables are empty. From what its clients wrote and read follows who came before whom; a circle in that order, and some
things of single rows, are anomalies: they are told with what each level allows of them.

Without --list, --register and --bank every column is looked at. One that is only ever set to the array which its transaction read
before, and more values behind it, is a list. One in which no value is written twice to a row is a register. Others are left out, and
named. A bank's column comes to the same total in every read of all of its table. The primary key is that of the createTable in
HISTORY, or else what --primary-key says, or else the column id.

Levels: ${Object.keys(LEVELS).join(', ')}
(hyphens will do for spaces); or ${AS_ASKED}: of each transaction what the isolation forbids that it asked for.

Exit code 0: no violation. 1: violations. 2: nothing was checked; the message says why, by file and line.`;

/** SCHEMA.TABLE.COLUMN */
export interface ColumnName {
  readonly table: string;
  readonly column: string;
}

const OPTIONS = {
  level: { kind: level(), help: 'what the history is to keep to (snapshot isolation)' },
  'version-order': {
    kind: choice('sequence-numbers', 'reads'),
    help: 'how versions of a row are put in order: as commits answered (the default), or only by what was read',
  },
  rule: {
    kind: choice('read-validation', 'serial-safety-net'),
    help: `certification_rule of the group (read-validation), for ${AS_ASKED}: serial-safety-net if it was ever that`,
  },
  list: { kind: columns(), help: 'these columns are lists, and only what is named is checked' },
  register: { kind: columns(), help: 'these are registers' },
  bank: { kind: banks(), help: 'these come to one total over all rows; TOTAL, or else what is read first' },
  'primary-key': { kind: columns(), help: 'the primary keys of tables that HISTORY does not create' },
  limit: { kind: wholeNumber(0, 10_000), help: `anomalies to show (${SHOWN_DEFAULT})` },
  json: { kind: flag(), help: 'print the result as JSON' },
} as const;

export type CheckCommandOptions = OptionValues<typeof OPTIONS>;

export const checkCommand = command({
  name: 'check',
  summary: 'look for anomalies in what clients saw, recorded in a file',
  operands: ['HISTORY'],
  options: OPTIONS,
  notes: NOTES,
  async run(values, context) {
    const { runCheck } = await import('./run-check.ts');
    return runCheck(values, context);
  },
});

function level(): OptionKind<Level | typeof AS_ASKED> {
  const levels = [...Object.keys(LEVELS), AS_ASKED] as readonly (Level | typeof AS_ASKED)[];
  return {
    placeholder: 'LEVEL',
    parse: (said) => levels.find((one) => one === said.replaceAll('-', ' ')),
    expected: `one of ${levels.join(', ')}`,
  };
}

function columns(): OptionKind<readonly ColumnName[]> {
  return {
    placeholder: 'SCHEMA.TABLE.COLUMN,…',
    parse: (said) => allOrNone(said.split(',').map(columnOf)),
    expected: 'columns SCHEMA.TABLE.COLUMN, separated by commas',
  };
}

function banks(): OptionKind<readonly (ColumnName & { readonly total: number | null })[]> {
  return {
    placeholder: 'SCHEMA.TABLE.COLUMN[=TOTAL],…',
    parse: (said) =>
      allOrNone(
        said.split(',').map((one) => {
          const [name, total, ...more] = one.split('=') as [string, ...string[]];
          const column = columnOf(name);
          const isNumber = total === undefined || (total.trim() !== '' && Number.isFinite(Number(total)));
          if (column === undefined || !isNumber || more.length > 0) return undefined;
          return { ...column, total: total === undefined ? null : Number(total) };
        }),
      ),
    expected: 'columns SCHEMA.TABLE.COLUMN or SCHEMA.TABLE.COLUMN=TOTAL, separated by commas',
  };
}

function columnOf(said: string): ColumnName | undefined {
  const parts = said.trim().split('.');
  if (parts.length !== 3 || parts.includes('')) return undefined;
  return { table: `${parts[0]}.${parts[1]}`, column: parts[2]! };
}

function allOrNone<T>(values: readonly (T | undefined)[]): readonly T[] | undefined {
  return values.every((value) => value !== undefined) ? (values as readonly T[]) : undefined;
}
