/**
 * The segments that a log is made of, each with what the entries before it leave behind, so that the log can begin there;
 * and the files of those that it was made of.
 */
import type { LogIndex } from '../../base/index.ts';
import type { LogBase } from '../types.ts';
import type { EntryTable } from './entry-table.ts';
import { LogSummary } from './log-summary.ts';
import type { ScannedLog } from './scan.ts';

/** A segment that is part of the log. */
interface Part {
  readonly number: number;
  /** As far as it is written. */
  bytes: number;
  /** As of where it begins, if the log can begin there. */
  summary: LogSummary | null;
}

export class LogParts {
  /** Ascending, the one being written last. */
  #parts: Part[];
  /** Between the base and the parts' summaries. */
  #baseSummary: LogSummary;
  /** Files that are no part of the log; removed when a block behind `#removableBehind` is durable. */
  #removable: number[];
  #removableBehind: number;

  /** Of a log that was read, each with what came before it, as far as that can be told. */
  constructor({ base, table, segments, tail, stale, lastBlock }: ScannedLog) {
    this.#baseSummary = new LogSummary(base.index, base.lastMessages);
    this.#removable = [...stale];
    this.#removableBehind = lastBlock;
    this.#parts = [];
    const readableUpTo = (table.holes()[0]?.from ?? Infinity) - 1;
    let summary = this.#baseSummary;
    for (const { number, bytes, checkpointAt } of segments) {
      const part: Part = { number, bytes: number === tail?.segment ? tail.offset : bytes, summary: null };
      this.#parts.push(part);
      if (checkpointAt === null || checkpointAt < base.index || checkpointAt > readableUpTo) continue;
      if (checkpointAt < summary.index) continue;
      summary = summary.copy().advance(table, checkpointAt);
      part.summary = summary;
    }
  }

  get count(): number {
    return this.#parts.length;
  }

  /** Of all parts. */
  get bytes(): number {
    let bytes = 0;
    for (const part of this.#parts) bytes += part.bytes;
    return bytes;
  }

  /** `index`: from the base to the end of the log, whose entries are in `table`. Cost: O(entries of a segment). */
  summaryAt(index: LogIndex, table: EntryTable): LogSummary {
    const near = this.#parts.findLast((part) => part.summary !== null && part.summary.index <= index)?.summary;
    const from = near !== undefined && near !== null && near.index > this.#baseSummary.index ? near : this.#baseSummary;
    return from.copy().advance(table, index);
  }

  /** The lowest index from which on there are about `bytes`, in steps of parts; `firstIndex` if there are no more in all. */
  indexWithin(bytes: number, { firstIndex, lastIndex }: { firstIndex: LogIndex; lastIndex: LogIndex }): LogIndex {
    let index = lastIndex + 1;
    let bytesFrom = 0;
    for (const part of this.#parts.toReversed()) {
      bytesFrom += part.bytes;
      if (bytesFrom > bytes && index <= lastIndex) return Math.max(index, firstIndex);
      if (part.summary !== null) index = part.summary.index + 1;
    }
    return bytesFrom > bytes ? Math.max(index, firstIndex) : firstIndex;
  }

  /** The last part that a log can begin with whose base is `index`. Undefined: there is none. */
  firstBehind(index: LogIndex): number | undefined {
    return this.#parts.findLast((part) => part.summary !== null && part.summary.index <= index)?.number;
  }

  /** Another part is written from now on. `summary`: of what comes before it; null if that cannot be told. */
  begin(number: number, summary: LogSummary | null): void {
    this.#parts.push({ number, bytes: 0, summary });
  }

  /** The last part is written up to there. */
  writtenUpTo(bytes: number): void {
    this.#parts.at(-1)!.bytes = bytes;
  }

  /** The entries from `index` on are cut. */
  cut(index: LogIndex): void {
    for (const part of this.#parts) if (part.summary !== null && part.summary.index >= index) part.summary = null;
  }

  /** The log begins behind `base`, with part `first`; `toldBy`: number of the block that says so first. */
  truncate(base: LogBase, { first, toldBy }: { readonly first: number; readonly toldBy: number }): void {
    this.#baseSummary = new LogSummary(base.index, base.lastMessages);
    for (const { number } of this.#parts) if (number < first) this.#removable.push(number);
    this.#parts = this.#parts.filter(({ number }) => number >= first);
    this.#removableBehind = toldBy;
  }

  /** As `truncate`; nothing of the log before is left, and part `first` begins at `base`. */
  beginAnew(base: LogBase, { first, toldBy }: { readonly first: number; readonly toldBy: number }): void {
    this.truncate(base, { first, toldBy });
    this.#parts[0]!.summary = this.#baseSummary;
  }

  /** Segments whose files can go, each once: the blocks up to `lastBlock` are durable. */
  takeRemovable(lastBlock: number): readonly number[] {
    return lastBlock > this.#removableBehind ? this.#removable.splice(0) : [];
  }
}
