/**
 * The disk of one member, whose calls are delayed or fail by rules that change while it runs: this side writes them into
 * the small file that `disk-shim.c`, preloaded into the member's processes, has mapped.
 */
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { endianness, constants as system } from 'node:os';
import { compileLibrary } from './compile-library.ts';

/** `grow`: a write that makes a file longer, and the allocation of room. What syncs itself is a `write` and a `sync`. */
export type DiskOperation = 'read' | 'write' | 'grow' | 'sync';

export interface DiskRule {
  readonly operations: readonly DiskOperation[];
  /** Of files whose path, below the directory of the disk, begins so; absent: of all. */
  readonly path?: string;
  /** Before the call; `hangs`: until the rule is lifted. */
  readonly delay?: { readonly ms: number; readonly jitterMs?: number } | 'hangs';
  readonly error?: 'EIO' | 'ENOSPC';
  /** Strikes from this fitting call on, from 1, which is the default. */
  readonly nth?: number;
  /** Strikes so many times; absent: until it is lifted. */
  readonly times?: number;
}

export interface ActiveDiskRule {
  /** How many calls it has struck. */
  struck(): number;
  lift(): void;
}

/** As disk-shim.c has it. */
const RULE_BYTES = 256;
const RULES_MAX = 15;
const COUNTERS_AT = 32;
const PATH_AT = 48;
const PATH_BYTES_MAX = RULE_BYTES - PATH_AT - 1;
const HANGS = 2 ** 32 - 1;
const DELAY_MS_MAX = 600_000;
const BITS: Readonly<Record<DiskOperation, number>> = { read: 1, write: 2, grow: 4, sync: 8 };

/** Null: it can be used here. */
export function whyNoFaultyDisk(): string | null {
  const library = compileLibrary('disk-shim.c');
  if (library.kind === 'unavailable') return library.reason;
  return endianness() === 'LE' ? null : 'the control file is little endian';
}

export class FaultyDisk {
  readonly #directory: string;
  readonly #controlFile: string;
  readonly #descriptor: number;
  /** The number of the use that a place has; 0: free. */
  readonly #places = new Array<number>(RULES_MAX).fill(0);
  #lastUse = 0;

  /** `directory`: absolute, without links; may come to be later. `controlFile` is made anew, outside of it. */
  constructor(directory: string, controlFile: string) {
    this.#directory = directory;
    this.#controlFile = controlFile;
    this.#descriptor = openSync(controlFile, 'w+');
    writeSync(this.#descriptor, Buffer.alloc(RULE_BYTES * (RULES_MAX + 1)));
  }

  /** Of the processes that are to have this disk. */
  get environment(): Readonly<Record<string, string>> {
    const library = compileLibrary('disk-shim.c');
    if (library.kind === 'unavailable') throw new Error(library.reason);
    return {
      LD_PRELOAD: library.file,
      // What goes around the C library is not seen.
      UV_USE_IO_URING: '0',
      DISK_SHIM_DIRECTORY: this.#directory,
      DISK_SHIM_CONTROL: this.#controlFile,
    };
  }

  /** In force when this returns. @throws RangeError */
  impose(rule: DiskRule): ActiveDiskRule {
    const place = this.#places.indexOf(0);
    if (place < 0) throw new RangeError(`a disk has at most ${RULES_MAX} rules at once`);
    const bytes = encodeRule(rule);
    const use = ++this.#lastUse;
    this.#places[place] = use;
    const at = RULE_BYTES * (place + 1);
    writeSync(this.#descriptor, bytes, 0, bytes.length, at);
    this.#writeNumber(at, use);
    this.#countActive();
    const counters = Buffer.alloc(16);
    let struckAtLast = 0;
    const struck = (): number => {
      if (this.#places[place] !== use) return struckAtLast;
      readSync(this.#descriptor, counters, 0, counters.length, at + COUNTERS_AT);
      return Number(counters.readBigUInt64LE(8));
    };
    const lift = (): void => {
      if (this.#places[place] !== use) return;
      this.#writeNumber(at, 0);
      struckAtLast = struck();
      this.#places[place] = 0;
      this.#countActive();
    };
    return { struck, lift };
  }

  heal(): void {
    for (const place of this.#places.keys()) {
      this.#writeNumber(RULE_BYTES * (place + 1), 0);
      this.#places[place] = 0;
    }
    this.#countActive();
  }

  close(): void {
    closeSync(this.#descriptor);
  }

  #countActive(): void {
    this.#writeNumber(0, this.#places.filter((use) => use > 0).length);
  }

  #writeNumber(at: number, value: number): void {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    writeSync(this.#descriptor, bytes, 0, bytes.length, at);
  }
}

/** Not active yet. */
function encodeRule({ operations, path = '', delay = { ms: 0 }, error, nth = 1, times = 0 }: DiskRule): Buffer {
  const bytes = Buffer.alloc(RULE_BYTES);
  const { ms, jitterMs = 0 } = delay === 'hangs' ? { ms: 0 } : delay;
  if (ms < 0 || ms > DELAY_MS_MAX || jitterMs < 0 || jitterMs > DELAY_MS_MAX) {
    throw new RangeError(`a disk's delay is 0 to ${DELAY_MS_MAX} ms`);
  }
  if (!(nth >= 1) || !(times >= 0)) throw new RangeError('nth counts from 1, times from 0');
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) throw new RangeError(`path: at most ${PATH_BYTES_MAX} bytes`);
  const numbers = [
    0,
    operations.reduce((bits, operation) => bits | BITS[operation], 0),
    error === undefined ? 0 : system.errno[error],
    delay === 'hangs' ? HANGS : Math.round(ms * 1000),
    Math.round(jitterMs * 1000),
    nth,
    times,
  ];
  for (const [i, value] of numbers.entries()) bytes.writeUInt32LE(value, 4 * i);
  bytes.write(path, PATH_AT);
  return bytes;
}
