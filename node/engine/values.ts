/**
 * The values of columns: which are allowed, their one canonical form, and their order. Nothing is coerced: a value of
 * another type is refused. Canonical: a whole number is a number where it is safe, else a bigint within 64 bits; -0 is
 * 0; a decimal and a timestamp are their shortest and full text; rows hold canonical values only.
 */
import { formatIsoTime, parseIsoTime } from '../../gcs/base/index.ts';
import { canonicalDecimal, compareDecimals } from './decimal.ts';
import type { ColumnType } from './table-definition.ts';

/** Nesting of a JSON value: what a recursive reader of it can take. */
export const JSON_DEPTH_MAX = 64;

export const INTEGER_MIN = -(2n ** 63n);
export const INTEGER_MAX = 2n ** 63n - 1n;

/** The canonical form of `value` (not null) for a column of `type` (null: a free-form column), or undefined if it is none. */
export function canonicalValue(value: unknown, type: ColumnType | null): unknown {
  switch (type) {
    case 'integer':
      return canonicalInteger(value);
    case 'double':
      return typeof value === 'number' && Number.isFinite(value) ? value + 0 : undefined;
    case 'text':
      return typeof value === 'string' && value.isWellFormed() ? value : undefined;
    case 'boolean':
      return typeof value === 'boolean' ? value : undefined;
    case 'bytes':
      return value instanceof Uint8Array ? value : undefined;
    case 'decimal':
      return typeof value === 'string' ? (canonicalDecimal(value) ?? undefined) : undefined;
    case 'timestamp': {
      const ms = typeof value === 'string' ? parseIsoTime(value) : null;
      return ms === null ? undefined : formatIsoTime(ms);
    }
    case 'json':
      return canonicalJson(value, { scalarsOfJsonOnly: true }, 0);
    case null:
      return canonicalJson(value, { scalarsOfJsonOnly: false }, 0);
  }
}

/** What a refused value is, in a word, for the error's `got`. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value.isWellFormed() ? 'text' : 'text with a lone surrogate';
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) return String(value);
    if (!Number.isInteger(value)) return 'a fraction';
    return Number.isSafeInteger(value) ? 'a whole number' : 'a number beyond 2^53';
  }
  if (typeof value === 'bigint') return 'a 64-bit integer';
  if (typeof value === 'boolean') return 'boolean';
  if (value instanceof Uint8Array) return 'bytes';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'object' ? 'object' : typeof value;
}

/**
 * The order of canonical values: null, boolean, number, text, bytes, JSON arrays and objects; total over all of them.
 * `type` matters for `decimal` alone. Equal exactly where the result is 0.
 */
export function compareValues(left: unknown, right: unknown, type: ColumnType | null): number {
  if (typeof left === 'number' && typeof right === 'number') return left < right ? -1 : left > right ? 1 : 0;
  const rank = rankOf(left);
  const difference = rank - rankOf(right);
  if (difference !== 0) return difference;
  switch (rank) {
    case NULL_RANK:
      return 0;
    case TEXT_RANK:
      return type === 'decimal'
        ? compareDecimals(left as string, right as string)
        : compareText(left as string, right as string);
    case BYTES_RANK:
      return compareBytes(left as Uint8Array, right as Uint8Array);
    case JSON_RANK:
      return compareText(orderedJson(left), orderedJson(right));
    default:
      return (left as number) < (right as number) ? -1 : (left as number) > (right as number) ? 1 : 0;
  }
}

/** Code point order, which is the order of the UTF-8 bytes; UTF-16 units differ from it above the surrogates. */
export function compareText(left: string, right: string): number {
  const shorter = Math.min(left.length, right.length);
  for (let i = 0; i < shorter; i++) {
    const a = left.charCodeAt(i);
    const b = right.charCodeAt(i);
    if (a !== b) return aboveSurrogates(a) - aboveSurrogates(b);
  }
  return left.length - right.length;
}

/** Sets a column of a row; safe for the one name that assignment treats in its own way. */
export function setColumn(row: Record<string, unknown>, column: string, value: unknown): void {
  if (column === '__proto__') {
    Object.defineProperty(row, column, { value, enumerable: true, writable: true, configurable: true });
  } else row[column] = value;
}

/** An object as a decoder makes it: no Date, Map or other class. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

const NULL_RANK = 0;
const BOOLEAN_RANK = 1;
const NUMBER_RANK = 2;
const TEXT_RANK = 3;
const BYTES_RANK = 4;
const JSON_RANK = 5;

function rankOf(value: unknown): number {
  if (value === null || value === undefined) return NULL_RANK;
  switch (typeof value) {
    case 'boolean':
      return BOOLEAN_RANK;
    case 'number':
    case 'bigint':
      return NUMBER_RANK;
    case 'string':
      return TEXT_RANK;
    default:
      return value instanceof Uint8Array ? BYTES_RANK : JSON_RANK;
  }
}

function aboveSurrogates(unit: number): number {
  return unit >= 0xe000 ? unit - 0x800 : unit >= 0xd800 ? unit + 0x2000 : unit;
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const shorter = Math.min(left.length, right.length);
  for (let i = 0; i < shorter; i++) {
    if (left[i] !== right[i]) return left[i]! - right[i]!;
  }
  return left.length - right.length;
}

function canonicalInteger(value: unknown): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value + 0 : undefined;
  if (typeof value === 'bigint') return canonicalBigint(value);
  if (typeof value !== 'string' || !/^-?[1-9]\d{15,18}$/.test(value)) return undefined;
  // JSON has no other way to carry it; within the safe range a string is a string.
  const integer = canonicalBigint(BigInt(value));
  return typeof integer === 'bigint' ? integer : undefined;
}

function canonicalBigint(value: bigint): unknown {
  if (value < INTEGER_MIN || value > INTEGER_MAX) return undefined;
  const asNumber = Number(value);
  return Number.isSafeInteger(asNumber) ? asNumber : value;
}

function canonicalJson(value: unknown, options: { scalarsOfJsonOnly: boolean }, depth: number): unknown {
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? value : undefined;
    case 'number':
      return Number.isFinite(value) ? value + 0 : undefined;
    case 'boolean':
      return value;
    case 'bigint':
      return options.scalarsOfJsonOnly ? undefined : canonicalBigint(value);
    case 'object':
      break;
    default:
      return undefined;
  }
  if (value === null) return depth === 0 ? undefined : null;
  if (value instanceof Uint8Array) return options.scalarsOfJsonOnly ? undefined : value;
  if (depth >= JSON_DEPTH_MAX) return undefined;
  if (Array.isArray(value)) {
    const items: unknown[] = [];
    for (const item of value) {
      const canonical = canonicalJson(item, options, depth + 1);
      if (canonical === undefined) return undefined;
      items.push(canonical);
    }
    return items;
  }
  if (!isPlainObject(value)) return undefined;
  const members: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    // Decoders of row images rename this key; refusing it is better than changing it.
    if (name === '__proto__' || !name.isWellFormed()) return undefined;
    const canonical = canonicalJson(value[name], options, depth + 1);
    if (canonical === undefined) return undefined;
    members[name] = canonical;
  }
  return members;
}

/** Equal values, equal text: members sorted by name, each scalar marked by its kind. */
function orderedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(orderedJson).join(',')}]`;
  if (value instanceof Uint8Array) return `b${value.join('.')}`;
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(members).sort(compareText);
  return `{${names.map((name) => `${JSON.stringify(name)}:${orderedJson(members[name])}`).join(',')}}`;
}
