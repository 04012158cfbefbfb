/**
 * The disk of one host. A write is durable when it is reported; a crash before that keeps any subset of its sectors. A
 * name that was made, replaced or removed without a report may be there or not after a crash. A process reads what was
 * durable or reported, never what is still being written.
 *
 * It can fail: `breakAt` makes the next operation of a kind, and all after it, an error until `mend`; `roomBytes` is how
 * much can be created; `damage` changes bytes at rest, `wipe` loses them all.
 */
import { type Disk, DiskError, type DiskFile, type SeededRandom } from '../../gcs/base/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

export const SECTOR_BYTES = 512;

export interface DiskConditions {
  syncMinUs: number;
  syncMaxUs: number;
}

export type DiskOperation = 'create' | 'write' | 'replace' | 'remove';

/** What a disk can fail at; `write`: its sync fails, too. */
export type BreakingOperation = 'read' | 'write' | 'create';

/** What time, cosmic rays and firmware do to sectors at rest. */
export type DamageKind = 'bit flip' | 'zeroed sector' | 'misdirected sector';

interface Content {
  bytes: Uint8Array;
  /** What was reported durable, in the order of the reports, whole writes. */
  readonly written: { readonly offset: number; readonly length: number; readonly number: number }[];
}

interface WriteInFlight {
  readonly content: Content;
  readonly offset: number;
  readonly chunks: readonly Uint8Array[];
}

interface NamingInFlight {
  readonly name: string;
  readonly before: Uint8Array | null;
  readonly after: Uint8Array;
}

/** A place that can be damaged: a write that was reported durable. */
export interface DurablePlace {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** Of all writes of this disk, ascending in time. */
  readonly number: number;
}

