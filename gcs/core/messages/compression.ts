/** Making payloads smaller. Handed in from outside: zstd in production, something pure where everything has to be. */
import { ByteWriter } from '../../base/index.ts';

export interface Compression {
  /** Null if that does not make it smaller. Equal bytes may give unequal ones at other members, but not other contents. */
  compress(bytes: Uint8Array): Uint8Array | null;
  /** Null if these are no compressed bytes, or if their content has more than `bytesMax`; no more than that is ever held. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array | null;
}

const RUN_MIN = 4;
/** Marks, in a chunk's head, that one byte follows and stands for all of the chunk. */
const IS_RUN = 0x80;
const CHUNK_MAX = 0x7f;

/**
 * Run-length coding: chunks of a head (length, 1 to 127; 128 is added for a run) and either as many bytes, or one that
 * is repeated as often. For simulation and tests: pure, the same everywhere, and short where content is dull.
 */
export const runLengthCompression: Compression = {
  compress(bytes) {
    const writer = new ByteWriter(bytes.length + 16);
    let from = 0;
    for (let at = 0; at < bytes.length; ) {
      const length = runLengthAt(bytes, at);
      if (length < RUN_MIN) {
        at += length;
        continue;
      }
      writeLiterals(writer, bytes, { from, to: at });
      writer.u8(IS_RUN | length);
      writer.u8(bytes[at]!);
      at += length;
      from = at;
    }
    writeLiterals(writer, bytes, { from, to: bytes.length });
    return writer.length < bytes.length ? writer.finish() : null;
  },

  decompress(bytes, bytesMax) {
    const writer = new ByteWriter(Math.min(bytesMax, bytes.length * 2));
    for (let at = 0; at < bytes.length; ) {
      const head = bytes[at]!;
      const length = head & CHUNK_MAX;
      const isRun = (head & IS_RUN) !== 0;
      const taken = isRun ? 1 : length;
      if (length === 0 || at + 1 + taken > bytes.length || writer.length + length > bytesMax) return null;
      if (isRun) writer.run(bytes[at + 1]!, length);
      else writer.part(bytes, at + 1, at + 1 + length);
      at += 1 + taken;
    }
    return writer.finish();
  },
};

/** How often the byte at `at` stands there in a row, up to what one chunk holds. */
function runLengthAt(bytes: Uint8Array, at: number): number {
  let length = 1;
  while (length < CHUNK_MAX && bytes[at + length] === bytes[at]) length++;
  return length;
}

function writeLiterals(writer: ByteWriter, bytes: Uint8Array, { from, to }: { from: number; to: number }): void {
  for (let at = from; at < to; at += CHUNK_MAX) {
    const end = Math.min(at + CHUNK_MAX, to);
    writer.u8(end - at);
    writer.part(bytes, at, end);
  }
}
