/**
 * `Disk` over a directory of the operating system. Writes and syncs run on the thread pool; reads, which the log asks
 * for rarely, in the call. What can be read from here is durable: whatever a killed process left in the page cache is
 * synced before it is shown.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Disk, DiskFile } from '../base/index.ts';
import { assert, DiskError } from '../base/index.ts';

/** Written at once to a new file, and synced: small, since the writes that everybody waits for come between. */
const ZEROS = new Uint8Array(256 * 1024);
/** Nobody waits for a new file, as a rule: nothing is written for as long as the last part took, if no longer than this. */
const REST_MS_MAX = 10;
const TEMPORARY = '.tmp';

/**
 * Where the system can, a write is its own sync: one way to the thread pool and back instead of two, in the path of
 * every commit. On macOS such a write is durable to less than `fdatasync` is there.
 */
const WRITES_SYNC = process.platform === 'linux';
const OPEN_FLAGS = WRITES_SYNC ? fs.constants.O_RDWR | fs.constants.O_DSYNC : fs.constants.O_RDWR;

type Done = (error: DiskError | null) => void;
type SystemError = NodeJS.ErrnoException | null;

export class FileDisk implements Disk {
  readonly #directory: string;
  /** Files whose content is known to be synced when it is opened again. */
  readonly #synced = new Set<string>();
  /** Replacements asked for and not begun: they take place one at a time, in order. */
  readonly #replacements: { readonly name: string; readonly content: Uint8Array; readonly done: Done }[] = [];
  #isReplacing = false;

  /** The directory exists. @throws DiskError */
  constructor(directory: string) {
    this.#directory = directory;
    edge(directory, () => syncDirectoryNow(directory));
  }

  list(): readonly string[] {
    return edge(this.#directory, () =>
      fs
        .readdirSync(this.#directory, { withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.endsWith(TEMPORARY))
        .map((entry) => entry.name)
        .sort(),
    );
  }

  open(name: string): DiskFile {
    return edge(name, () => {
      const descriptor = fs.openSync(this.#pathOf(name), OPEN_FLAGS);
      try {
        if (!this.#synced.has(name)) fs.fdatasyncSync(descriptor);
        this.#synced.add(name);
        return new OpenFile(name, descriptor, fs.fstatSync(descriptor).size);
      } catch (error) {
        fs.closeSync(descriptor);
        throw error;
      }
    });
  }

  create(name: string, sizeBytes: number, done: (error: DiskError | null, file: DiskFile | null) => void): void {
    const fail = (error: NodeJS.ErrnoException) => done(diskError(name, error), null);
    this.#createZeros(name, sizeBytes, (createError) => {
      if (createError !== null) {
        fail(createError);
        return;
      }
      fs.open(this.#pathOf(name), OPEN_FLAGS, (openError, descriptor) => {
        if (openError !== null) {
          fail(openError);
          return;
        }
        this.#synced.add(name);
        done(null, new OpenFile(name, descriptor, sizeBytes));
      });
    });
  }

