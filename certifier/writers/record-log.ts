/**
 * The records of a writer table in the order in which they were written, oldest first, in blocks of words: so what is
 * given up for want of room is at the beginning, a block that nobody needs goes whole, and nothing here is an object that
 * the runtime's collector would look at.
 *
 * A key that is written again is a new record at the end, and the old one is dead. Where the dead take too much room, the
 * living of a block are copied together, a block now and then, in their order, from the oldest to the newest and again;
 * whoever knows addresses is told.
 *
 *     record   hash, sequence number as what it is above its block's base, kind + flags + key length, origin,
 *              then for each of the two earlier writers that is known: sequence number (two words), origin,
 *              then the key, four bytes a word
 */
import { assert, type MemberOrdinal, type SequenceNumber } from '../../gcs/base/index.ts';

/** Blocks of 32 KiB; a longer record has one of its own. */
const BLOCK_BITS = 13;
/** Addresses are positive 32-bit integers, which the runtime stores unboxed: 8 GiB of records. */
const ADDRESS_BITS = 31;
/** What a sequence number may be above the base of its block. */
const OFFSET_MAX = 2 ** 31;
/** Of blocks given up so many are kept for the next. */
const SPARE_MAX = 32;
/** Dead records may take as much room as this part of the living, and so many blocks. */
const DEAD_SHARE = 0.5;
const DEAD_BLOCKS = 4;
/** After each such part of a block written it is looked whether there is too much of them. */
const TIDY_PART = 1 / 4;
/** A block that has more than this share alive is left as it is, unless it fits behind the one before. */
const DENSE_SHARE = 0.8;
/** Blocks that are passed over at once. */
const PASSED_MAX = 128;

export const KEY_LENGTH_MAX = 2 ** 24 - 1;

const HEADER_WORDS = 4;
const WRITER_WORDS = 3;
const KIND_BITS = 0b111;
const HAS_EXCLUSIVE = 8;
const HAS_DELETED = 16;
const DEAD = 32;
const TWO_TO_32 = 0x1_0000_0000;

/** An earlier writer that a record remembers beside its own. */
export interface EarlierWriter {
  readonly sequenceNumber: SequenceNumber;
  readonly origin: MemberOrdinal;
}

/** What a record is made of. */
export interface NewRecord {
  hash: number;
  sequenceNumber: SequenceNumber;
  origin: MemberOrdinal;
  /** 0 to 7; of meaning to the caller alone. */
  kind: number;
  exclusive: EarlierWriter | undefined;
  deleted: EarlierWriter | undefined;
  /** The key, four bytes a word, the first the lowest. What is behind it does not matter. */
  keyWords: Int32Array;
  /** In bytes. */
  keyLength: number;
}

export interface RecordLogSetup {
  /** Called in `tidy`. */
  readonly moved: (hash: number, from: number, to: number) => void;
  /** Blocks have two to the power of so many words. */
  readonly blockBits?: number;
}

interface Block {
  readonly number: number;
  readonly words: Int32Array;
  /** Not above any sequence number in it. */
  readonly base: SequenceNumber;
  /** The highest sequence number in it. */
  top: SequenceNumber;
  /** Words in use from the beginning, dead ones included. */
  end: number;
  /** Everything before it is dead. */
  first: number;
  /** Words of living records. */
  alive: number;
  older: Block | null;
  newer: Block | null;
}

export class RecordLog {
  readonly #moved: RecordLogSetup['moved'];
  /** An address is the number of a block and, in so many bits, the place in it. */
  readonly #blockBits: number;
  readonly #blockWords: number;
  readonly #placeMask: number;
  /** By number; 0 is none. */
  readonly #blocks: (Block | null)[] = [null];
  readonly #freeNumbers: number[] = [];
  readonly #spare: Int32Array[] = [];
  #oldest: Block | null = null;
  #newest: Block | null = null;
  #allocatedWords = 0;
  #aliveWords = 0;
  #wordsSinceTidy = 0;
  /** Where tidying goes on; null: at the oldest. */
  #sweep: Block | null = null;
  /** Right before it: what is being filled with the living; null: none. */
  #filling: Block | null = null;