export class SimulatedDisk {
  conditions: DiskConditions = { syncMinUs: 100, syncMaxUs: 2000 };
  /** Files take so many bytes at most; beyond, `create` has no space. */
  roomBytes = Number.POSITIVE_INFINITY;
  /** Whether what `replace` writes finds room beyond `roomBytes`: a disk has some left, as a rule, for files so small. */
  hasRoomForReplacements = true;
  /** Called when a write has begun, with the time it will take; for faults that strike in the middle of it. */
  writeBegan: (write: { readonly durationUs: number; readonly sectors: number }) => void = () => {};
  /** Called before an operation begins, and before its end is reported; for faults that strike just there. */
  passed: ((when: 'before' | 'after', operation: DiskOperation, file: string) => void) | null = null;
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #files = new Map<string, Content>();
  readonly #writes = new Set<WriteInFlight>();
  readonly #namings = new Set<NamingInFlight>();
  /** Removed, but the directory was not synced since. */
  readonly #removed = new Map<string, Content>();
  #breaksAt: BreakingOperation | null = null;
  #isBroken = false;
  #isObserved = false;
  readonly #operations: FileOperations = {
    isObserved: () => this.#isObserved,
    read: (name) => this.#read(name),
    write: (file, offset, chunks, done) => this.#beginWrite(file, offset, chunks, done),
  };
  #refusals = 0;
  #writesDone = 0;

  constructor(world: SimulatedWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  get writesInFlight(): number {
    return this.#writes.size + this.#namings.size;
  }

  /** Some operation has failed since `breakAt`. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** How often there was no room for a file. */
  get refusals(): number {
    return this.#refusals;
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const content of this.#files.values()) bytes += content.bytes.length;
    return bytes;
  }

  hasRoomFor(sizeBytes: number): boolean {
    return this.roomBytes === Number.POSITIVE_INFINITY || this.usedBytes + sizeBytes <= this.roomBytes;
  }

  get fileNames(): readonly string[] {
    return [...this.#files.keys()].sort();
  }

  /** How long one sync takes under the conditions of the moment. */
  drawSyncUs(): number {
    return this.#random.between(this.conditions.syncMinUs, this.conditions.syncMaxUs);
  }

  /** Reads from here that are an observer's: they never fail. */
  observe<T>(work: () => T): T {
    this.#isObserved = true;
    try {
      return work();
    } finally {
      this.#isObserved = false;
    }
  }

  breakAt(operation: BreakingOperation): void {
    this.#breaksAt = operation;
  }

  mend(): void {
    this.#breaksAt = null;
    this.#isBroken = false;
  }

  /** Another, empty disk is put in its place; nothing may run on it. */
  wipe(): void {
    this.#files.clear();
    this.#removed.clear();
    this.mend();
  }

  /** What was written and reported durable to the files that `isWanted`, oldest first. */
  durablePlaces(isWanted: (name: string) => boolean): readonly DurablePlace[] {
    const places: DurablePlace[] = [];
    for (const [name, { written, bytes }] of this.#files) {
      if (!isWanted(name)) continue;
      for (const place of written) {
        if (place.offset + place.length <= bytes.length) places.push({ name, ...place });
      }
    }
    return places.sort((one, other) => one.number - other.number);
  }

  damage(place: DurablePlace, kind: DamageKind, random: SeededRandom): void {
    const { bytes } = this.#files.get(place.name)!;
    if (kind === 'bit flip') {
      bytes[place.offset + random.below(place.length)]! ^= 1 << random.below(8);
      return;
    }
    const sectors = Math.max(1, Math.floor(place.length / SECTOR_BYTES));
    const at = place.offset + random.below(sectors) * SECTOR_BYTES;
    const end = Math.min(at + SECTOR_BYTES, bytes.length);
    if (kind === 'zeroed sector') bytes.fill(0, at, end);
    else {
      const from = SECTOR_BYTES * random.below(Math.max(1, Math.floor(bytes.length / SECTOR_BYTES)));
      bytes.copyWithin(at, from, from + (end - at));
    }
  }

  /** The disk as one process has it. A process that is dead in the middle of its turn changes nothing more. */
  of(process: SimulatedProcess): Disk {
    return {
      list: () => {
        this.#read('');
        return this.fileNames;
      },
      open: (name) => {
        this.#read(name);
        const content = this.#files.get(name);
        if (content === undefined)
          throw new DiskError({ code: 'NOT_FOUND', file: name, message: `${name} is missing` });
        return this.#handle(process, name, content);
      },
      create: (name, sizeBytes, done) => {
        this.passed?.('before', 'create', name);
        if (!process.isAlive) return;
        const error = this.#whyNot('create', name) ?? this.#whyNoRoom(name, sizeBytes);
        if (error !== null) return this.#fail(process, error, (failed) => done(failed, null));
        const content: Content = { bytes: new Uint8Array(sizeBytes), written: [] };
        const before = this.#files.get(name)?.bytes ?? null;
        this.#name(process, { operation: 'create', name, before, after: content.bytes }, () => {
          this.#files.set(name, content);
          done(null, this.#handle(process, name, content));
        });
        this.#files.set(name, { bytes: new Uint8Array(0), written: [] });
      },
      replace: (name, bytes, done) => {
        this.passed?.('before', 'replace', name);
        if (!process.isAlive) return;
        const error = this.#whyNot('write', name) ?? this.#whyNoReplacement(name, bytes.length);
        if (error !== null) return this.#fail(process, error, done);
        const before = this.#files.get(name)?.bytes ?? null;
        this.#name(process, { operation: 'replace', name, before, after: bytes.slice() }, (after) => {
          this.#files.set(name, { bytes: after, written: [] });
          done(null);
        });
      },
      readWhole: (name) => {
        this.#read(name);
        return this.#files.get(name)?.bytes.slice() ?? null;
      },
      remove: (name) => {
        this.passed?.('before', 'remove', name);
        if (!process.isAlive) return;
        const content = this.#files.get(name);
        if (content === undefined) return;
        this.#files.delete(name);
        this.#removed.set(name, content);
        this.passed?.('after', 'remove', name);
      },
    };
  }

  /** What was not reported durable is torn; what was removed without a sync may be back. */
  crash(): void {
    for (const write of this.#writes) this.#tear(write);
    this.#writes.clear();
    for (const [name, content] of this.#removed) {
      if (!this.#files.has(name) && this.#random.chance(50)) this.#files.set(name, content);
    }
    this.#removed.clear();
    for (const { name, before, after } of this.#namings) {
      this.#world.faultCounts.add('unsynced write lost');
      if (this.#random.chance(50)) this.#files.set(name, { bytes: after, written: [] });
      else if (before !== null) this.#files.set(name, { bytes: before, written: [] });
      else this.#files.delete(name);
    }
    this.#namings.clear();
  }

  // Errors

  /** @throws DiskError */
  #read(name: string): void {
    const error = this.#whyNot('read', name);
    if (error !== null) throw error;
  }

  #whyNot(operation: BreakingOperation, file: string): DiskError | null {
    if (this.#isObserved || this.#breaksAt === null || (!this.#isBroken && this.#breaksAt !== operation)) return null;
    if (!this.#isBroken) this.#world.tell(`the disk fails at a ${operation} of ${file || 'the directory'}`);
    this.#isBroken = true;
    return new DiskError({ code: 'IO', file, message: `input/output error at a ${operation} of ${file}` });
  }

  /** Both contents are there for a moment, also of a file that has one already. */
  #whyNoReplacement(file: string, sizeBytes: number): DiskError | null {
    return this.hasRoomForReplacements ? null : this.#whyNoRoomFor(file, sizeBytes);
  }

  #whyNoRoom(file: string, sizeBytes: number): DiskError | null {
    return this.#files.has(file) ? null : this.#whyNoRoomFor(file, sizeBytes);
  }

  #whyNoRoomFor(file: string, sizeBytes: number): DiskError | null {
    if (this.hasRoomFor(sizeBytes)) return null;
    this.#refusals++;
    return new DiskError({ code: 'NO_SPACE', file, message: `no space for ${file}` });
  }

  #fail(process: SimulatedProcess, error: DiskError, done: (error: DiskError) => void): void {
    process.after(this.drawSyncUs(), () => done(error));
  }

  #name(
    process: SimulatedProcess,
    { operation, ...naming }: NamingInFlight & { readonly operation: DiskOperation },
    done: (after: Uint8Array) => void,
  ): void {
    for (const other of this.#namings) {
      if (other.name === naming.name) throw new Error(`${naming.name} is being named already`);
    }
    this.#namings.add(naming);
    const durationUs = this.drawSyncUs() * 2;
    this.writeBegan({ durationUs, sectors: 1 });
    process.after(durationUs, () => {
      this.#namings.delete(naming);
      this.#removed.clear();
      this.passed?.('after', operation, naming.name);
      if (process.isAlive) done(naming.after);
      else this.#files.set(naming.name, { bytes: naming.after, written: [] });
    });
  }

  #handle(process: SimulatedProcess, name: string, content: Content): DiskFile {
    return new SimulatedFile(this.#operations, process, name, content);
  }

  #beginWrite(file: SimulatedFile, offset: number, chunks: readonly Uint8Array[], done: WriteDone): void {
    const { process, name, content } = file;
    this.passed?.('before', 'write', name);
    if (!process.isAlive) return;
    file.isWriting = true;
    const write = { content, offset, chunks };
    const error = this.#whyNot('write', name);
    if (error !== null) {
      // What a failed write or sync leaves is any part of it.
      this.#tear(write);
      return this.#fail(process, error, done);
    }
    this.#writes.add(write);
    const durationUs = this.drawSyncUs();
    const length = bytesOf(chunks);
    this.writeBegan({ durationUs, sectors: Math.ceil(length / SECTOR_BYTES) });
    process.after(durationUs, () => {
      file.isWriting = false;
      this.#writes.delete(write);
      overwrite(content, offset, chunks);
      content.written.push({ offset, length, number: ++this.#writesDone });
      this.passed?.('after', 'write', name);
      if (process.isAlive) done(null);
    });
  }

  #tear({ content, offset, chunks }: WriteInFlight): void {
    this.#world.faultCounts.add('unsynced write lost');
    const written: Content = { bytes: content.bytes.slice(), written: [] };
    overwrite(written, offset, chunks);
    const end = offset + bytesOf(chunks);
    // All, none, or each sector by itself.
    const survivalPercent = this.#random.pick([0, 30, 50, 50, 70, 100]);
    let survived = 0;
    let lost = 0;
    for (let from = offset - (offset % SECTOR_BYTES); from < end; from += SECTOR_BYTES) {
      if (!this.#random.chance(survivalPercent)) {
        lost++;
        continue;
      }
      survived++;
      overwrite(content, from, [written.bytes.subarray(from, Math.min(from + SECTOR_BYTES, written.bytes.length))]);
    }
    if (survived > 0 && lost > 0) this.#world.faultCounts.add('torn write');
  }
}

