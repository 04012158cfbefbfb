/**
 * Row keys: memory-comparable, so that whoever compares two keys byte by byte (the certifier, the version store, a lane)
 * orders rows as `compareValues` orders their key columns. A key is its table's id and then one self-delimiting code a
 * column; hence the code of the first columns is a byte prefix of every key that begins with them, and of no other.
 *
 *   table      4 bytes big-endian; from 2^32 - 1 on, those are all ones and 6 bytes follow
 *   null       05
 *   boolean    10 or 11
 *   number     20, the double nearest to it with its bits made ordered, and, from 2^53 on, where several integers share
 *              that double, 2 bytes of what is missing to the exact value: integers and doubles in one order
 *   decimal    28, sign, exponent, digits in pairs plus one, 00; all but the sign complemented where negative
 *   text       30, UTF-8 with 00 as 00 FF, then 00 01
 *   timestamp  38, its milliseconds as the bits of a double
 *   bytes      40, with 00 as 00 FF, then 00 01
 *
 * No code begins with FF: a prefix followed by FF is above every key that begins with it, and below all that follow.
 * Table 0 is the system's own: a name as text for a table's definition, 50 and a number for a table's catalog item, 58 and a
 * name as text for a variable of the group, 59 and a text for an idempotency key, 5A and a time (6 bytes, ms) with that text
 * for when it expires.
 *
 * Behind its rows a table has what belongs to them; hence clearing a table's range clears that, too:
 *
 *   index entry  60, index id (2 bytes), the index's columns, and, unless it is unique and none of them is null, the primary key
 *   existence    68, index id (0: the primary key), its columns: that a row has this key, as foreign keys refer to it; no row
 *
 * Sources: the tuple layer of FoundationDB and the order-preserving encodings of CockroachDB, for the idea.
 */

import type { KeyRange } from '../../applier/types.ts';
import type { RowKey } from '../../certifier/types.ts';
import {
  assert,
  binaryStringOf,
  bytesOfBinaryString,
  formatIsoTime,
  parseIsoTime,
  utf8Decode,
  utf8Encode,
} from '../../gcs/base/index.ts';
import { type DecimalParts, decimalOf, decimalParts } from './decimal.ts';
import type { ColumnType } from './table-definition.ts';

/** Type of a key's column; null: a free-form table declares none. */
export type KeyType = Exclude<ColumnType, 'json'> | null;

const NULL = '\x05';
const FALSE = '\x10';
const TRUE = '\x11';
const NUMBER = 0x20;
const DECIMAL = '\x28';
const TEXT = '\x30';
const TIMESTAMP = 0x38;
const BYTES = '\x40';
const CATALOG_ITEM = '\x50';
const VARIABLE = '\x58';
const IDEMPOTENCY_KEY = '\x59';
const KEY_EXPIRY = '\x5a';
/** Above all codes of columns. */
const ENTRY = '\x60';
const EXISTENCE = '\x68';
const END = '\x00\x01';
const ABOVE = '\xff';

const INDEX_ID_LENGTH = 2;
const EXPIRY_LENGTH = 6;
const WIDE_TABLE_ID = 0xffff_ffff;
const EXACT_MAX = 2 ** 53;

const scratch = new DataView(new ArrayBuffer(8));

/** The bytes that every key of a table begins with. */
export function tablePrefix(tableId: number): string {
  assert(Number.isSafeInteger(tableId) && tableId >= 0 && tableId < 2 ** 48, 'table id in range');
  if (tableId < WIDE_TABLE_ID) return bigEndian(tableId, 4);
  return ABOVE.repeat(4) + bigEndian(tableId, 6);
}

/** All that belongs to a table: rows, index entries, existence items. */
export function tableRange(tableId: number): KeyRange {
  const prefix = tablePrefix(tableId);
  return { from: prefix, to: prefix + ABOVE };
}

/** All rows of a table, and nothing else. */
export function rowRange(tableId: number): KeyRange {
  const prefix = tablePrefix(tableId);
  return { from: prefix, to: prefix + ENTRY };
}

