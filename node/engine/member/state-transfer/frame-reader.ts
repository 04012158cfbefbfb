import { FRAME_HEADER_BYTES, type FrameKind, readFrameHeader } from './frames.ts';

/** Puts frames together from the chunks they were cut into. */
export class FrameReader {
  #chunks: Uint8Array[] = [];
  #length = 0;

  add(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /** The next frame, its content a view of a chunk; `none`: it has not come yet. */
  next(): { readonly kind: FrameKind; readonly content: Uint8Array } | 'none' | 'malformed' {
    if (this.#length < FRAME_HEADER_BYTES) return 'none';
    if (this.#chunks[0]!.length < FRAME_HEADER_BYTES) this.#join();
    const header = readFrameHeader(this.#chunks[0]!.subarray(0, FRAME_HEADER_BYTES));
    if (header === null) return 'malformed';
    const end = FRAME_HEADER_BYTES + header.length;
    if (this.#length < end) return 'none';
    if (this.#chunks[0]!.length < end) this.#join();
    const first = this.#chunks[0]!;
    const content = first.subarray(FRAME_HEADER_BYTES, end);
    if (first.length === end) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(end);
    this.#length -= end;
    return { kind: header.kind, content };
  }

  #join(): void {
    const joined = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.#chunks = [joined];
  }
}
