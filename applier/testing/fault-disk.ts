/**
 * A disk in memory on which operations are under way until the test lets them finish, and on which the power can go at
 * any of them: what is under way is then there in part, as the test says, and removed names may be back.
 */
import { type Disk, DiskError, type DiskFile } from '../../gcs/base/index.ts';

const SECTOR_BYTES = 512;

interface Write {
  readonly kind: 'write';
  readonly name: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly done: (error: DiskError | null) => void;
}

interface Replace {
  readonly kind: 'replace';
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly done: (error: DiskError | null) => void;
}

interface Create {
  readonly kind: 'create';
  readonly name: string;
  readonly sizeBytes: number;
  readonly done: (error: DiskError | null, file: DiskFile | null) => void;
}

type Operation = Write | Replace | Create;

/** What a loss of power leaves. */
export interface Loss {
  /** Whether that sector of the write under way, counted from 0, is there. */
  readonly sector: (sector: number) => boolean;
  /** Whether what is replaced is new, and what is made is there, empty or whole. */
  readonly replaced: boolean;
  readonly created: 'no' | 'empty' | 'whole';
  /** Removed names are back. */
  readonly removedAreBack: boolean;
}

export class FaultDisk implements Disk {
  readonly files: Map<string, Uint8Array>;
  /** Making files and replacing them fails for want of room while it is set; of a file that is made, a part is left. */
  isFull = false;
  readonly #removed = new Map<string, Uint8Array>();
  #operations: Operation[] = [];

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.files = new Map([...files].map(([name, bytes]) => [name, bytes.slice()]));
  }

  get underWay(): readonly Operation[] {
    return this.#operations;
  }

  /** Finishes the oldest operation under way. False: there is none. */
  finishOne(): boolean {
    const operation = this.#operations.shift();
    if (operation === undefined) return false;
    if (operation.kind === 'write') {
      this.#overwrite(operation.name, operation.offset, operation.bytes);
      operation.done(null);
      return true;
    }
    if (this.isFull) {
      const error = new DiskError({ code: 'NO_SPACE', file: operation.name, message: 'no space left' });
      if (operation.kind === 'create') {
        this.files.set(operation.name, new Uint8Array(Math.floor(operation.sizeBytes / 2)));
        operation.done(error, null);
      } else operation.done(error);
      return true;
    }
    if (operation.kind === 'replace') {
      this.files.set(operation.name, operation.bytes.slice());
      operation.done(null);
    } else {
      this.files.set(operation.name, new Uint8Array(operation.sizeBytes));
      operation.done(null, this.open(operation.name));
    }
    return true;
  }

  finishAll(): void {
    while (this.finishOne());
  }

  afterLoss(loss: Loss): FaultDisk {
    const left = new FaultDisk(this.files);
    if (loss.removedAreBack) {
      for (const [name, bytes] of this.#removed) if (!left.files.has(name)) left.files.set(name, bytes.slice());
    }
    for (const operation of this.#operations) {
      if (operation.kind === 'replace' && loss.replaced) left.files.set(operation.name, operation.bytes.slice());
      if (operation.kind === 'create' && loss.created !== 'no') {
        left.files.set(operation.name, new Uint8Array(loss.created === 'empty' ? 0 : operation.sizeBytes));
      }
      if (operation.kind !== 'write') continue;
      const { bytes, offset, name } = operation;
      for (let from = 0, sector = 0; from < bytes.length; from += SECTOR_BYTES, sector++) {
        if (loss.sector(sector)) left.#overwrite(name, offset + from, bytes.slice(from, from + SECTOR_BYTES));
      }
    }
    return left;
  }

  list(): readonly string[] {
    return [...this.files.keys()].sort();
  }

  open(name: string): DiskFile {
    const read = (): Uint8Array => {
      const bytes = this.files.get(name);
      if (bytes === undefined) throw new DiskError({ code: 'NOT_FOUND', file: name, message: `${name} is missing` });
      return bytes;
    };
    read();
    return {
      name,
      get sizeBytes() {
        return read().length;
      },
      read: (offset, length) => read().slice(offset, offset + length),
      write: (offset, chunks, done) => {
        const bytes = Uint8Array.from(chunks.flatMap((chunk) => [...chunk]));
        this.#operations.push({ kind: 'write', name, offset, bytes, done });
      },
      close: () => {},
    };
  }

  create(name: string, sizeBytes: number, done: Create['done']): void {
    this.#operations.push({ kind: 'create', name, sizeBytes, done });
  }

  replace(name: string, content: Uint8Array, done: Replace['done']): void {
    this.#operations.push({ kind: 'replace', name, bytes: content.slice(), done });
  }

  readWhole(name: string): Uint8Array | null {
    return this.files.get(name)?.slice() ?? null;
  }

  remove(name: string): void {
    const bytes = this.files.get(name);
    if (bytes === undefined) return;
    this.files.delete(name);
    this.#removed.set(name, bytes);
  }

  #overwrite(name: string, offset: number, bytes: Uint8Array): void {
    const before = this.files.get(name) ?? new Uint8Array(0);
    const after = new Uint8Array(Math.max(before.length, offset + bytes.length));
    after.set(before);
    after.set(bytes, offset);
    this.files.set(name, after);
  }
}
