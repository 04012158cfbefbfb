/** The table that rows go to: found and compared with what the command line says, or created. */
import { type Client, type ColumnDefinition, ConcertError, type TableDescription } from '../../../client/index.ts';
import { failed, wrongOption } from '../cli-error.ts';
import type { ToldColumns } from './column-types.ts';

/** Rows of CSV that are looked at to tell the types of key columns. */
export const SAMPLE_ROWS = 1000;

export interface TableWish {
  readonly table: string;
  /** Null: not said. */
  readonly key: readonly string[] | null;
  readonly columns: ToldColumns | null;
  /** It must not exist yet. */
  readonly mustBeNew: boolean;
  /** What is known of the file's rows before the first is written; null: they are JSON. */
  readonly csv: CsvSample | null;
}

export interface CsvSample {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export interface TargetTable {
  readonly description: TableDescription;
  readonly isCreated: boolean;
}

/** @throws CliError, ConcertError */
export async function targetTable(client: Client, wish: TableWish): Promise<TargetTable> {
  if (wish.csv !== null) checkCsvColumns(wish, wish.csv);
  const found = await described(client, wish.table);
  if (found !== null) {
    if (wish.mustBeNew) throw failed(`table ${wish.table} exists already; leave --create away to import into it`);
    checkAgreement(found, wish);
    return { description: found, isCreated: false };
  }
  const definition = definitionOf(wish);
  // Two imports may create it at the same time, and one that was cut off may have done so: then it is as good as found.
  const { sequenceNumber } = await client.createTable({ ...definition, ifNotExists: true });
  const created = await client.describe(wish.table, { atLeast: sequenceNumber ?? 0 });
  checkAgreement(created, wish);
  return { description: created, isCreated: true };
}

async function described(client: Client, table: string): Promise<TableDescription | null> {
  try {
    return await client.describe(table);
  } catch (error) {
    if (error instanceof ConcertError && error.code === 'NO_SUCH_TABLE') return null;
    throw error;
  }
}

function definitionOf(wish: TableWish) {
  const { table, key, columns, csv } = wish;
  if (key === null) throw wrongOption(`table ${table} does not exist yet; say --key COLUMN,… to have it created`);
  if (csv === null) return { table, primaryKey: key, columns: columns === null ? null : declaredColumns(columns) };
  const declared: Record<string, ColumnDefinition> = {};
  for (const [place, column] of csv.columns.entries()) {
    const type = key.includes(column) ? keyType(csv.rows.map((fields) => fields[place]!)) : 'text';
    declared[column] = columns?.get(column) ?? { type, nullable: false };
  }
  return { table, primaryKey: key, columns: declared };
}

function declaredColumns(columns: ToldColumns): Readonly<Record<string, ColumnDefinition>> {
  return Object.fromEntries(columns);
}

/** As integers are written, without zeros in front: an article number 007 stays text. */
const PLAIN_INTEGER = /^(?:0|-?[1-9]\d{0,17})$/;

function keyType(texts: readonly string[]): 'integer' | 'text' {
  return texts.length > 0 && texts.every((text) => PLAIN_INTEGER.test(text)) ? 'integer' : 'text';
}

function checkCsvColumns({ key, columns: told }: TableWish, { columns }: CsvSample): void {
  const listed = `the file has ${columns.map((name) => JSON.stringify(name)).join(', ')}`;
  for (const [place, name] of columns.entries()) {
    if (name === '') throw failed(`column ${place + 1} of the file has no name in its first line; see --header`);
    if (columns.indexOf(name) !== place) throw failed(`the file has two columns named ${JSON.stringify(name)}`);
  }
  for (const name of key ?? []) {
    if (!columns.includes(name))
      throw wrongOption(`--key names ${JSON.stringify(name)}, which is no column; ${listed}`);
  }
  for (const name of told?.keys() ?? []) {
    if (!columns.includes(name))
      throw wrongOption(`--columns names ${JSON.stringify(name)}, which is no column; ${listed}`);
  }
}

function checkAgreement(found: TableDescription, { table, key, columns: told, csv }: TableWish): void {
  const { primaryKey, columns } = found;
  if (key !== null && (key.length !== primaryKey.length || key.some((name, place) => primaryKey[place] !== name))) {
    throw failed(`table ${table} has the primary key ${primaryKey.join(',')}, not ${key.join(',')}`);
  }
  if (columns === null) {
    if (csv === null && told !== null) {
      throw failed(`table ${table} is free-form: its columns have no types that --columns could tell`);
    }
    requireColumns(primaryKey, csv, table);
    return;
  }
  for (const [name, { type }] of told ?? []) {
    const is = columns[name]?.type;
    if (is === undefined) throw failed(`table ${table} has no column ${JSON.stringify(name)}, which --columns names`);
    if (is !== type) throw failed(`column ${JSON.stringify(name)} of ${table} is ${is}, not ${type} as --columns says`);
  }
  for (const name of csv?.columns ?? []) {
    if (!Object.hasOwn(columns, name))
      throw failed(`table ${table} has no column ${JSON.stringify(name)}, which the file has`);
  }
  const needed = Object.entries(columns).filter(([, { nullable, default: value }]) => !nullable && value === undefined);
  requireColumns(
    needed.map(([name]) => name),
    csv,
    table,
  );
}

function requireColumns(names: readonly string[], csv: CsvSample | null, table: string): void {
  const missing = csv === null ? undefined : names.find((name) => !csv.columns.includes(name));
  if (missing === undefined) return;
  throw failed(`table ${table} needs a value for column ${JSON.stringify(missing)}, which the file does not have`);
}
