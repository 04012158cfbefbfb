/** Entries of the log as a stream of bytes, cut anywhere: each with its index and its length before it. */
import { assert, ByteReader, ByteWriter, type LogIndex } from '../../base/index.ts';
import { decodeEntry, ENTRY_HEADER_BYTES_MAX, encodeEntry } from '../consensus/entry-codec.ts';
import type { LogEntry, LogReader } from '../types.ts';
import type { StateSource } from './contract.ts';

/** No entry is longer: a payload is a fragment or the text of a view. Bounds what a peer can make us hold. */
const ENTRY_BYTES_MAX = 256 * 1024 * 1024;
const HEAD_BYTES = 10;

/** Entries `from` to `upTo` of `log`, which keeps them meanwhile. */
export class EntrySource implements StateSource {
  readonly #log: Pick<LogReader, 'entries'>;
  readonly #upTo: LogIndex;
  #nextIndex: LogIndex;
  #ready: Uint8Array = new Uint8Array();

  constructor(log: Pick<LogReader, 'entries'>, range: { readonly from: LogIndex; readonly upTo: LogIndex }) {
    this.#log = log;
    this.#nextIndex = range.from;
    this.#upTo = range.upTo;
  }

  next(bytesMax: number): Uint8Array | null {
    if (this.#ready.length === 0) {
      if (this.#nextIndex > this.#upTo) return null;
      const entries = this.#log.entries(this.#nextIndex, this.#upTo, bytesMax);
      this.#ready = encodeEntries(entries);
      this.#nextIndex += entries.length;
    }
    const chunk = this.#ready.slice(0, bytesMax);
    this.#ready = this.#ready.subarray(chunk.length);
    return chunk;
  }

  close(): void {
    this.#nextIndex = this.#upTo + 1;
    this.#ready = new Uint8Array();
  }
}

function encodeEntries(entries: readonly LogEntry[]): Uint8Array {
  const writer = new ByteWriter();
  for (const entry of entries) {
    const one = new ByteWriter(entry.payload.length + ENTRY_HEADER_BYTES_MAX);
    encodeEntry(one, entry);
    writer.u32(one.length);
    writer.u48(entry.index);
    writer.raw(one.view());
  }
  return writer.finish();
}

/** Takes the stream in pieces. */
export class EntryStream {
  #held: Uint8Array = new Uint8Array();
  #nextIndex: LogIndex;

  /** `from`: the index of the first entry of the stream. */
  constructor(from: LogIndex) {
    this.#nextIndex = from;
  }

  /** Nothing of an entry is left over. */
  get isAtBoundary(): boolean {
    return this.#held.length === 0;
  }

  /** What is complete with these bytes. Null: this is no such stream. Payloads are views of what was held. */
  take(bytes: Uint8Array): readonly LogEntry[] | null {
    const all = new Uint8Array(this.#held.length + bytes.length);
    all.set(this.#held);
    all.set(bytes, this.#held.length);
    const entries: LogEntry[] = [];
    let at = 0;
    while (all.length - at >= HEAD_BYTES) {
      const head = new ByteReader(all.subarray(at, at + HEAD_BYTES));
      const length = head.u32();
      const index = head.u48();
      if (length > ENTRY_BYTES_MAX || index !== this.#nextIndex) return null;
      if (all.length - at < HEAD_BYTES + length) break;
      const reader = new ByteReader(all.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length));
      const entry = decodeEntry(reader, index);
      if (typeof entry === 'string' || !reader.finished) return null;
      entries.push(entry);
      this.#nextIndex++;
      at += HEAD_BYTES + length;
    }
    this.#held = all.slice(at);
    assert(this.#held.length <= ENTRY_BYTES_MAX + bytes.length + HEAD_BYTES, 'what is held is bounded');
    return entries;
  }
}
