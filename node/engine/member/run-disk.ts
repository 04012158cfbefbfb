/**
 * The disk as one run of a member has it. Files and names that this run asked for may come to be after it was told to
 * stop; the next run, which may ask for the same ones, waits for that.
 */
import type { Disk, DiskError, DiskFile } from '../../../gcs/base/index.ts';

export class RunDisk implements Disk {
  readonly #disk: Disk;
  #underway = 0;
  #waiting: (() => void)[] = [];

  constructor(disk: Disk) {
    this.#disk = disk;
  }

  list(): readonly string[] {
    return this.#disk.list();
  }

  open(name: string): DiskFile {
    return this.#disk.open(name);
  }

  create(name: string, sizeBytes: number, done: (error: DiskError | null, file: DiskFile | null) => void): void {
    this.#underway++;
    this.#disk.create(name, sizeBytes, (error, file) => {
      done(error, file);
      this.#through();
    });
  }

  replace(name: string, content: Uint8Array, done: (error: DiskError | null) => void): void {
    this.#underway++;
    this.#disk.replace(name, content, (error) => {
      done(error);
      this.#through();
    });
  }

  readWhole(name: string): Uint8Array | null {
    return this.#disk.readWhole(name);
  }

  remove(name: string): void {
    this.#disk.remove(name);
  }

  /** Calls `done` when nothing that was asked for is under way; at once if that is so. */
  whenIdle(done: () => void): void {
    if (this.#underway === 0) done();
    else this.#waiting.push(done);
  }

  #through(): void {
    this.#underway--;
    if (this.#underway > 0) return;
    for (const done of this.#waiting.splice(0)) done();
  }
}
