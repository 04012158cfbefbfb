/**
 * What increments come to, by their definition: for the observers, who trust nothing of what the members do. Whole numbers
 * and decimals are added as fractions of whole numbers, doubles as doubles.
 */
import type { TableDefinition } from '../../node/engine/index.ts';
import type { Row } from '../workload/history.ts';

export type ShadowIncrement = Readonly<Record<'column' | 'by' | 'min' | 'max', unknown>>;

const WHOLE_MIN = -(2n ** 63n);
const WHOLE_MAX = 2n ** 63n - 1n;

/** The values of the row's columns then, or null: one of them cannot be. */
export function incrementedColumns(
  row: Row,
  increments: readonly ShadowIncrement[],
  columns: TableDefinition['columns'],
): Row | null {
  const values: Record<string, unknown> = {};
  for (const { column, by, min, max } of increments) {
    const name = column as string;
    const type =
      columns?.[name]?.type ?? (typeof row[name] === 'number' || typeof row[name] === 'bigint' ? 'integer' : null);
    if (row[name] === null || row[name] === undefined || type === null) return null;
    if (type === 'double') {
      const sum = (row[name] as number) + (by as number);
      if (!Number.isFinite(sum) || (min !== null && sum < (min as number)) || (max !== null && sum > (max as number))) {
        return null;
      }
      values[name] = sum;
      continue;
    }
    const all = [row[name], by, min, max].map((value) => (value === null ? null : fraction(String(value))));
    const places = Math.max(...all.map((each) => each?.places ?? 0));
    const [value, added, lowest, highest] = all.map(
      (each) => each && each.digits * 10n ** BigInt(places - each.places),
    );
    const sum = value! + added!;
    if ((lowest !== null && sum < lowest!) || (highest !== null && sum > highest!)) return null;
    if (type === 'integer') {
      if (sum < WHOLE_MIN || sum > WHOLE_MAX) return null;
      values[name] = Number.isSafeInteger(Number(sum)) ? Number(sum) : sum;
    } else values[name] = decimalText(sum, places);
  }
  return values;
}

function fraction(text: string): { readonly digits: bigint; readonly places: number } {
  const [whole, part = ''] = text.split('.');
  return { digits: BigInt(whole! + part), places: part.length };
}

function decimalText(digits: bigint, places: number): string {
  const sign = digits < 0n ? '-' : '';
  const text = String(digits < 0n ? -digits : digits).padStart(places + 1, '0');
  const part = text.slice(text.length - places).replace(/0+$/, '');
  const whole = text.slice(0, text.length - places);
  return `${digits === 0n ? '' : sign}${whole}${places > 0 && part !== '' ? `.${part}` : ''}`;
}
