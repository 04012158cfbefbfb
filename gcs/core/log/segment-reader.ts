/** Reads whole segment files, around sectors that the disk cannot read any more. */
import type { Disk, DiskFile } from '../../base/index.ts';
import { DiskError } from '../../base/index.ts';
import { SECTOR_BYTES, wholeSectors } from './format.ts';

const READ_BYTES = 1024 * 1024;
/** Of one file. A disk that loses more is not to be worked with. */
const UNREADABLE_SECTORS_MAX = 256;

export interface ReadSegment {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Offset of the last sector that could not be read, with the disk's error; such sectors are zeros in `bytes`. */
  readonly lastUnreadable: { readonly offset: number; readonly error: DiskError } | null;
}

/** @throws DiskError */
export function readSegment(disk: Disk, name: string): ReadSegment {
  const file = disk.open(name);
  try {
    const whole = file.sizeBytes <= READ_BYTES ? readIfReadable(file, 0, file.sizeBytes) : null;
    if (whole !== null && whole.length === file.sizeBytes) return { name, bytes: whole, lastUnreadable: null };
    const bytes = new Uint8Array(file.sizeBytes);
    const unreadable: { offset: number; error: DiskError }[] = [];
    for (let offset = 0; offset < bytes.length; offset += READ_BYTES) {
      readInto(bytes, file, offset, Math.min(offset + READ_BYTES, bytes.length), unreadable);
    }
    return { name, bytes, lastUnreadable: unreadable.at(-1) ?? null };
  } finally {
    file.close();
  }
}

/** The first sector: enough to know whose segment it is. All zeros where it cannot be read. @throws DiskError */
export function readFirstSector(disk: Disk, name: string): Uint8Array {
  const file = disk.open(name);
  try {
    return readIfReadable(file, 0, SECTOR_BYTES) ?? new Uint8Array(SECTOR_BYTES);
  } finally {
    file.close();
  }
}

/** Null: some of it cannot be read. */
function readIfReadable(file: DiskFile, offset: number, length: number): Uint8Array | null {
  try {
    return file.read(offset, length);
  } catch (error) {
    if (isReadError(error)) return null;
    throw error;
  }
}

export function isReadError(error: unknown): error is DiskError {
  return error instanceof DiskError && error.code === 'IO';
}

function readInto(
  bytes: Uint8Array,
  file: DiskFile,
  from: number,
  to: number,
  unreadable: { offset: number; error: DiskError }[],
): void {
  try {
    bytes.set(file.read(from, to - from), from);
  } catch (error) {
    if (!isReadError(error)) throw error;
    if (to - from > SECTOR_BYTES) {
      const middle = from + wholeSectors((to - from) / 2);
      readInto(bytes, file, from, middle, unreadable);
      if (middle < to) readInto(bytes, file, middle, to, unreadable);
      return;
    }
    unreadable.push({ offset: from, error });
    if (unreadable.length > UNREADABLE_SECTORS_MAX) throw error;
  }
}
