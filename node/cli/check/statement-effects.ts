/** What a statement of the WebSocket API does to rows, and sees of them. */
import { NotCheckable } from './not-checkable.ts';
import type { RecordedStatement } from './recorded-transactions.ts';

export type Row = Readonly<Record<string, unknown>>;

export type Effect =
  /** null: there is none. `columns`: only these; null: all. */
  | {
      readonly kind: 'read';
      readonly key: string;
      readonly row: Row | null;
      readonly columns: readonly string[] | null;
    }
  /** `isWhole`: absent columns are set, too. `isNew`: there was no row. */
  | {
      readonly kind: 'write';
      readonly key: string;
      readonly row: Row;
      readonly isWhole: boolean;
      readonly isNew: boolean;
    }
  | { readonly kind: 'delete'; readonly key: string }
  /** All rows of the table at one moment. */
  | { readonly kind: 'read-all'; readonly rows: readonly Row[]; readonly columns: readonly string[] | null }
  /** Nobody can tell which rows, or which values. null: all columns. */
  | { readonly kind: 'unclear'; readonly columns: readonly string[] | null; readonly why: string };

type Facts = Readonly<Record<string, unknown>>;

const SELECTIONS = ['index', 'gte', 'gt', 'lte', 'lt', 'where', 'limit', 'cursor'] as const;

/** @throws NotCheckable if a row lacks its key */
export function effectsOf(statement: RecordedStatement, primaryKey: readonly string[]): readonly Effect[] {
  const { op, arguments: args, result, line } = statement;
  const columns = Array.isArray(args.columns) ? (args.columns as readonly string[]) : null;
  const missingIn = (row: Row) => primaryKey.find((column) => row[column] === undefined);
  const lacksKey = (row: Row) => missingIn(row) !== undefined;
  const keyOfRow = (row: Row): string => {
    const missing = missingIn(row);
    if (missing === undefined) return keyText(primaryKey.map((column) => row[column]));
    throw new NotCheckable(
      `a row of ${args.table} has no column ${missing}; say --primary-key ${args.table}.COLUMN`,
      line,
    );
  };
  switch (op) {
    case 'get':
      return result === undefined ? [] : [{ kind: 'read', key: keyText(args.key), row: asRow(result), columns }];
    case 'getMany': {
      const rows = Array.isArray(result) ? (result as readonly unknown[]) : [];
      const keys = Array.isArray(args.keys) ? (args.keys as readonly unknown[]) : [];
      return rows.map((row, place) => ({ kind: 'read', key: keyText(keys[place]), row: asRow(row), columns }));
    }
    case 'scan': {
      const { rows = [], cursor } = (result ?? {}) as { readonly rows?: readonly Row[]; readonly cursor?: unknown };
      if (result === undefined) return [];
      // Rows without their keys are nobody's.
      const named = primaryKey.every((column) => columns === null || columns.includes(column)) ? rows : [];
      const reads = named.map((row): Effect => ({ kind: 'read', key: keyOfRow(row), row, columns }));
      const isAll = cursor == null && SELECTIONS.every((name) => args[name] === undefined);
      return isAll ? [...reads, { kind: 'read-all', rows, columns }] : reads;
    }
    case 'insert':
    case 'put': {
      const row = asRow(args.row);
      // What makes no sense was refused.
      if (row === null || (result === undefined && lacksKey(row))) return [];
      return [{ kind: 'write', key: keyOfRow(row), row, isWhole: true, isNew: op === 'insert' }];
    }
    case 'update': {
      if (matchedNone(result)) return [];
      const row = asRow(args.set);
      if (row === null) return [];
      if (args.key === undefined) {
        return [{ kind: 'unclear', columns: Object.keys(row), why: 'rows are set by a range of keys' }];
      }
      return [{ kind: 'write', key: keyText(args.key), row, isWhole: false, isNew: false }];
    }
    case 'delete':
      if (matchedNone(result)) return [];
      if (args.key === undefined)
        return [{ kind: 'unclear', columns: null, why: 'rows are deleted by a range of keys' }];
      return [{ kind: 'delete', key: keyText(args.key) }];
    case 'increment':
      return [{ kind: 'unclear', columns: [args.column as string], why: 'it is incremented, whatever it was' }];
    default:
      return [];
  }
}

/** A key of one column is the same alone and in an array. */
function keyText(key: unknown): string {
  return JSON.stringify(Array.isArray(key) && key.length === 1 ? key[0] : key) ?? 'null';
}

/** Some recorders have an empty object where there is no row. */
function asRow(result: unknown): Row | null {
  if (typeof result !== 'object' || result === null || Object.keys(result).length === 0) return null;
  return result as Row;
}

function matchedNone(result: unknown): boolean {
  return (result as Facts | undefined)?.matched === 0;
}
