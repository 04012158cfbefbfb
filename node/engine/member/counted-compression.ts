/** The compression of what is broadcast, with what comes of it counted. */
import type { Compression } from '../../../gcs/core/index.ts';
import type { MemberCounters } from './contract.ts';

export function countedCompression(
  compression: Compression,
  counters: Pick<MemberCounters, 'compressionBytesIn' | 'compressionBytesOut'>,
): Compression {
  return {
    compress: (bytes) => {
      const compressed = compression.compress(bytes);
      if (compressed !== null) {
        counters.compressionBytesIn += bytes.length;
        counters.compressionBytesOut += compressed.length;
      }
      return compressed;
    },
    decompress: (bytes, bytesMax) => compression.decompress(bytes, bytesMax),
  };
}