/** The bytes that every entry of an index begins with. `prefix`: of its table. */
export function entryPrefix(prefix: string, indexId: number): string {
  return prefix + ENTRY + indexCode(indexId);
}

/** All entries of one index of a table. */
export function indexRange(tableId: number, indexId: number): KeyRange {
  const from = entryPrefix(tablePrefix(tableId), indexId);
  return { from, to: from + ABOVE };
}

/** The bytes that every existence item of a key begins with. `prefix`: of its table; `indexId`: 0 is the primary key. */
export function existencePrefix(prefix: string, indexId: number): string {
  return prefix + EXISTENCE + indexCode(indexId);
}

/** What the keys of one table's rows, or those of one index, have in common, and no others. */
export function spaceOf(key: RowKey): string {
  const length = tableIdLength(key);
  return isBesideRows(key) ? key.slice(0, length + 1 + INDEX_ID_LENGTH) : key.slice(0, length);
}

/** Whether it is of an index, or an existence item, and not of a row. */
export function isBesideRows(key: RowKey): boolean {
  return key[tableIdLength(key)]! >= ENTRY;
}

/** Key of `values`, canonical and in key order, or of the rows that begin with them. `types[i]` is that of `values[i]`. */
export function encodeKey(prefix: string, values: readonly unknown[], types: readonly KeyType[]): RowKey {
  if (values.length === 1) return encodeOneColumnKey(prefix, values[0], types[0]!);
  let key = prefix;
  for (let i = 0; i < values.length; i++) key = encodeOneColumnKey(key, values[i], types[i]!);
  return key;
}

/** The bounds of a scan: canonical values of all key columns or of the first of them. At most one of `gte` and `gt`, of `lte` and `lt`. */
export interface KeyBounds {
  readonly gte?: readonly unknown[];
  readonly gt?: readonly unknown[];
  readonly lte?: readonly unknown[];
  readonly lt?: readonly unknown[];
}

/**
 * Of rows, where `prefix` is a table's, or of entries, where it is an index's. The first columns equal every key that
 * begins with them: `gt` excludes them all, `lte` includes them all. Empty where the bounds cross.
 */
export function rangeOf(prefix: string, bounds: KeyBounds, types: readonly KeyType[]): KeyRange {
  let from = prefix;
  let to = prefix + ENTRY;
  if (bounds.gte !== undefined) from = encodeKey(prefix, bounds.gte, types);
  else if (bounds.gt !== undefined) from = encodeKey(prefix, bounds.gt, types) + ABOVE;
  if (bounds.lte !== undefined) to = encodeKey(prefix, bounds.lte, types) + ABOVE;
  else if (bounds.lt !== undefined) to = encodeKey(prefix, bounds.lt, types);
  return from < to ? { from, to } : { from, to: from };
}

export const CATALOG_TABLE_ID = 0;
const CATALOG_PREFIX = '\x00\x00\x00\x00';

/** Where the definition of the table of that name is stored. */
export function catalogKey(name: string): RowKey {
  return encodeOneColumnKey(CATALOG_PREFIX, name, 'text');
}

/** All definitions. */
export const CATALOG_RANGE: KeyRange = { from: CATALOG_PREFIX + TEXT, to: CATALOG_PREFIX + TEXT + ABOVE };

/** What a transaction checks of every table that it touched, and a drop or truncation writes (H17). No row has this key. */
export function catalogItemKey(tableId: number): RowKey {
  return CATALOG_PREFIX + CATALOG_ITEM + numberCode(tableId);
}

/** Where the value of a variable of the group is stored. */
export function variableKey(name: string): RowKey {
  return encodeOneColumnKey(CATALOG_PREFIX + VARIABLE, name, 'text');
}

/** All idempotency keys. */
export const IDEMPOTENCY_KEYS: KeyRange = {
  from: CATALOG_PREFIX + IDEMPOTENCY_KEY,
  to: CATALOG_PREFIX + IDEMPOTENCY_KEY + ABOVE,
};

