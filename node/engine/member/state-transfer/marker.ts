/**
 * The marker of a state transfer. While it says `receiving`, log, verdicts and lanes are of no worth, whatever they look
 * like: another transfer begins anew. It is durable before the first of them is touched, and taken back after the last
 * is durable. Taken back by other content, since a file that was removed may come back after a crash.
 */
import {
  type Clock,
  type Disk,
  type DiskError,
  type LogIndex,
  type MemberId,
  utf8Decode,
  utf8Encode,
} from '../../../../gcs/base/index.ts';

const MARKER_FILE = 'transfer.json';
const ROOM_RETRY_MS = 1000;

export function readMarker(disk: Disk): 'none' | 'receiving' {
  const content = disk.readWhole(MARKER_FILE);
  // Anything else than what `endTransfer` writes: a transfer that was not through for certain.
  return content === null || completed(content) !== null ? 'none' : 'receiving';
}

/** What `beginTransfer` was told, while the transfer is not through; else 0. */
export function leastNeeded(disk: Disk): LogIndex {
  const content = disk.readWhole(MARKER_FILE);
  if (content === null) return 0;
  try {
    const { transfer, atLeast } = JSON.parse(utf8Decode(content) ?? '');
    return transfer === 'receiving' && Number.isSafeInteger(atLeast) && atLeast >= 0 ? atLeast : 0;
  } catch {
    return 0;
  }
}

/** Who sent the state that this directory began with; null: nobody, or it is not known. */
export function donorOf(disk: Disk): MemberId | null {
  const content = disk.readWhole(MARKER_FILE);
  return content === null ? null : (completed(content)?.from ?? null);
}

/** Null: it is not through. */
function completed(content: Uint8Array): { readonly from: MemberId | null } | null {
  try {
    const { transfer, from } = JSON.parse(utf8Decode(content) ?? '');
    return transfer === 'complete' ? { from: typeof from === 'string' ? from : null } : null;
  } catch {
    return null;
  }
}

/** `atLeast`: a state that ends before this index of the log is of no use; 0: any will do. */
export function beginTransfer(disk: Disk, atLeast: LogIndex, done: (error: DiskError | null) => void): void {
  disk.replace(MARKER_FILE, utf8Encode(`${JSON.stringify({ transfer: 'receiving', atLeast })}\n`), done);
}

/**
 * As `beginTransfer`, each second anew while the disk has no room (R16), which `roomChanged` is told each time. Not
 * again, and without an answer, once `isOver` says so.
 */
export function beginTransferInsistently(
  owner: {
    readonly disk: Disk;
    readonly clock: Clock;
    readonly atLeast: LogIndex;
    roomChanged(hasRoom: boolean): void;
    isOver(): boolean;
  },
  done: (error: DiskError | null) => void,
): void {
  const { disk, clock, atLeast } = owner;
  beginTransfer(disk, atLeast, (error) => {
    if (owner.isOver()) return;
    const hasRoom = error?.code !== 'NO_SPACE';
    owner.roomChanged(hasRoom);
    if (hasRoom) return done(error);
    clock.schedule(ROOM_RETRY_MS, () => {
      if (!owner.isOver()) beginTransferInsistently(owner, done);
    });
  });
}

export function endTransfer(disk: Disk, from: MemberId | null, done: (error: DiskError | null) => void): void {
  disk.replace(MARKER_FILE, utf8Encode(`${JSON.stringify({ transfer: 'complete', from })}\n`), done);
}
