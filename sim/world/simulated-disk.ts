/**
 * The disk of one host. A write is durable when it is reported; a crash before that keeps any subset of its sectors. A
 * name that was made, replaced or removed without a report may be there or not after a crash. A process reads what was
 * durable or reported, never what is still being written.
 */
import { type Disk, DiskError, type DiskFile, type SeededRandom } from '../../gcs/base/index.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import type { SimulatedWorld } from './simulated-world.ts';

const SECTOR_BYTES = 512;

export interface DiskConditions {
  syncMinUs: number;
  syncMaxUs: number;
}

interface Content {
  bytes: Uint8Array;
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

export class SimulatedDisk {
  conditions: DiskConditions = { syncMinUs: 100, syncMaxUs: 2000 };
  /** Called when a write has begun, with the time it will take; for faults that strike in the middle of it. */
  writeBegan: (write: { readonly durationUs: number; readonly sectors: number }) => void = () => {};
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #files = new Map<string, Content>();
  readonly #writes = new Set<WriteInFlight>();
  readonly #namings = new Set<NamingInFlight>();
  /** Removed, but the directory was not synced since. */
  readonly #removed = new Map<string, Content>();

  constructor(world: SimulatedWorld, random: SeededRandom) {
    this.#world = world;
    this.#random = random;
  }

  get writesInFlight(): number {
    return this.#writes.size + this.#namings.size;
  }

  /** How long one sync takes under the conditions of the moment. */
  drawSyncUs(): number {
    return this.#random.between(this.conditions.syncMinUs, this.conditions.syncMaxUs);
  }

  /** The disk as one process has it. */
  of(process: SimulatedProcess): Disk {
    return {
      list: () => [...this.#files.keys()].sort(),
      open: (name) => {
        const content = this.#files.get(name);
        if (content === undefined)
          throw new DiskError({ code: 'NOT_FOUND', file: name, message: `${name} is missing` });
        return this.#handle(process, name, content);
      },
      create: (name, sizeBytes, done) => {
        const content = { bytes: new Uint8Array(sizeBytes) };
        this.#name(process, { name, before: this.#files.get(name)?.bytes ?? null, after: content.bytes }, () => {
          this.#files.set(name, content);
          done(null, this.#handle(process, name, content));
        });
        this.#files.set(name, { bytes: new Uint8Array(0) });
      },
      replace: (name, bytes, done) => {
        const before = this.#files.get(name)?.bytes ?? null;
        this.#name(process, { name, before, after: bytes.slice() }, (after) => {
          this.#files.set(name, { bytes: after });
          done(null);
        });
      },
      readWhole: (name) => this.#files.get(name)?.bytes.slice() ?? null,
      remove: (name) => {
        const content = this.#files.get(name);
        if (content === undefined) return;
        this.#files.delete(name);
        this.#removed.set(name, content);
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
      if (this.#random.chance(50)) this.#files.set(name, { bytes: after });
      else if (before !== null) this.#files.set(name, { bytes: before });
      else this.#files.delete(name);
    }
    this.#namings.clear();
  }

  #name(process: SimulatedProcess, naming: NamingInFlight, done: (after: Uint8Array) => void): void {
    for (const other of this.#namings) {
      if (other.name === naming.name) throw new Error(`${naming.name} is being named already`);
    }
    this.#namings.add(naming);
    const durationUs = this.drawSyncUs() * 2;
    this.writeBegan({ durationUs, sectors: 1 });
    process.after(durationUs, () => {
      this.#namings.delete(naming);
      this.#removed.clear();
      done(naming.after);
    });
  }

  #handle(process: SimulatedProcess, name: string, content: Content): DiskFile {
    let isOpen = true;
    let isWriting = false;
    return {
      name,
      get sizeBytes() {
        return content.bytes.length;
      },
      read: (offset, length) => {
        if (!isOpen) throw new Error(`${name} is closed`);
        return content.bytes.slice(offset, offset + length);
      },
      write: (offset, chunks, done) => {
        if (!isOpen) throw new Error(`${name} is closed`);
        if (isWriting) throw new Error(`${name} is being written already`);
        isWriting = true;
        const write = { content, offset, chunks };
        this.#writes.add(write);
        const durationUs = this.drawSyncUs();
        const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
        this.writeBegan({ durationUs, sectors: Math.ceil(bytes / SECTOR_BYTES) });
        process.after(durationUs, () => {
          isWriting = false;
          this.#writes.delete(write);
          overwrite(content, offset, chunks);
          done(null);
        });
      },
      close: () => {
        isOpen = false;
      },
    };
  }

  #tear({ content, offset, chunks }: WriteInFlight): void {
    this.#world.faultCounts.add('unsynced write lost');
    const written = { bytes: content.bytes.slice() };
    overwrite(written, offset, chunks);
    const end = offset + chunks.reduce((sum, chunk) => sum + chunk.length, 0);
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

function overwrite(content: Content, offset: number, chunks: readonly Uint8Array[]): void {
  const end = offset + chunks.reduce((sum, chunk) => sum + chunk.length, 0);
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