  constructor({ moved, blockBits = BLOCK_BITS }: RecordLogSetup) {
    this.#moved = moved;
    this.#blockBits = blockBits;
    this.#blockWords = 2 ** blockBits;
    this.#placeMask = this.#blockWords - 1;
  }

  /** Memory of the blocks, spare ones included. */
  get bytes(): number {
    return 4 * (this.#allocatedWords + this.#spare.length * this.#blockWords);
  }

  /** Adds it as the newest. Returns its address, which holds until `tidy` moves it. Order of calls: by sequence number. */
  append(record: NewRecord): number {
    const { sequenceNumber, exclusive, deleted, keyWords, keyLength } = record;
    const keyWordCount = (keyLength + 3) >>> 2;
    let length = HEADER_WORDS + keyWordCount;
    let flags = record.kind;
    if (exclusive !== undefined) {
      length += WRITER_WORDS;
      flags |= HAS_EXCLUSIVE;
    }
    if (deleted !== undefined) {
      length += WRITER_WORDS;
      flags |= HAS_DELETED;
    }
    let block = this.#newest;
    if (block === null || block.end + length > block.words.length || sequenceNumber - block.base >= OFFSET_MAX) {
      block = this.#begin(length, sequenceNumber);
    }
    const { words, end } = block;
    words[end] = record.hash;
    words[end + 1] = sequenceNumber - block.base;
    words[end + 2] = flags | (keyLength << 8);
    words[end + 3] = record.origin;
    let at = end + HEADER_WORDS;
    if (exclusive !== undefined) at = putWriter(words, at, exclusive);
    if (deleted !== undefined) at = putWriter(words, at, deleted);
    for (let i = 0; i < keyWordCount; i++) words[at + i] = keyWords[i]!;
    block.top = sequenceNumber;
    block.end = end + length;
    block.alive += length;
    this.#aliveWords += length;
    this.#wordsSinceTidy += length;
    return (block.number << this.#blockBits) | end;
  }

  hasKey(address: number, keyWords: Int32Array, keyLength: number): boolean {
    const { words } = this.#blockOf(address);
    const start = address & this.#placeMask;
    const about = words[start + 2]!;
    if (about >>> 8 !== keyLength) return false;
    const at = start + keyStart(about);
    const count = (keyLength + 3) >>> 2;
    for (let i = 0; i < count; i++) if (words[at + i] !== keyWords[i]) return false;
    return true;
  }

  sequenceNumberOf(address: number): SequenceNumber {
    const { words, base } = this.#blockOf(address);
    return base + words[(address & this.#placeMask) + 1]!;
  }

  originOf(address: number): MemberOrdinal {
    return this.#blockOf(address).words[(address & this.#placeMask) + 3]!;
  }

  kindOf(address: number): number {
    return this.#blockOf(address).words[(address & this.#placeMask) + 2]! & KIND_BITS;
  }

  /** It remembers no earlier writers. */
  isPlain(address: number): boolean {
    const about = this.#blockOf(address).words[(address & this.#placeMask) + 2]!;
    return (about & (HAS_EXCLUSIVE | HAS_DELETED)) === 0;
  }

  /** As it was added. */
  exclusiveOf(address: number): EarlierWriter | undefined {
    const { words } = this.#blockOf(address);
    const at = address & this.#placeMask;
    return (words[at + 2]! & HAS_EXCLUSIVE) === 0 ? undefined : writerAt(words, at + HEADER_WORDS);
  }

  /** As it was added. */
  deletedOf(address: number): EarlierWriter | undefined {
    const { words } = this.#blockOf(address);
    const at = address & this.#placeMask;
    const about = words[at + 2]!;
    if ((about & HAS_DELETED) === 0) return undefined;
    return writerAt(words, at + HEADER_WORDS + ((about & HAS_EXCLUSIVE) === 0 ? 0 : WRITER_WORDS));
  }

  hashOf(address: number): number {
    return this.#blockOf(address).words[address & this.#placeMask]!;
  }

  /** A copy. */
  keyOf(address: number): string {
    const { words } = this.#blockOf(address);
    const start = address & this.#placeMask;
    const about = words[start + 2]!;
    return keyString(words, start + keyStart(about), about >>> 8);
  }

  /** The address of the oldest record that is alive, or 0. */
  oldest(): number {
    for (let block = this.#oldest; block !== null; block = block.newer) {
      const { words, end } = block;
      let at = block.first;
      while (at < end && (words[at + 2]! & DEAD) !== 0) at += lengthOf(words[at + 2]!);
      block.first = at;
      if (at < end) return (block.number << this.#blockBits) | at;
    }
    return 0;
  }

  /** The record there is not needed any more. */
  kill(address: number): void {
    const block = this.#blockOf(address);
    const at = (address & this.#placeMask) + 2;
    const about = block.words[at]!;
    const length = lengthOf(about);
    block.words[at] = about | DEAD;
    block.alive -= length;
    this.#aliveWords -= length;
    if (block.alive === 0 && block !== this.#newest && block !== this.#filling) this.#giveUp(block);
  }

  /** Gives up room that the dead take, a little at a time. Moves records. */
  tidy(): void {
    if (this.#wordsSinceTidy < TIDY_PART * this.#blockWords) return;
    this.#wordsSinceTidy = 0;
    if (this.#allocatedWords > (1 + DEAD_SHARE) * this.#aliveWords + DEAD_BLOCKS * this.#blockWords) this.#tidyOne();
  }

  /** Addresses of what is alive. Order of calls: nothing is changed before it is used up. */
  *newestFirst(): Generator<number, void, void> {
    for (let block = this.#newest; block !== null; block = block.older) {
      const starts: number[] = [];
      const { words, number, end } = block;
      for (let at = block.first; at < end; at += lengthOf(words[at + 2]!)) {
        if ((words[at + 2]! & DEAD) === 0) starts.push(at);
      }
      for (let i = starts.length - 1; i >= 0; i--) yield (number << this.#blockBits) | starts[i]!;
    }
  }

  #blockOf(address: number): Block {
    return this.#blocks[address >>> this.#blockBits]!;
  }

  /** As the newest. */
  #begin(wordsNeeded: number, base: SequenceNumber): Block {
    const last = this.#newest;
    const block = this.#newBlock(wordsNeeded, base);
    block.older = last;
    if (last === null) this.#oldest = block;
    else last.newer = block;
    this.#newest = block;
    if (last !== null && last.alive === 0) this.#giveUp(last);
    return block;
  }

  #newBlock(wordsNeeded: number, base: SequenceNumber): Block {
    const number = this.#freeNumbers.pop() ?? this.#blocks.length;
    assert(
      number < 2 ** (ADDRESS_BITS - this.#blockBits),
      'the records of the certification database fit their addresses',
    );
    const words =
      wordsNeeded > this.#blockWords
        ? new Int32Array(wordsNeeded)
        : (this.#spare.pop() ?? new Int32Array(this.#blockWords));
    const block: Block = { number, words, base, top: base, end: 0, first: 0, alive: 0, older: null, newer: null };
    this.#blocks[number] = block;
    this.#allocatedWords += words.length;
    return block;
  }

  #giveUp(block: Block): void {
    const { number, words, older, newer } = block;
    if (this.#sweep === block) this.#sweep = newer;
    if (this.#filling === block) this.#filling = null;
    if (older === null) this.#oldest = newer;
    else older.newer = newer;
    if (newer === null) this.#newest = older;
    else newer.older = older;
    this.#blocks[number] = null;
    this.#freeNumbers.push(number);
    this.#allocatedWords -= words.length;
    if (words.length === this.#blockWords && this.#spare.length < SPARE_MAX) this.#spare.push(words);
  }

  /** Copies what is alive of the next block that has too many dead, or little enough to fit behind the last. */
  #tidyOne(): void {
    let block = this.#sweep ?? this.#oldest;
    for (let passed = 0; block !== null && block !== this.#newest && passed < PASSED_MAX; passed++) {
      if (this.#filling !== null && !isContinuedBy(this.#filling, block)) this.#stopFilling();
      if (
        block.alive <= DENSE_SHARE * block.words.length ||
        (this.#filling !== null && fits(this.#filling, block.alive))
      ) {
        const { newer } = block;
        this.#copy(block);
        this.#sweep = newer;
        return;
      }
      this.#stopFilling();
      block = block.newer;
    }
    this.#sweep = block;
    if (block === null || block === this.#newest) {
      this.#sweep = null;
      this.#stopFilling();
    }
  }

  #stopFilling(): void {
    const filled = this.#filling;
    this.#filling = null;
    if (filled !== null && filled.alive === 0) this.#giveUp(filled);
  }

  /** The living of `block` behind those in the one that is being filled, and into new ones in its place. */
  #copy(block: Block): void {
    let target = this.#filling ?? this.#beginFilling(block);
    const { words, base, end, number } = block;
    for (let at = block.first; at < end; ) {
      const about = words[at + 2]!;
      const length = lengthOf(about);
      if ((about & DEAD) === 0) {
        if (!fits(target, length)) target = this.#beginFilling(block);
        const to = target.end;
        for (let i = 0; i < length; i++) target.words[to + i] = words[at + i]!;
        target.top = base + words[at + 1]!;
        target.words[to + 1] = target.top - target.base;
        target.end = to + length;
        target.alive += length;
        this.#moved(words[at]!, (number << this.#blockBits) | at, (target.number << this.#blockBits) | to);
      }
      at += length;
    }
    this.#giveUp(block);
  }

  #beginFilling(block: Block): Block {
    const target = this.#newBlock(this.#blockWords, block.base);
    target.older = block.older;
    target.newer = block;
    if (block.older === null) this.#oldest = target;
    else block.older.newer = target;
    block.older = target;
    this.#filling = target;
    return target;
  }
}

function fits(block: Block, words: number): boolean {
  return block.end + words <= block.words.length;
}

/** Whether what is in `block` can come right behind what is in `filling`. */
function isContinuedBy(filling: Block, block: Block): boolean {
  return block.older === filling && block.top - filling.base < OFFSET_MAX;
}

function keyStart(about: number): number {
  return (
    HEADER_WORDS + ((about & HAS_EXCLUSIVE) === 0 ? 0 : WRITER_WORDS) + ((about & HAS_DELETED) === 0 ? 0 : WRITER_WORDS)
  );
}

function lengthOf(about: number): number {
  return keyStart(about) + (((about >>> 8) + 3) >>> 2);
}

function putWriter(words: Int32Array, at: number, { sequenceNumber, origin }: EarlierWriter): number {
  words[at] = (sequenceNumber % TWO_TO_32) | 0;
  words[at + 1] = Math.floor(sequenceNumber / TWO_TO_32);
  words[at + 2] = origin;
  return at + WRITER_WORDS;
}

function writerAt(words: Int32Array, at: number): EarlierWriter {
  return { sequenceNumber: (words[at]! >>> 0) + words[at + 1]! * TWO_TO_32, origin: words[at + 2]! };
}

function keyString(words: Int32Array, at: number, length: number): string {
  const codes: number[] = [];
  let text = '';
  for (let i = 0; i < length; i++) {
    codes.push((words[at + (i >>> 2)]! >>> (8 * (i & 3))) & 0xff);
    if (codes.length === 512) text += String.fromCharCode(...codes.splice(0));
  }
  return text + String.fromCharCode(...codes);
}
