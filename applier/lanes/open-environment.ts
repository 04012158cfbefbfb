import { open, type RootDatabase } from 'lmdb';
import type { RowKey } from '../../certifier/types.ts';

/** What a lane's LMDB environment is opened with, by its worker (`mayWrite`) and, after it, by the main thread. */
export function openEnvironment(path: string, { mayWrite }: { mayWrite: boolean }): RootDatabase<Uint8Array, RowKey> {
  return open<Uint8Array, RowKey>({
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoder,
    readOnly: !mayWrite,
    // A commit returns when it is synced, and not before.
    overlappingSync: false,
  });
}

const keyEncoder = {
  writeKey(key: RowKey, target: Buffer, start: number): number {
    // The caller makes room and tries again.
    if (start + key.length > target.length) throw new RangeError('no room for the key');
    return start + target.write(key, start, 'latin1');
  },
  readKey(source: Buffer, start: number, end: number): RowKey {
    return source.toString('latin1', start, end);
  },
};
