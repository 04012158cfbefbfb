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

export type Marker =
  /** Nothing was ever received. */
  | { readonly kind: 'none' }
  /** `atLeast`: as `beginTransfer` was told; 0 if that is not known. */
  | { readonly kind: 'receiving'; readonly atLeast: LogIndex }
  /** `from`: whose state this directory began with; null: it is a witness of its own (DigestWatch), or that is not known. */
  | { readonly kind: 'complete'; readonly from: MemberId | null };

/** @throws DiskError */
export function readMarker(disk: Disk): Marker {
  const content = disk.readWhole(MARKER_FILE);
  if (content === null) return { kind: 'none' };
  const { transfer, atLeast, from } = fieldsOf(content);
  if (transfer === 'complete') return { kind: 'complete', from: typeof from === 'string' ? from : null };
  // Anything else than what `endTransfer` writes: a transfer that was not through for certain.
  return { kind: 'receiving', atLeast: transfer === 'receiving' && isIndex(atLeast) ? atLeast : 0 };
}

function fieldsOf(content: Uint8Array): Readonly<Record<string, unknown>> {
  try {
    return Object(JSON.parse(utf8Decode(content) ?? ''));
  } catch {
    return {};
  }
}

function isIndex(value: unknown): value is LogIndex {
  return Number.isSafeInteger(value) && (value as number) >= 0;
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

/** `from`: as in `Marker`. */
export function endTransfer(disk: Disk, from: MemberId | null, done: (error: DiskError | null) => void): void {
  disk.replace(MARKER_FILE, utf8Encode(`${JSON.stringify({ transfer: 'complete', from })}\n`), done);
}
