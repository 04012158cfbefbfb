/** The last entries of the log, in memory: those that are not durable, and of the others as many as there is room for. */
import type { LogIndex } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';

/** What an entry takes beside its payload: its object, and a view with a buffer of its own (measured, Node 24). */
const ENTRY_BYTES = 320;

export class EntryCache {
  readonly #bytesMax: number;
  /** Entries from `#from` on; those before `#head` are gone. */
  #entries: LogEntry[] = [];
  #head = 0;
  #from: LogIndex;
  #bytes = 0;

  /** `from`: the first index that it will hold. */
  constructor(bytesMax: number, from: LogIndex) {
    this.#bytesMax = bytesMax;
    this.#from = from;
  }

  /** The lowest index that it holds; what it holds goes on to the log's end. */
  get from(): LogIndex {
    return this.#from;
  }

  /** Of memory, about. */
  get bytes(): number {
    return this.#bytes;
  }

  at(index: LogIndex): LogEntry {
    return this.#entries[this.#head + index - this.#from]!;
  }

  push(entry: LogEntry): void {
    this.#entries.push(entry);
    this.#bytes += bytesOf(entry);
  }

  dropFrom(index: LogIndex): void {
    const keep = Math.max(0, index - this.#from);
    while (this.#entries.length - this.#head > keep) this.#bytes -= bytesOf(this.#entries.pop()!);
    if (index < this.#from) this.#from = index;
  }

  dropBelow(index: LogIndex): void {
    while (this.#from < index && this.#head < this.#entries.length) this.#dropOldest();
    this.#compact();
  }

  /** Gives up what is on disk, oldest first, down to the bound. */
  trim(onDiskUpTo: LogIndex): void {
    while (this.#bytes > this.#bytesMax && this.#from <= onDiskUpTo) this.#dropOldest();
    this.#compact();
  }

  #dropOldest(): void {
    this.#bytes -= bytesOf(this.#entries[this.#head]!);
    this.#head++;
    this.#from++;
  }

  /** Once half of the array is gone, moving the rest costs as much as was given up. */
  #compact(): void {
    if (this.#head > 1024 && this.#head * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }
}

function bytesOf(entry: LogEntry): number {
  return ENTRY_BYTES + entry.payload.length;
}
