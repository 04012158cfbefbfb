/** A disk in memory that can lose power: what is being written then is there in part, by sectors, as the test says. */
import type { Disk, DiskFile } from '../../../base/index.ts';
import { DiskError } from '../../../base/index.ts';

const SECTOR_BYTES = 512;

export interface PendingWrite {
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

type Operation =
  | { readonly kind: 'write'; readonly write: PendingWrite; readonly done: (error: DiskError | null) => void }
  | { readonly kind: 'create'; readonly name: string; readonly sizeBytes: number; readonly done: CreateDone };

type CreateDone = (error: DiskError | null, file: DiskFile | null) => void;

export class MemoryDisk implements Disk {
  /** What survives a loss of power for certain. */
  readonly durable: Map<string, Uint8Array>;
  /** What reads see: writes under way, too. */
  readonly #visible: Map<string, Uint8Array>;
  /** Sectors that cannot be read, as `name@offset`. */
  readonly unreadable = new Set<string>();
  /** Removed, but the directory was not synced since: they may come back. */
  readonly removed = new Set<string>();
  /** For files to be made. */
  roomBytes = Number.POSITIVE_INFINITY;
  #operations: Operation[] = [];
  #failing = false;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.durable = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
    this.#visible = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
  }

  /** The writes under way, oldest first. */
  get pendingWrites(): readonly PendingWrite[] {
    return this.#operations.flatMap((operation) => (operation.kind === 'write' ? [operation.write] : []));
  }

  get isIdle(): boolean {
    return this.#operations.length === 0;
  }

  get isCreating(): boolean {
    return this.#operations.some((operation) => operation.kind === 'create');
  }

  /** From now on every operation that is finished fails. */
  failEverything(): void {
    this.#failing = true;
  }

  /** Finishes the oldest operation under way, in a turn of its own as seen from the log. */
  finishOne(): void {
    const operation = this.#operations.shift();
    if (operation === undefined) return;
    const error = this.#failing ? new DiskError({ code: 'IO', file: 'any', message: 'input/output error' }) : null;
    if (operation.kind === 'write') {
      if (error === null) apply(this.durable, operation.write);
      operation.done(error);
    } else if (error !== null) {
      operation.done(error, null);
    } else if (operation.sizeBytes > this.roomBytes) {
      // Half of it is there.
      this.#visible.set(operation.name, new Uint8Array(512));
      operation.done(new DiskError({ code: 'NO_SPACE', file: operation.name, message: 'no space' }), null);
    } else {
      this.roomBytes -= operation.sizeBytes;
      this.removed.delete(operation.name);
      this.durable.set(operation.name, new Uint8Array(operation.sizeBytes));
      this.#visible.set(operation.name, new Uint8Array(operation.sizeBytes));
      operation.done(null, this.open(operation.name));
    }
  }

  finishAll(): void {
    while (!this.isIdle) this.finishOne();
  }

  /**
   * The disk after a loss of power. `survives` says of each sector of the writes under way whether it reached the disk,
   * `created` of each file being made how many of its bytes are there (null: no file), `comesBack` of each removed one
   * whether it is there again.
   */
  afterCrash(
    survives: (write: PendingWrite, sector: number) => boolean,
    created: (name: string, sizeBytes: number) => number | null = () => null,
    comesBack: (name: string) => boolean = () => true,
  ): MemoryDisk {
    const crashed = new MemoryDisk(this.durable);
    for (const name of this.removed) if (!comesBack(name)) crashed.durable.delete(name);
    for (const operation of this.#operations) {
      if (operation.kind === 'create') {
        const sizeBytes = created(operation.name, operation.sizeBytes);
        if (sizeBytes !== null) crashed.durable.set(operation.name, new Uint8Array(sizeBytes));
        continue;
      }
      const { write } = operation;
      for (let sector = 0; sector < sectorsOf(write); sector++) {
        if (!survives(write, sector)) continue;
        const from = sector * SECTOR_BYTES;
        const bytes = write.bytes.slice(from, from + SECTOR_BYTES);
        apply(crashed.durable, { name: write.name, offset: write.offset + from, bytes });
      }
    }
    return new MemoryDisk(crashed.durable);
  }

  /** The disk after a loss of power that left the first `bytes` bytes of the write under way. */
  afterPrefix(bytes: number): MemoryDisk {
    const crashed = new MemoryDisk(this.durable);
    const [write] = this.pendingWrites;
    if (write !== undefined) apply(crashed.durable, { ...write, bytes: write.bytes.slice(0, bytes) });
    return new MemoryDisk(crashed.durable);
  }

  list(): readonly string[] {
    return [...this.#visible.keys()].sort();
  }

  open(name: string): DiskFile {
    const visible = this.#visible;
    const read = (): Uint8Array => {
      const bytes = visible.get(name);
      if (bytes === undefined) throw new DiskError({ code: 'NOT_FOUND', file: name, message: 'no such file' });
      return bytes;
    };
    read();
    let isOpen = true;
    let isWriting = false;
    return {
      name,
      get sizeBytes() {
        return read().length;
      },
      read: (offset, length) => {
        if (!isOpen) throw new Error('the file is closed');
        for (let at = offset - (offset % SECTOR_BYTES); at < offset + length; at += SECTOR_BYTES) {
          if (!this.unreadable.has(`${name}@${at}`)) continue;
          throw new DiskError({ code: 'IO', file: name, message: `sector at ${at} is unreadable` });
        }
        return read().slice(offset, offset + length);
      },
      write: (offset, chunks, done) => {
        if (!isOpen || isWriting) throw new Error('the file is closed, or being written');
        isWriting = true;
        const write = { name, offset, bytes: joined(chunks) };
        apply(visible, write);
        const finished = (error: DiskError | null): void => {
          isWriting = false;
          done(error);
        };
        this.#operations.push({ kind: 'write', write, done: finished });
      },
      close: () => {
        if (!isOpen || isWriting) throw new Error('the file is closed already, or being written');
        isOpen = false;
      },
    };
  }

  create(name: string, sizeBytes: number, done: CreateDone): void {
    this.#operations.push({ kind: 'create', name, sizeBytes, done });
  }

  replace(): void {
    throw new Error('the log replaces no files');
  }

  readWhole(name: string): Uint8Array | null {
    return this.#visible.get(name)?.slice() ?? null;
  }

  remove(name: string): void {
    if (this.#visible.delete(name) && this.durable.has(name)) this.removed.add(name);
  }
}

export function sectorsOf(write: PendingWrite): number {
  return Math.ceil(write.bytes.length / SECTOR_BYTES);
}

function apply(files: Map<string, Uint8Array>, write: PendingWrite): void {
  let bytes = files.get(write.name) ?? new Uint8Array(0);
  const end = write.offset + write.bytes.length;
  if (end > bytes.length) {
    const grown = new Uint8Array(end);
    grown.set(bytes);
    bytes = grown;
    files.set(write.name, bytes);
  }
  bytes.set(write.bytes, write.offset);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
