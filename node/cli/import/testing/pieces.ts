import { Buffer } from 'node:buffer';
import type { SourceRow } from '../source-row.ts';

/** `text` from `offset` on, in chunks of the lengths given, over and over. */
export async function* pieces(bytes: Buffer, lengths: readonly number[], offset = 0): AsyncGenerator<Buffer> {
  let at = offset;
  for (let i = 0; at < bytes.length; i++) {
    const end = Math.min(bytes.length, at + Math.max(1, lengths[i % lengths.length]!));
    // A copy: what a reader keeps must not depend on what becomes of the chunk's neighbours.
    yield Buffer.from(bytes.subarray(at, end));
    at = end;
  }
}

export async function allRows(rows: AsyncIterable<readonly SourceRow[]>): Promise<SourceRow[]> {
  const all: SourceRow[] = [];
  for await (const some of rows) all.push(...some);
  return all;
}
