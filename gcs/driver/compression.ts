/**
 * Zstandard at its fastest level, for the payloads of the group's log. Compressed bytes begin with the length of their
 * content (u32, little-endian): so the room for it is made once, and a bomb is refused before it goes off.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';

const LENGTH_BYTES = 4;
/** The smallest that Node takes. */
const CHUNK_BYTES_MIN = 64;
const LEVEL = { [constants.ZSTD_c_compressionLevel]: 1 };

/** As `Compression` of the group's core wants it. */
export const zstdCompression = {
  compress(bytes: Uint8Array): Uint8Array | null {
    // One chunk as long as the content: what would need a second is not smaller.
    const chunkSize = Math.max(CHUNK_BYTES_MIN, bytes.length);
    const frame = zstdCompressSync(bytes, { params: LEVEL, chunkSize });
    const length = LENGTH_BYTES + frame.length;
    if (length >= bytes.length) return null;
    // A copy: the frame may be a small part of the buffer that it was made in.
    const compressed = new Uint8Array(length);
    new DataView(compressed.buffer).setUint32(0, bytes.length, true);
    compressed.set(frame, LENGTH_BYTES);
    return compressed;
  },

  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array | null {
    if (bytes.length <= LENGTH_BYTES) return null;
    const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0, true);
    if (length === 0 || length > bytesMax) return null;
    try {
      const content = zstdDecompressSync(bytes.subarray(LENGTH_BYTES), {
        maxOutputLength: length,
        chunkSize: Math.max(CHUNK_BYTES_MIN, length),
      });
      return content.length === length ? new Uint8Array(content.buffer, content.byteOffset, length) : null;
    } catch {
      return null;
    }
  },
};