type WriteDone = (error: DiskError | null) => void;

/** What a file asks of its disk. */
interface FileOperations {
  readonly isObserved: () => boolean;
  /** @throws DiskError */
  readonly read: (name: string) => void;
  readonly write: (file: SimulatedFile, offset: number, chunks: readonly Uint8Array[], done: WriteDone) => void;
}

class SimulatedFile implements DiskFile {
  readonly process: SimulatedProcess;
  readonly name: string;
  readonly content: Content;
  isWriting = false;
  readonly #operations: FileOperations;
  #isOpen = true;

  constructor(operations: FileOperations, process: SimulatedProcess, name: string, content: Content) {
    this.#operations = operations;
    this.process = process;
    this.name = name;
    this.content = content;
  }

  get sizeBytes(): number {
    return this.content.bytes.length;
  }

  read(offset: number, length: number): Uint8Array {
    // A run may end in the turn in which it delivered: an observer reads that yet.
    if (!this.#isOpen && !this.#operations.isObserved()) throw new Error(`${this.name} is closed`);
    this.#operations.read(this.name);
    return this.content.bytes.slice(offset, offset + length);
  }

  write(offset: number, chunks: readonly Uint8Array[], done: WriteDone): void {
    if (!this.#isOpen) throw new Error(`${this.name} is closed`);
    if (this.isWriting) throw new Error(`${this.name} is being written already`);
    this.#operations.write(this, offset, chunks, done);
  }

  close(): void {
    this.#isOpen = false;
  }
}

function bytesOf(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

function overwrite(content: Content, offset: number, chunks: readonly Uint8Array[]): void {
  const end = offset + bytesOf(chunks);
  if (end > content.bytes.length) {
    const grown = new Uint8Array(end);
    grown.set(content.bytes);
    content.bytes = grown;
  }
  let at = offset;
  for (const chunk of chunks) {
    content.bytes.set(chunk, at);
    at += chunk.length;
  }
}
