/**
 * Row images: an array of a format number and then, for a table with declared columns, their values in declared order;
 * for a free-form table each column's name and value in turn. Arrays, since a decoder may rename an object's key.
 */
import { assert } from '../../gcs/base/index.ts';
import { setColumn } from './values.ts';

/**
 * Turns plain values (null, booleans, numbers, 64-bit bigints, text, Uint8Array, arrays, plain objects) into bytes and
 * back without loss. Equal values, equal bytes is not required.
 */
export interface ImageCodec {
  encode(value: unknown): Uint8Array;
  decode(image: Uint8Array): unknown;
}

/** A row as statements see it: canonical values by column; those of a declared table are all there. */
export type Row = Record<string, unknown>;

const FORMAT = 1;

/** `columns`: the declared ones, or null for a free-form row. */
export function encodeRow(row: Row, columns: readonly string[] | null, codec: ImageCodec): Uint8Array {
  const image: unknown[] = [FORMAT];
  if (columns === null) for (const name of Object.keys(row)) image.push(name, row[name]);
  else for (let i = 0; i < columns.length; i++) image.push(row[columns[i]!]);
  return codec.encode(image);
}

export function decodeRow(image: Uint8Array, columns: readonly string[] | null, codec: ImageCodec): Row {
  const values = codec.decode(image) as readonly unknown[];
  assert(values[0] === FORMAT, 'a row image is of a known format');
  const row: Row = {};
  if (columns === null) for (let i = 1; i < values.length; i += 2) setColumn(row, values[i] as string, values[i + 1]);
  else for (let i = 0; i < columns.length; i++) setColumn(row, columns[i]!, values[i + 1]);
  return row;
}
