import type { CheckCommandOptions, ColumnName } from './command.ts';
import { NotCheckable } from './not-checkable.ts';
import type { ColumnFacts, Objection, Survey, TableFacts } from './survey.ts';

export interface ChosenColumns {
  readonly lists: readonly ColumnName[];
  readonly registers: readonly ColumnName[];
  readonly banks: readonly (ColumnName & { readonly total: number | null })[];
  /** What is not checked, though it was looked at. */
  readonly leftOut: readonly (ColumnName & Objection)[];
}

/** As it was said, or else every column that is fit for it. @throws NotCheckable */
export function chooseColumns(
  { tables }: Survey,
  { list, register, bank }: Pick<CheckCommandOptions, 'list' | 'register' | 'bank'>,
): ChosenColumns {
  if (list === undefined && register === undefined && bank === undefined) return allThatFit(tables);
  for (const name of list ?? []) {
    const { notList } = factsOf(tables, name);
    if (notList !== null) throw new NotCheckable(`${nameOf(name)} is no list: ${notList.why}`, notList.line);
  }
  for (const name of register ?? []) {
    const { notRegister } = factsOf(tables, name);
    if (notRegister !== null)
      throw new NotCheckable(`${nameOf(name)} is no register: ${notRegister.why}`, notRegister.line);
  }
  for (const { table, column } of bank ?? []) {
    factsOf(tables, { table, column });
    if (tables.get(table)!.readings > 0) continue;
    throw new NotCheckable(`nobody reads all of ${table} by one scan without bounds and limit, as a bank needs it`);
  }
  return { lists: list ?? [], registers: register ?? [], banks: bank ?? [], leftOut: [] };
}

function factsOf(tables: Survey['tables'], { table, column }: ColumnName): ColumnFacts {
  const facts = tables.get(table)?.columns.get(column);
  if (facts !== undefined) return facts;
  const columns = [...(tables.get(table)?.columns.keys() ?? [])];
  const known =
    columns.length > 0 ? `its columns are ${columns.join(', ')}` : `tables are ${[...tables.keys()].join(', ')}`;
  throw new NotCheckable(`nobody writes ${table}.${column}; ${known}`);
}

function allThatFit(tables: Survey['tables']): ChosenColumns {
  const lists: ColumnName[] = [];
  const registers: ColumnName[] = [];
  const leftOut: (ColumnName & Objection)[] = [];
  for (const facts of [...tables.values()].flatMap((table) => [...table.columns.values()])) {
    const { table, column, arrays, notList } = facts;
    const notRegister = objectionToRegister(facts, tables.get(table)!);
    if (arrays > 0 && notList === null) lists.push({ table, column });
    else if (notRegister === null) registers.push({ table, column });
    else leftOut.push({ table, column, ...(arrays > 0 ? (notList ?? notRegister) : notRegister) });
  }
  return { lists, registers, banks: [], leftOut };
}

function objectionToRegister({ notRegister, inWholeRows, written }: ColumnFacts, table: TableFacts): Objection | null {
  if (notRegister !== null || inWholeRows === table.wholeRows) return notRegister;
  return { why: 'some rows are put without it, and may have a default', line: Math.min(...written.values()) };
}

export function nameOf({ table, column }: ColumnName): string {
  return `${table}.${column}`;
}