  replace(name: string, content: Uint8Array, done: Done): void {
    this.#replacements.push({ name, content, done });
    if (!this.#isReplacing) this.#replaceNext();
  }

  readWhole(name: string): Uint8Array | null {
    try {
      const content = fs.readFileSync(this.#pathOf(name));
      return new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    } catch (error) {
      const failure = diskError(name, error);
      if (failure.code === 'NOT_FOUND') return null;
      throw failure;
    }
  }

  remove(name: string): void {
    this.#synced.delete(name);
    edge(name, () => fs.rmSync(this.#pathOf(name), { force: true }));
    // Nobody waits for it: a name may come back after a crash, but not for long.
    syncDirectory(this.#directory, () => {});
  }

  /** Makes the file and its name durable. */
  #createZeros(name: string, sizeBytes: number, done: (error: SystemError) => void): void {
    fs.open(this.#pathOf(name), 'w', (openError, descriptor) => {
      if (openError !== null) {
        done(openError);
        return;
      }
      const close = (error: SystemError): void => {
        fs.close(descriptor, (closeError) => {
          const failure = error ?? closeError ?? null;
          if (failure !== null) done(failure);
          else syncDirectory(this.#directory, done);
        });
      };
      writeZeros(descriptor, sizeBytes, 0, close);
    });
  }

  #replaceNext(): void {
    const replacement = this.#replacements.shift();
    this.#isReplacing = replacement !== undefined;
    if (replacement === undefined) return;
    const { name, content, done } = replacement;
    const target = this.#pathOf(name);
    const temporary = target + TEMPORARY;
    const finish = (error: SystemError): void => {
      this.#replaceNext();
      done(error === null ? null : diskError(name, error));
    };
    // `flush` syncs the temporary file before it takes the name.
    fs.writeFile(temporary, content, { flush: true }, (writeError) => {
      if (writeError !== null) {
        finish(writeError);
        return;
      }
      fs.rename(temporary, target, (renameError) => {
        if (renameError !== null) finish(renameError);
        else syncDirectory(this.#directory, finish);
      });
    });
  }

  #pathOf(name: string): string {
    assert(name !== '' && path.basename(name) === name, 'a file name has no directories in it');
    return path.join(this.#directory, name);
  }
}

class OpenFile implements DiskFile {
  readonly name: string;
  readonly #descriptor: number;
  #sizeBytes: number;
  #isWriting = false;
  #isClosed = false;

  constructor(name: string, descriptor: number, sizeBytes: number) {
    this.name = name;
    this.#descriptor = descriptor;
    this.#sizeBytes = sizeBytes;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  read(offset: number, length: number): Uint8Array {
    assert(!this.#isClosed, 'a closed file is not read');
    const bytes = new Uint8Array(Math.max(0, Math.min(length, this.#sizeBytes - offset)));
    let filled = 0;
    while (filled < bytes.length) {
      const count = edge(this.name, () =>
        fs.readSync(this.#descriptor, bytes, filled, bytes.length - filled, offset + filled),
      );
      if (count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  }

  write(offset: number, chunks: readonly Uint8Array[], done: Done): void {
    assert(!this.#isClosed && !this.#isWriting, 'one write at a time, to an open file');
    this.#isWriting = true;
    const finish = (error: SystemError): void => {
      this.#isWriting = false;
      if (this.#isClosed) this.#closeDescriptor();
      done(error === null ? null : diskError(this.name, error));
    };
    writeChunks(this.#descriptor, chunks, offset, (writeError, end) => {
      if (writeError !== null) {
        finish(writeError);
        return;
      }
      this.#sizeBytes = Math.max(this.#sizeBytes, end);
      if (WRITES_SYNC && end > offset) finish(null);
      else fs.fdatasync(this.#descriptor, finish);
    });
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isWriting) this.#closeDescriptor();
  }

  #closeDescriptor(): void {
    // What was synced is safe whatever closing says, and nothing else was promised.
    fs.close(this.#descriptor, () => {});
  }
}

function writeChunks(
  descriptor: number,
  chunks: readonly Uint8Array[],
  offset: number,
  done: (error: SystemError, end: number) => void,
): void {
  let total = 0;
  for (const chunk of chunks) total += chunk.length;
  if (total === 0) {
    done(null, offset);
    return;
  }
  fs.writev(descriptor, chunks, offset, (error, written) => {
    if (error !== null || written === total) done(error, offset + written);
    // A short write says nothing of its reason; the rest is written, or says it.
    else if (written === 0) done(new Error('the disk takes no more bytes'), offset);
    else writeChunks(descriptor, without(chunks, written), offset + written, done);
  });
}

function without(chunks: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  let skip = written;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (skip < chunk.length) rest.push(skip === 0 ? chunk : chunk.subarray(skip));
    skip = Math.max(0, skip - chunk.length);
  }
  return rest;
}

/** Synced part by part: the sync of a whole file would hold up those of other files. */
function writeZeros(descriptor: number, sizeBytes: number, from: number, done: (error: SystemError) => void): void {
  if (from >= sizeBytes) {
    done(null);
    return;
  }
  const beganMs = performance.now();
  writeChunks(descriptor, [ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - from))], from, (writeError, end) => {
    if (writeError !== null) {
      done(writeError);
      return;
    }
    fs.fdatasync(descriptor, (syncError) => {
      if (syncError !== null || end >= sizeBytes) return done(syncError);
      const restMs = Math.min(REST_MS_MAX, performance.now() - beganMs);
      setTimeout(() => writeZeros(descriptor, sizeBytes, end, done), restMs);
    });
  });
}

function syncDirectory(directory: string, done: (error: SystemError) => void): void {
  if (process.platform === 'win32') {
    setImmediate(done, null); // Windows has no such thing.
    return;
  }
  fs.open(directory, 'r', (openError, descriptor) => {
    if (openError !== null) {
      done(openError);
      return;
    }
    fs.fsync(descriptor, (syncError) => fs.close(descriptor, (closeError) => done(syncError ?? closeError ?? null)));
  });
}

/** Makes the names in a directory durable. */
export function syncDirectoryNow(directory: string): void {
  if (process.platform === 'win32') return;
  const descriptor = fs.openSync(directory, 'r');
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** @throws DiskError */
function edge<T>(file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw diskError(file, error);
  }
}

function diskError(file: string, cause: unknown): DiskError {
  const systemCode = (cause as NodeJS.ErrnoException).code;
  const code =
    systemCode === 'ENOENT' ? 'NOT_FOUND' : systemCode === 'ENOSPC' || systemCode === 'EDQUOT' ? 'NO_SPACE' : 'IO';
  return new DiskError({ code, file, message: `${file}: ${(cause as Error).message}`, cause });
}
