import type { Value } from '../../../checker/index.ts';
import type { Effect, Row } from './statement-effects.ts';

/** What one transaction knows of rows, by what it read and wrote. */
export class KnownRows {
  readonly #rows = new Map<string, { readonly isWhole: boolean; readonly values: Row }>();

  /** Null: nothing is there; undefined: not known. */
  valueOf(key: string, column: string): unknown {
    const row = this.#rows.get(key);
    if (row === undefined) return undefined;
    return row.values[column] ?? (row.isWhole || column in row.values ? null : undefined);
  }

  take(effect: Effect): void {
    if (effect.kind === 'delete') this.#rows.set(effect.key, { isWhole: true, values: {} });
    else if (effect.kind === 'read') {
      const { key, row, columns } = effect;
      if (columns === null) this.#rows.set(key, { isWhole: true, values: row ?? {} });
      else this.#merge(key, Object.fromEntries(columns.map((column) => [column, row?.[column] ?? null])));
    } else if (effect.kind === 'write') {
      const { key, row, isWhole } = effect;
      if (isWhole) this.#rows.set(key, { isWhole, values: row });
      else this.#merge(key, row);
    }
  }

  #merge(key: string, row: Row): void {
    const before = this.#rows.get(key);
    this.#rows.set(key, { isWhole: before?.isWhole ?? false, values: { ...before?.values, ...row } });
  }
}

/** What `written` has behind all of `known`; null: it is no array, or not `known` and more. */
export function appendedTo(known: unknown, written: unknown): readonly Value[] | null {
  const before = known === null ? [] : known;
  const after = written ?? [];
  if (!Array.isArray(before) || !Array.isArray(after)) return null;
  const values = after.map(comparable);
  if (before.some((value, place) => comparable(value) !== values[place])) return null;
  return before.length <= values.length ? values.slice(before.length) : null;
}

/** Numbers and texts as they are, all else as its JSON. */
export function comparable(value: unknown): Value {
  return typeof value === 'number' || typeof value === 'string' ? value : JSON.stringify(value);
}