/** Where what became of the transaction with that idempotency key is kept. */
export function idempotencyKeyRow(key: string): RowKey {
  return `${IDEMPOTENCY_KEYS.from}${textCode(key)}${END}`;
}

/** When idempotency keys expire, the earliest first: up to that time, included. @param sinceMs, untilMs ms since the epoch */
export function keyExpiries(sinceMs: number, untilMs: number): KeyRange {
  const prefix = CATALOG_PREFIX + KEY_EXPIRY;
  return { from: prefix + bigEndian(sinceMs, EXPIRY_LENGTH), to: prefix + bigEndian(untilMs + 1, EXPIRY_LENGTH) };
}

/** `keyRow`: from `idempotencyKeyRow`. */
export function keyExpiryRow(keyRow: RowKey, expiresAtMs: number): RowKey {
  return keyExpiries(expiresAtMs, expiresAtMs).from + keyRow.slice(IDEMPOTENCY_KEYS.from.length);
}

/** What `keyExpiryRow` was given. */
export function keyExpiryOf(row: RowKey): { readonly keyRow: RowKey; readonly expiresAtMs: number } {
  const at = CATALOG_PREFIX.length + KEY_EXPIRY.length;
  const keyRow = IDEMPOTENCY_KEYS.from + row.slice(at + EXPIRY_LENGTH);
  return { keyRow, expiresAtMs: numberOf(row, at, EXPIRY_LENGTH) };
}

/** What a key stands for. */
export type DecodedKey =
  | { readonly kind: 'row'; readonly tableId: number; readonly values: readonly unknown[] }
  /** `values`: of the index's columns, and of the primary key where the entry has it. */
  | {
      readonly kind: 'entry' | 'existence';
      readonly tableId: number;
      readonly indexId: number;
      readonly values: readonly unknown[];
    }
  | { readonly kind: 'definition'; readonly name: string }
  | { readonly kind: 'catalog-item'; readonly tableId: number }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'malformed' };

/** Table id of a key made here. */
export function tableIdOf(key: RowKey): number {
  const short = numberOf(key, 0, 4);
  return short === WIDE_TABLE_ID ? numberOf(key, 4, 6) : short;
}

/**
 * The values that `encodeKey` was given. `types` where the table declares them: without, a whole number beyond 2^53 that
 * is also a double comes back as a number.
 */
export function decodeKey(key: RowKey, types: readonly KeyType[] | null): DecodedKey {
  const tableId = tableIdOf(key);
  let at = tableIdLength(key);
  if (key.length <= at) return { kind: 'malformed' };
  const space = key[at]!;
  const isCatalogItem = tableId === CATALOG_TABLE_ID && space === CATALOG_ITEM;
  const isVariable = tableId === CATALOG_TABLE_ID && space === VARIABLE;
  const isBeside = tableId !== CATALOG_TABLE_ID && (space === ENTRY || space === EXISTENCE);
  if (isCatalogItem || isVariable) at++;
  else if (isBeside) at += 1 + INDEX_ID_LENGTH;
  const values: unknown[] = [];
  while (at < key.length) {
    const column = decodeColumn(key, at, types?.[values.length] ?? null);
    if (column === null) return { kind: 'malformed' };
    values.push(column.value);
    at = column.next;
  }
  if (isCatalogItem) {
    const item = values[0];
    return typeof item === 'number' ? { kind: 'catalog-item', tableId: item } : { kind: 'malformed' };
  }
  if (isBeside) {
    if (values.length === 0) return { kind: 'malformed' };
    const indexId = numberOf(key, tableIdLength(key) + 1, INDEX_ID_LENGTH);
    return { kind: space === ENTRY ? 'entry' : 'existence', tableId, indexId, values };
  }
  if (tableId !== CATALOG_TABLE_ID) return { kind: 'row', tableId, values };
  if (typeof values[0] !== 'string') return { kind: 'malformed' };
  return { kind: isVariable ? 'variable' : 'definition', name: values[0] };
}

