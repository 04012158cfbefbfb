/**
 * Row images: an array of a format number and then
 *
 *   1   for a free-form table each column's name and value in turn; for a table with declared columns, which are as at its
 *       creation, their values in declared order
 *   2   the schema version, and the values of the columns of that version, in the order of their places
 *
 * Arrays, since a decoder may rename an object's key. A row is written with the columns of the definition that it was
 * executed with; so an image may be older than the definition that it is read with, never newer.
 */
import { assert } from '../../gcs/base/index.ts';
import type { ColumnPlace, TableDefinition } from './table-definition.ts';
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

const UNALTERED = 1;
const ALTERED = 2;

/** How a table's rows are images. */
export class RowLayout {
  /** Of new images, in their order; null: free-form. */
  readonly columns: readonly string[] | null;
  /** Of new images: the schema version that changed the columns last; 1: they are as at the creation. */
  readonly version: number;
  readonly #places: readonly ColumnPlace[];
  readonly #earlier = new Map<number, readonly (number | { readonly initial: unknown })[]>();

  constructor({ columns, places }: Pick<TableDefinition, 'columns' | 'places'>) {
    this.#places = places;
    this.version = places.reduce((last, { since, until }) => Math.max(last, since, until ?? 1), 1);
    if (columns === null) this.columns = null;
    else if (places.length === 0) this.columns = Object.keys(columns);
    else this.columns = places.flatMap(({ column }) => (column === null ? [] : [column]));
  }

  /** For each of `columns`, where it is in images of an earlier version, or what it is where they do not have it. */
  placesIn(version: number): readonly (number | { readonly initial: unknown })[] {
    let found = this.#earlier.get(version);
    if (found === undefined) {
      const of = this.#places.filter(({ since, until }) => since <= version && (until === null || until > version));
      found = this.#places
        .filter(({ column }) => column !== null)
        .map((place) => (place.since <= version ? of.indexOf(place) : { initial: place.initial ?? null }));
      this.#earlier.set(version, found);
    }
    return found;
  }
}

export function encodeRow(row: Row, { columns, version }: RowLayout, codec: ImageCodec): Uint8Array {
  const image: unknown[] = version === 1 ? [UNALTERED] : [ALTERED, version];
  if (columns === null) for (const name of Object.keys(row)) image.push(name, row[name]);
  else for (let i = 0; i < columns.length; i++) image.push(row[columns[i]!]);
  return codec.encode(image);
}

export function decodeRow(image: Uint8Array, layout: RowLayout, codec: ImageCodec): Row {
  const values = codec.decode(image) as readonly unknown[];
  const format = values[0];
  assert(format === UNALTERED || format === ALTERED, 'a row image is of a known format');
  const { columns } = layout;
  const row: Row = {};
  if (columns === null) {
    for (let i = 1; i < values.length; i += 2) setColumn(row, values[i] as string, values[i + 1]);
    return row;
  }
  const version = format === UNALTERED ? 1 : (values[1] as number);
  // The first value is behind format and version.
  const first = format;
  if (version === layout.version) {
    for (let i = 0; i < columns.length; i++) setColumn(row, columns[i]!, values[first + i]);
    return row;
  }
  assert(version < layout.version, 'a row is read with the definition that it was written with, or a later one');
  const places = layout.placesIn(version);
  for (let i = 0; i < columns.length; i++) {
    const place = places[i]!;
    setColumn(row, columns[i]!, typeof place === 'number' ? values[first + place] : place.initial);
  }
  return row;
}
