/**
 * Gathers rows into batches, each to be one transaction.
 *
 * Rows of one key come out as the file has them, the last one last: within a batch the member keeps their order, and a
 * row whose key is in a batch that is still under way waits until that is done (`collides`), since nothing else orders
 * two transactions at two members.
 */
import type { Position, SourceRow } from './source-row.ts';

export interface BatchRow {
  readonly source: SourceRow;
  readonly row: Readonly<Record<string, unknown>>;
  /** Null: nobody else has it. */
  readonly key: string | null;
}

export interface Batch {
  /** From 0, in the order of the file. */
  readonly number: number;
  readonly rows: readonly BatchRow[];
  /** Behind the last row that was read for it, whatever became of that. */
  readonly end: Position;
  /** Bad rows from the end of the batch before up to `end`. */
  readonly badRows: number;
}

export interface BatchBounds {
  readonly rowsMax: number;
  /** Of a batch of several rows, roughly as they travel. */
  readonly bytesMax: number;
}

export class Batches {
  readonly #bounds: BatchBounds;
  readonly #underWay = new Set<string>();
  #number = 0;
  #rows: BatchRow[] = [];
  #bytes = 0;
  #end: Position;
  #badRows = 0;
  #hasEnd = false;

  constructor(from: Position, bounds: BatchBounds) {
    this.#end = from;
    this.#bounds = bounds;
  }

  /** Whether `key` is among the rows of a batch that is under way: take the batch, and wait for that one. */
  collides(key: string | null): boolean {
    return key !== null && this.#underWay.has(key);
  }

  /** Adds a row. `bytes`: about its size. Call `take` when `isFull` says so. */
  add(row: BatchRow, bytes: number): void {
    this.#rows.push(row);
    this.#bytes += bytes;
    this.#read(row.source.end);
  }

  /** A row that goes nowhere. */
  pass(source: SourceRow): void {
    this.#badRows++;
    this.#read(source.end);
  }

  get isFull(): boolean {
    return this.#rows.length >= this.#bounds.rowsMax || this.#bytes >= this.#bounds.bytesMax;
  }

  /** Whether a row of `bytes` should rather begin the next batch. */
  isFullWith(bytes: number): boolean {
    return this.#rows.length > 0 && this.#bytes + bytes > this.#bounds.bytesMax;
  }

  /** What was gathered, from now on under way; null: nothing was read. It may be without rows, where all were bad. */
  take(): Batch | null {
    if (!this.#hasEnd) return null;
    const batch = { number: this.#number++, rows: this.#rows, end: this.#end, badRows: this.#badRows };
    for (const { key } of batch.rows) if (key !== null) this.#underWay.add(key);
    this.#rows = [];
    this.#bytes = 0;
    this.#badRows = 0;
    this.#hasEnd = false;
    return batch;
  }

  done({ rows }: Batch): void {
    for (const { key } of rows) if (key !== null) this.#underWay.delete(key);
  }

  #read(end: Position): void {
    this.#end = end;
    this.#hasEnd = true;
  }
}
