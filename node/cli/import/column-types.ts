/** `--columns name:type,name:type?,…`: the columns of a table as the command line tells them; `?` lets a column be null. */
import type { ColumnDefinition } from '../../../client/index.ts';
import type { OptionKind } from '../options.ts';

export type ColumnType = ColumnDefinition['type'];
export type ToldColumns = ReadonlyMap<string, { readonly type: ColumnType; readonly nullable: boolean }>;

const TYPES: readonly ColumnType[] = ['integer', 'double', 'decimal', 'text', 'boolean', 'bytes', 'timestamp', 'json'];

export function columnTypes(): OptionKind<ToldColumns> {
  return {
    placeholder: 'NAME:TYPE,…',
    parse(said) {
      const columns = new Map<string, { type: ColumnType; nullable: boolean }>();
      for (const part of said.split(',')) {
        const colon = part.lastIndexOf(':');
        const name = part.slice(0, colon).trim();
        const told = part.slice(colon + 1).trim();
        const nullable = told.endsWith('?');
        const type = TYPES.find((known) => known === (nullable ? told.slice(0, -1) : told));
        if (colon < 1 || name === '' || type === undefined || columns.has(name)) return undefined;
        columns.set(name, { type, nullable });
      }
      return columns;
    },
    expected: `columns as name:type, a ? behind the type where null is allowed, none twice; types are ${TYPES.join(', ')}`,
  };
}

/** `--key a,b`. */
export function columnNames(): OptionKind<readonly string[]> {
  return {
    placeholder: 'COLUMN,…',
    parse(said) {
      const names = said.split(',').map((name) => name.trim());
      return names.includes('') || new Set(names).size < names.length ? undefined : names;
    },
    expected: 'names of columns, separated by commas, none twice',
  };
}
