/**
 * The marker of a state transfer. While it says `receiving`, log, verdicts and lanes are of no worth, whatever they look
 * like: another transfer begins anew. It is durable before the first of them is touched, and taken back after the last
 * is durable. Taken back by other content, since a file that was removed may come back after a crash.
 */
import { type Disk, type DiskError, utf8Decode, utf8Encode } from '../../../../gcs/base/index.ts';

const MARKER_FILE = 'transfer.json';

export function readMarker(disk: Disk): 'none' | 'receiving' {
  const content = disk.readWhole(MARKER_FILE);
  if (content === null) return 'none';
  // Anything else than what `endTransfer` writes: a transfer that was not through for certain.
  return utf8Decode(content) === COMPLETE ? 'none' : 'receiving';
}

export function beginTransfer(disk: Disk, done: (error: DiskError | null) => void): void {
  disk.replace(MARKER_FILE, utf8Encode(RECEIVING), done);
}

export function endTransfer(disk: Disk, done: (error: DiskError | null) => void): void {
  disk.replace(MARKER_FILE, utf8Encode(COMPLETE), done);
}

const RECEIVING = '{"transfer":"receiving"}\n';
const COMPLETE = '{"transfer":"complete"}\n';
