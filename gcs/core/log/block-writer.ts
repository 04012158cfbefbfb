/** Writes the blocks of a log, one at a time, each with what it says of those before it; a segment's first block behind its header. */
import { assert, type DiskError } from '../../base/index.ts';
import type { HardState, LogEntry } from '../types.ts';
import { BlockEncoder } from './block-encoder.ts';
import {
  type BlockContext,
  type BlockSpan,
  type CheckpointRecord,
  encodeSegmentHeader,
  SEGMENT_HEADER_BYTES,
} from './format.ts';
import type { ScannedLog } from './scan.ts';
import type { Segment } from './segment-files.ts';

export interface Block {
  /** One list behind another. */
  readonly entries: readonly (readonly LogEntry[])[];
  readonly span: BlockSpan;
  readonly hardState: HardState;
  readonly isRepair: boolean;
  readonly isSeal: boolean;
  readonly firstSegment: number;
  readonly baseIndex: number;
  /** Null also where the block is not the first of its segment. */
  readonly checkpoint: CheckpointRecord | null;
  /** Told of each entry in order, with the offset of its record in the segment. */
  readonly placed: (entry: LogEntry, offset: number) => void;
}

export class BlockWriter {
  readonly #memberId: string;
  readonly #attempt: number;
  readonly #encoder = new BlockEncoder();
  #context: BlockContext;
  #lastBlock: number;
  #isSealed: boolean;
  #isWriting = false;
  #syncs = 0;
  #bytes = 0;

  constructor(memberId: string, { attempt, context, lastBlock, isSealed }: ScannedLog) {
    this.#memberId = memberId;
    this.#attempt = attempt;
    this.#context = context;
    this.#lastBlock = lastBlock;
    this.#isSealed = isSealed;
  }

  /** For the next block, as of the last one. */
  get context(): BlockContext {
    return this.#context;
  }

  /** Number of the last block, written or being written; 0: there was none. */
  get lastBlock(): number {
    return this.#lastBlock;
  }

  /** It is a seal. */
  get isSealed(): boolean {
    return this.#isSealed;
  }

  get isWriting(): boolean {
    return this.#isWriting;
  }

  get syncs(): number {
    return this.#syncs;
  }

  /** Written, without headers of segments. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Of a block with these entries: where they are in the log. */
  spanOf(entries: readonly (readonly LogEntry[])[]): BlockSpan {
    let first: LogEntry | undefined;
    let last: LogEntry | undefined;
    for (const list of entries) {
      first ??= list[0];
      last = list.at(-1) ?? last;
    }
    const { before } = this.#context;
    if (first === undefined || last === undefined) return { ...before, first: before.last + 1 };
    return { first: first.index, last: last.index, lastTerm: last.term };
  }

  /** While none is being written. `written`: it is durable, and `segment` knows where the next one goes; or why not. */
  write(segment: Segment, block: Block, written: (error: DiskError | null) => void): void {
    const isFirst = segment.offset === 0;
    const { span, hardState, isSeal, firstSegment, baseIndex } = block;
    const offset = isFirst ? SEGMENT_HEADER_BYTES : segment.offset;
    const number = this.#lastBlock + 1;
    const { before, beforeCrc, lastCut, hardState: hardStateBefore } = this.#context;
    const context: BlockContext = { before, beforeCrc, lastCut, firstSegment, baseIndex, hardState };
    const encoded = this.#encoder.encode({
      seed: segment.seed,
      offset,
      number,
      attempt: this.#attempt,
      isRepair: block.isRepair,
      isSeal,
      span,
      context,
      checkpoint: block.checkpoint,
      entries: block.entries,
      placed: block.placed,
    });
    const end = offset + encoded.length;
    assert(end < 0x1_0000_0000, 'a segment is smaller than 4 GiB');
    const chunks = [...encoded.chunks];
    if (isFirst) {
      const ofHeader = { ...context, hardState: hardStateBefore };
      chunks.unshift(
        encodeSegmentHeader({
          memberId: this.#memberId,
          number: segment.number,
          firstBlock: number,
          context: ofHeader,
        }),
      );
    }
    if (segment.leftoversEnd > end) chunks.push(new Uint8Array(segment.leftoversEnd - end));
    this.#context = {
      before: span,
      beforeCrc: encoded.crc,
      lastCut: span.first <= before.last ? number : lastCut,
      firstSegment,
      baseIndex,
      hardState,
    };
    this.#lastBlock = number;
    this.#isSealed = isSeal;
    this.#isWriting = true;
    segment.file.write(segment.offset, chunks, (error) => {
      this.#isWriting = false;
      if (error !== null) {
        written(error);
        return;
      }
      segment.offset = end;
      segment.leftoversEnd = 0;
      this.#syncs++;
      this.#bytes += encoded.length;
      written(null);
    });
  }
}
