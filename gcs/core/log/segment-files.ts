/**
 * The segment files: the one that is written, the next one, made ready before it is needed, and the older ones for
 * reading.
 *
 * The end of each segment is a reserve. While the next one is not there, ordinary blocks leave it alone: if there is no
 * space for the next segment, it is what votes are written to (R16).
 */
import type { Disk, DiskFile } from '../../base/index.ts';
import { DiskError } from '../../base/index.ts';
import { SECTOR_BYTES, SEGMENT_HEADER_BYTES, segmentName, segmentSeed } from './format.ts';

const RESERVE_BYTES_MAX = 64 * 1024;
/** Open files kept for reading older segments. */
const READ_FILES_MAX = 8;

export interface Segment {
  readonly number: number;
  readonly seed: number;
  readonly file: DiskFile;
  /** Where the next block goes; 0: not even the header is written. */
  offset: number;
  /** End of what a torn block left behind `offset`. */
  leftoversEnd: number;
}

export class SegmentFiles {
  /** The next segment is there. */
  onPrepared: () => void = () => {};
  /** There was no space for it (still, perhaps: `onRoomChanged` tells of changes only). */
  onNotPrepared: () => void = () => {};
  onFailed: (error: DiskError) => void = () => {};
  onRoomChanged: (hasRoom: boolean) => void = () => {};

  readonly #disk: Disk;
  readonly #memberId: string;
  readonly #segmentBytes: number;
  readonly #readFiles = new Map<number, DiskFile>();
  /** Null: nothing was written yet, or nothing may be written to what is there. */
  #current: Segment | null;
  #prepared: Segment | null = null;
  #nextNumber: number;
  /** What the first block of the next segment needs. */
  #wantedBytes = 0;
  #isPreparing = false;
  #hasRoom = true;

  constructor(parts: {
    readonly disk: Disk;
    readonly memberId: string;
    readonly segmentBytes: number;
    readonly current: Segment | null;
    readonly nextNumber: number;
  }) {
    this.#disk = parts.disk;
    this.#memberId = parts.memberId;
    this.#segmentBytes = parts.segmentBytes;
    this.#current = parts.current;
    this.#nextNumber = parts.nextNumber;
  }

  get current(): Segment | null {
    return this.#current;
  }

  get hasRoom(): boolean {
    return this.#hasRoom;
  }

  get isPrepared(): boolean {
    return this.#prepared !== null;
  }

  get isPreparing(): boolean {
    return this.#isPreparing;
  }

  /** The current segment, if a block of `length` bytes fits; `small` ones take the reserve, too. */
  currentFor(length: number, { isSmall }: { readonly isSmall: boolean }): Segment | null {
    const current = this.#current;
    if (current === null) return null;
    const reserve = isSmall || this.#prepared !== null ? 0 : this.#reserveBytes;
    return current.offset + length <= current.file.sizeBytes - reserve ? current : null;
  }

  /** Goes on to the next segment, if it is there and a first block of `length` bytes fits; else makes it ready. */
  nextFor(length: number): Segment | null {
    const next = this.#prepared;
    const bytes = SEGMENT_HEADER_BYTES + length;
    if (next === null || bytes > next.file.sizeBytes) {
      if (!this.#isPreparing && next !== null) {
        next.file.close();
        this.#prepared = null;
        this.#nextNumber = next.number;
      }
      this.#wantedBytes = bytes + this.#reserveBytes;
      if (this.#hasRoom) this.#prepare();
      return null;
    }
    this.#prepared = null;
    this.#wantedBytes = 0;
    this.#current?.file.close();
    this.#current = next;
    return next;
  }

  /** From the middle of a segment on, the next one is made ready. */
  prepareAhead(): void {
    const current = this.#current;
    if (this.#hasRoom && (current === null || current.offset * 2 > current.file.sizeBytes)) this.#prepare();
  }

  /** Tries again to make the segment that there was no space for. */
  retryRoom(): void {
    if (!this.#hasRoom) this.#prepare();
  }

  /** @throws DiskError */
  fileOf(number: number): DiskFile {
    if (number === this.#current?.number) return this.#current.file;
    let file = this.#readFiles.get(number);
    if (file === undefined) {
      if (this.#readFiles.size >= READ_FILES_MAX) {
        const [oldest, oldestFile] = this.#readFiles.entries().next().value!;
        this.#readFiles.delete(oldest);
        oldestFile.close();
      }
      file = this.#disk.open(segmentName(number));
      this.#readFiles.set(number, file);
    }
    return file;
  }

  remove(number: number): void {
    this.#readFiles.get(number)?.close();
    this.#readFiles.delete(number);
    this.#removeFile(segmentName(number));
  }

  close(): void {
    this.#current?.file.close();
    this.#prepared?.file.close();
    for (const file of this.#readFiles.values()) file.close();
    this.#readFiles.clear();
  }

  get #reserveBytes(): number {
    return Math.min(RESERVE_BYTES_MAX, Math.floor(this.#segmentBytes / 8 / SECTOR_BYTES) * SECTOR_BYTES);
  }

  #prepare(): void {
    if (this.#prepared !== null || this.#isPreparing) return;
    const number = this.#nextNumber;
    const name = segmentName(number);
    this.#isPreparing = true;
    this.#disk.create(name, Math.max(this.#segmentBytes, this.#wantedBytes), (error, file) => {
      this.#isPreparing = false;
      if (error !== null) {
        this.#notMade(name, error);
        return;
      }
      this.#nextNumber = number + 1;
      this.#prepared = { number, seed: segmentSeed(this.#memberId, number), file: file!, offset: 0, leftoversEnd: 0 };
      this.#setRoom(true);
      this.onPrepared();
    });
  }

  #notMade(name: string, error: DiskError): void {
    if (error.code !== 'NO_SPACE') {
      this.onFailed(error);
      return;
    }
    // What there is of it takes room, too.
    this.#removeFile(name);
    this.#setRoom(false);
    this.onNotPrepared();
  }

  #setRoom(hasRoom: boolean): void {
    if (this.#hasRoom === hasRoom) return;
    this.#hasRoom = hasRoom;
    this.onRoomChanged(hasRoom);
  }

  /** A file that cannot be removed does no harm: it is no part of the log, and the next start tries again. */
  #removeFile(name: string): void {
    try {
      this.#disk.remove(name);
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
  }
}