/** Where the code of the first `count` columns ends that begin at `at`. */
export function endOfColumns(key: RowKey, at: number, count: number): number {
  let end = at;
  for (let i = 0; i < count; i++) end = endOfColumn(key, end);
  return end;
}

/** How clients see a primary key: a scalar if it has one column, else an array. */
export function shownKey(values: readonly unknown[]): unknown {
  return values.length === 1 ? values[0] : values;
}

function encodeOneColumnKey(prefix: string, value: unknown, type: KeyType): string {
  switch (typeof value) {
    case 'number':
    case 'bigint':
      return prefix + numberCode(value);
    case 'string':
      if (type === 'decimal') return prefix + DECIMAL + decimalCode(value);
      if (type === 'timestamp') return prefix + doubleCode(TIMESTAMP, parseIsoTime(value)!);
      return `${prefix}${TEXT}${textCode(value)}${END}`;
    case 'boolean':
      return prefix + (value ? TRUE : FALSE);
    default:
      if (value === null) return prefix + NULL;
      assert(value instanceof Uint8Array, 'a key column holds a scalar');
      return `${prefix}${BYTES}${escaped(binaryStringOf(value))}${END}`;
  }
}

function numberCode(value: number | bigint): string {
  if (typeof value === 'number') {
    const code = doubleCode(NUMBER, value);
    return Math.abs(value) < EXACT_MAX ? code : code + bigEndian(0x8000, 2);
  }
  const nearest = Number(value);
  const code = doubleCode(NUMBER, nearest);
  return Math.abs(nearest) < EXACT_MAX ? code : code + bigEndian(Number(value - BigInt(nearest)) + 0x8000, 2);
}

/** Bits of a double in an order of bytes: the sign bit flipped, and all of them where it was set. */
function doubleCode(tag: number, value: number): string {
  scratch.setFloat64(0, value);
  let high = scratch.getUint32(0);
  let low = scratch.getUint32(4);
  if (high >= 0x8000_0000) {
    high = ~high;
    low = ~low;
  } else high ^= 0x8000_0000;
  return String.fromCharCode(
    tag,
    (high >>> 24) & 0xff,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    (low >>> 24) & 0xff,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  );
}

function textCode(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0 || unit > 0x7f) return escaped(binaryStringOf(utf8Encode(text)));
  }
  return text;
}

function escaped(text: string): string {
  return text.includes('\x00') ? text.replaceAll('\x00', '\x00\xff') : text;
}

function decimalCode(canonical: string): string {
  const { sign, digits, exponent } = decimalParts(canonical);
  if (sign === 0) return '\x01';
  let magnitude = bigEndian(exponent + 0x8000, 2);
  for (let i = 0; i < digits.length; i += 2) {
    magnitude += String.fromCharCode(Number(digits.slice(i, i + 2).padEnd(2, '0')) + 1);
  }
  magnitude += '\x00';
  return sign > 0 ? `\x02${magnitude}` : `\x00${complemented(magnitude)}`;
}

function complemented(text: string): string {
  let result = '';
  for (let i = 0; i < text.length; i++) result += String.fromCharCode(0xff - text.charCodeAt(i));
  return result;
}

/** Of a key made here. */
function endOfColumn(key: RowKey, at: number): number {
  switch (key[at]) {
    case DECIMAL: {
      const signByte = key.charCodeAt(at + 1);
      if (signByte === 1) return at + 2;
      return key.indexOf(signByte === 2 ? '\x00' : '\xff', at + 4) + 1;
    }
    case TEXT:
    case BYTES: {
      let zero = key.indexOf('\x00', at + 1);
      while (key[zero + 1] !== '\x01') zero = key.indexOf('\x00', zero + 2);
      return zero + 2;
    }
    case String.fromCharCode(TIMESTAMP):
      return at + 9;
    case String.fromCharCode(NUMBER):
      return Math.abs(decodeDouble(key, at + 1)) < EXACT_MAX ? at + 9 : at + 11;
    default:
      return at + 1;
  }
}

