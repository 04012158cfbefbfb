/** The file as bytes: unpacked where its name ends in `.gz`, from any offset; or the standard input. */
import { createReadStream, fstatSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { failed } from '../cli-error.ts';

const CHUNK_BYTES = 256 * 1024;

export interface Input {
  /** As messages name it. */
  readonly name: string;
  /** Of the file, packed; null: not known. */
  readonly size: number | null;
  /** What the file is at this moment, as far as it can be told from outside; null: the standard input. */
  readonly identity: FileIdentity | null;
  readonly isPacked: boolean;
  /** Bytes of the file that were read so far, packed. */
  readonly bytesRead: () => number;
  /** The unpacked bytes from `offset` on. Not twice of the standard input. @throws CliError */
  chunks(offset: number): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

export interface FileIdentity {
  readonly size: number;
  readonly mtimeMs: number;
}

/** `-`: the standard input. @throws CliError */
export async function openInput(file: string): Promise<Input> {
  return file === '-' ? standardInput() : openFile(file);
}

function standardInput(): Input {
  let bytesRead = 0;
  return {
    name: 'standard input',
    size: null,
    identity: null,
    isPacked: false,
    bytesRead: () => bytesRead,
    async *chunks(offset) {
      let before = offset;
      for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
        bytesRead += chunk.length;
        const skipped = Math.min(before, chunk.length);
        before -= skipped;
        if (skipped < chunk.length) yield chunk.subarray(skipped);
      }
    },
    close: async () => {
      process.stdin.destroy();
    },
  };
}

async function openFile(file: string): Promise<Input> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    throw unreadable(file, error);
  }
  const stat = fstatSync(handle.fd);
  if (stat.isDirectory()) {
    await handle.close();
    throw failed(`${file} is a directory; name a file of rows`);
  }
  const isPacked = file.endsWith('.gz');
  const isPlain = stat.isFile();
  let stream: Readable | null = null;
  return {
    name: file,
    size: isPlain ? stat.size : null,
    identity: isPlain ? { size: stat.size, mtimeMs: stat.mtimeMs } : null,
    isPacked,
    bytesRead: () => (stream as { bytesRead?: number } | null)?.bytesRead ?? 0,
    async *chunks(offset) {
      const start = isPacked || !isPlain ? 0 : offset;
      const options = { fd: handle.fd, autoClose: false, highWaterMark: CHUNK_BYTES, ...(isPlain && { start }) };
      const bytes = createReadStream('', options);
      stream = bytes;
      // Errors of the file come out of the end of the pipeline.
      const unpacked = isPacked ? pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : bytes;
      let before = offset - start;
      try {
        for await (const chunk of unpacked as AsyncIterable<Buffer>) {
          const skipped = Math.min(before, chunk.length);
          before -= skipped;
          if (skipped < chunk.length) yield chunk.subarray(skipped);
        }
      } catch (error) {
        throw unreadable(file, error);
      } finally {
        bytes.destroy();
        unpacked.destroy();
      }
    },
    close: () => handle.close(),
  };
}

function unreadable(file: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file' : message.split('\n', 1)[0];
  return failed(`${file} cannot be read: ${why}`, error);
}
