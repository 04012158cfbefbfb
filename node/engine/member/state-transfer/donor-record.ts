/**
 * Whose state a directory began with, as the next run will read it: forgotten durably once this run has found out that its
 * member is a witness of its own (DigestWatch). Else a whole group that was put up from one member would be one witness
 * again after each restart of all, and one that goes astray in the restart would stop them all.
 *
 * It is in the file of the marker, and a disk may end two replacements in any order: whoever marks the directory waits for
 * the one of here, and nothing is forgotten behind the mark.
 */
import type { Disk, DiskError, MemberId } from '../../../../gcs/base/index.ts';
import { endTransfer, readMarker } from './marker.ts';

export class DonorRecord {
  readonly #disk: Disk;
  #from: MemberId | null;
  #isWriting = false;
  #isMarked = false;
  #waiting: (() => void)[] = [];

  /** Of a directory that is not marked. @throws DiskError */
  constructor(disk: Disk) {
    this.#disk = disk;
    const marker = readMarker(disk);
    this.#from = marker.kind === 'complete' ? marker.from : null;
  }

  /** Null: nobody's, or it does not matter any more. */
  get from(): MemberId | null {
    return this.#from;
  }

  /** Once; harmless when there is nothing to forget. `failed`: of a disk that has room, and fails. */
  forget(failed: (error: DiskError) => void): void {
    if (this.#from === null || this.#isMarked) return;
    this.#from = null;
    this.#isWriting = true;
    endTransfer(this.#disk, null, (error) => {
      this.#isWriting = false;
      // Without room the next run remembers, and finds it out anew.
      if (error !== null && error.code !== 'NO_SPACE') failed(error);
      for (const mark of this.#waiting.splice(0)) mark();
    });
  }

  /** `mark` begins a transfer: called now, or as soon as nothing is being written. */
  giveWayTo(mark: () => void): void {
    this.#isMarked = true;
    if (this.#isWriting) this.#waiting.push(mark);
    else mark();
  }
}
