/**
 * Increments: changes of a column's value that commute with each other (H8). Several of one column come to one, which
 * adds them up and has the narrower of their bounds; what it makes of a value is judged where the value is known (H9).
 *
 * Whole numbers are exact and stay within 64 bits, decimals are exact, doubles add as doubles do. A free-form column has
 * whatever number it has: whole ones add as whole ones, and as doubles where one of the two is none.
 */
import { assert } from '../../gcs/base/index.ts';
import { addDecimals, compareDecimals } from './decimal.ts';
import type { ImageCodec, Row } from './image-codec.ts';
import type { ColumnType } from './table-definition.ts';
import { compareValues, INTEGER_MAX, INTEGER_MIN, setColumn } from './values.ts';

/** What is added to one column of a row. All values are canonical for the column. */
export interface ColumnIncrement {
  readonly column: string;
  readonly by: unknown;
  /** Of the value afterwards, included; null: none. */
  readonly min: unknown;
  readonly max: unknown;
}

/** Types of columns that have increments; null: a free-form column. */
export type NumberType = Extract<ColumnType, 'integer' | 'double' | 'decimal'> | null;

export type IncrementProblem =
  | 'below-min'
  | 'above-max'
  /** The column's type has no such value. */
  | 'out-of-range'
  /** The column has no number, or none at all. */
  | 'no-number';

/** Why an increment cannot be. */
export interface RefusedIncrement {
  readonly increment: ColumnIncrement;
  readonly problem: IncrementProblem;
  /** What the column has without it. */
  readonly value: unknown;
}

export function isIncrementable(type: ColumnType | null): type is NumberType {
  return type === null || type === 'integer' || type === 'double' || type === 'decimal';
}

/** Whether there is something to add to. */
export function isNumber(value: unknown, type: NumberType): boolean {
  if (type === 'decimal') return typeof value === 'string';
  return typeof value === 'number' || typeof value === 'bigint';
}

/** The sum of two canonical values, canonical; undefined: the type has no such value. */
export function sum(one: unknown, other: unknown, type: NumberType): unknown {
  if (type === 'decimal') return addDecimals(one as string, other as string) ?? undefined;
  if (typeof one === 'number' && typeof other === 'number') {
    const added = one + other;
    if (type === 'double' || !isWhole(one) || !isWhole(other)) return Number.isFinite(added) ? added + 0 : undefined;
    if (Number.isSafeInteger(added)) return added + 0;
  }
  if (!isWhole(one) || !isWhole(other)) {
    const added = Number(one) + Number(other);
    return Number.isFinite(added) ? added + 0 : undefined;
  }
  const exact = BigInt(one as number | bigint) + BigInt(other as number | bigint);
  if (exact < INTEGER_MIN || exact > INTEGER_MAX) return undefined;
  const added = Number(exact);
  return Number.isSafeInteger(added) ? added : exact;
}

/** Both, one after the other, as one. Null: together they are more than the type has. */
export function folded(one: ColumnIncrement, other: ColumnIncrement, type: NumberType): ColumnIncrement | null {
  const by = sum(one.by, other.by, type);
  if (by === undefined) return null;
  const min = other.min === null || (one.min !== null && compare(one.min, other.min, type) > 0) ? one.min : other.min;
  const max = other.max === null || (one.max !== null && compare(one.max, other.max, type) < 0) ? one.max : other.max;
  return { column: one.column, by, min, max };
}

/** With `increment` behind `all`, of which each column has one at most. Null: as `folded`. */
export function withIncrement(
  all: readonly ColumnIncrement[] | null,
  increment: ColumnIncrement,
  type: NumberType,
): readonly ColumnIncrement[] | null {
  const at = all?.findIndex(({ column }) => column === increment.column) ?? -1;
  if (all === null || at < 0) return [...(all ?? []), increment];
  const both = folded(all[at]!, increment, type);
  return both === null ? null : all.with(at, both);
}

/** Whether `value` is within the bounds that were asked for. Null: it is. */
export function boundsProblem(
  value: unknown,
  { min, max }: ColumnIncrement,
  type: NumberType,
): IncrementProblem | null {
  if (!isNumber(value, type)) return 'no-number';
  if (min !== null && compare(value, min, type) < 0) return 'below-min';
  return max !== null && compare(value, max, type) > 0 ? 'above-max' : null;
}

/**
 * Adds to the columns of `row`, in place. `isBounded`: bounds are judged, too. Returns what cannot be; the row is then of no
 * use.
 */
export function addTo(
  row: Row,
  increments: readonly ColumnIncrement[],
  typeOf: (column: string) => NumberType,
  isBounded: boolean,
): RefusedIncrement | null {
  for (const increment of increments) {
    const { column, by } = increment;
    const type = typeOf(column);
    const value = Object.hasOwn(row, column) ? row[column] : null;
    if (!isNumber(value, type)) return { increment, problem: 'no-number', value };
    const added = sum(value, by, type);
    const problem = added === undefined ? 'out-of-range' : isBounded ? boundsProblem(added, increment, type) : null;
    if (problem !== null) return { increment, problem, value };
    setColumn(row, column, added);
  }
  return null;
}

/** As a client is told of it; `value`: what the column has without it. */
export function incrementFacts({ increment, problem, value }: RefusedIncrement) {
  const { column, by, min, max } = increment;
  return { column, by, value, ...(min !== null && { min }), ...(max !== null && { max }), problem };
}

export function negated(by: unknown, type: NumberType): unknown {
  if (type !== 'decimal') return typeof by === 'bigint' ? -by : 0 - (by as number);
  const text = by as string;
  return text === '0' ? text : text.startsWith('-') ? text.slice(1) : `-${text}`;
}

const FORMAT = 1;

/** As the item of a write set carries them: a format number, then column, `by`, `min` and `max` of each. */
export function encodeIncrements(increments: readonly ColumnIncrement[], codec: ImageCodec): Uint8Array {
  const image: unknown[] = [FORMAT];
  for (const { column, by, min, max } of increments) image.push(column, by, min, max);
  return codec.encode(image);
}

export function decodeIncrements(image: Uint8Array, codec: ImageCodec): readonly ColumnIncrement[] {
  const values = codec.decode(image) as readonly unknown[];
  assert(values[0] === FORMAT, 'increments are of a known format');
  const increments: ColumnIncrement[] = [];
  for (let i = 1; i < values.length; i += 4) {
    increments.push({ column: values[i] as string, by: values[i + 1], min: values[i + 2], max: values[i + 3] });
  }
  return increments;
}

function isWhole(value: unknown): boolean {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

function compare(one: unknown, other: unknown, type: NumberType): number {
  return type === 'decimal' ? compareDecimals(one as string, other as string) : compareValues(one, other, type);
}