interface DecodedColumn {
  readonly value: unknown;
  readonly next: number;
}

function decodeColumn(key: string, at: number, type: KeyType): DecodedColumn | null {
  const tag = key[at]!;
  const start = at + 1;
  switch (tag) {
    case NULL:
      return { value: null, next: start };
    case FALSE:
    case TRUE:
      return { value: tag === TRUE, next: start };
    case DECIMAL:
      return decodeDecimal(key, start);
    case TEXT:
    case BYTES: {
      const raw = unescaped(key, start);
      if (raw === null) return null;
      const bytes = bytesOfBinaryString(raw.text);
      const value = tag === TEXT ? utf8Decode(bytes) : bytes;
      return value === null ? null : { value, next: raw.next };
    }
    case String.fromCharCode(TIMESTAMP):
      if (key.length < start + 8) return null;
      return { value: formatIsoTime(decodeDouble(key, start)), next: start + 8 };
    case String.fromCharCode(NUMBER):
      return decodeNumber(key, start, type);
    default:
      return null;
  }
}

function decodeNumber(key: string, at: number, type: KeyType): DecodedColumn | null {
  if (key.length < at + 8) return null;
  const value = decodeDouble(key, at);
  if (Math.abs(value) < EXACT_MAX) return { value, next: at + 8 };
  if (key.length < at + 10) return null;
  const missing = numberOf(key, at + 8, 2) - 0x8000;
  const isInteger = type === 'integer' || missing !== 0;
  return { value: isInteger ? BigInt(value) + BigInt(missing) : value, next: at + 10 };
}

function decodeDouble(key: string, at: number): number {
  let high = numberOf(key, at, 4);
  let low = numberOf(key, at + 4, 4);
  if (high >= 0x8000_0000) high ^= 0x8000_0000;
  else {
    high = ~high;
    low = ~low;
  }
  scratch.setUint32(0, high);
  scratch.setUint32(4, low);
  return scratch.getFloat64(0);
}

function decodeDecimal(key: string, at: number): DecodedColumn | null {
  const signByte = key.charCodeAt(at);
  if (signByte === 1) return { value: '0', next: at + 1 };
  const sign: DecimalParts['sign'] = signByte === 2 ? 1 : -1;
  let end = at + 3;
  const terminator = sign > 0 ? '\x00' : '\xff';
  while (end < key.length && key[end] !== terminator) end++;
  if (end >= key.length) return null;
  const magnitude = sign > 0 ? key.slice(at + 1, end) : complemented(key.slice(at + 1, end));
  let digits = '';
  for (let i = 2; i < magnitude.length; i++) digits += String(magnitude.charCodeAt(i) - 1).padStart(2, '0');
  if (digits.endsWith('0')) digits = digits.slice(0, -1);
  return { value: decimalOf({ sign, digits, exponent: numberOf(magnitude, 0, 2) - 0x8000 }), next: end + 1 };
}

function unescaped(key: string, from: number): { text: string; next: number } | null {
  let text = '';
  let at = from;
  for (;;) {
    const zero = key.indexOf('\x00', at);
    if (zero < 0) return null;
    text += key.slice(at, zero);
    if (key[zero + 1] === '\x01') return { text, next: zero + 2 };
    text += '\x00';
    at = zero + 2;
  }
}

function tableIdLength(key: RowKey): number {
  return key.charCodeAt(0) === 0xff && numberOf(key, 0, 4) === WIDE_TABLE_ID ? 10 : 4;
}

function indexCode(indexId: number): string {
  assert(Number.isInteger(indexId) && indexId >= 0 && indexId < 2 ** 16, 'index id in range');
  return bigEndian(indexId, INDEX_ID_LENGTH);
}

function bigEndian(value: number, length: number): string {
  let text = '';
  for (let scale = 256 ** (length - 1); scale >= 1; scale /= 256) {
    text += String.fromCharCode(Math.floor(value / scale) % 256);
  }
  return text;
}

function numberOf(text: string, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value = value * 256 + text.charCodeAt(at + i);
  return value;
}
