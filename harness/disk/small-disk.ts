/** A small filesystem of its own, which a test can fill. Needs the right to mount. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** More pieces would not fit one by one. */
const FILL_PIECES = [1024 * 1024, 4096, 1];

/** Null: it can be had here. */
export function whyNoSmallDisk(): string | null {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-mount-'));
  const disk = SmallDisk.mount(folder, 1024 * 1024);
  disk?.unmount();
  rmSync(folder, { recursive: true, force: true });
  return disk === null ? 'mounting a filesystem needs more rights' : null;
}

export class SmallDisk {
  readonly folder: string;
  readonly #filler: string;

  /** Null: this process may not mount. `folder` is made. */
  static mount(folder: string, bytes: number): SmallDisk | null {
    mkdirSync(folder, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'concert-test', folder]);
    return mounted.status === 0 ? new SmallDisk(folder) : null;
  }

  private constructor(folder: string) {
    this.folder = folder;
    this.#filler = path.join(folder, 'filler');
  }

  /** Takes all the room that is left. */
  fill(): void {
    for (const piece of FILL_PIECES) {
      const descriptor = openSync(this.#filler, 'a');
      try {
        for (;;) writeSync(descriptor, Buffer.alloc(piece, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(descriptor);
      }
    }
  }

  makeRoom(): void {
    rmSync(this.#filler, { force: true });
  }

  unmount(): void {
    // Lazily: a process that is being ended may still have files there.
    spawnSync('umount', ['-l', this.folder]);
  }
}
