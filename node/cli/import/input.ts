/** The file as bytes: unpacked where its name ends in `.gz`, from any offset; or the standard input. */
import { createReadStream, type ReadStream, type Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream';
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
  let stats: Stats;
  try {
    stats = await stat(file);
    await access(file, constants.R_OK);
  } catch (error) {
    throw unreadable(file, error);
  }
  if (stats.isDirectory()) throw failed(`${file} is a directory; name a file of rows`);
  const isPacked = file.endsWith('.gz');
  const isPlain = stats.isFile();
  let packed: ReadStream | null = null;
  return {
    name: file,
    size: isPlain ? stats.size : null,
    identity: isPlain ? { size: stats.size, mtimeMs: stats.mtimeMs } : null,
    isPacked,
    bytesRead: () => packed?.bytesRead ?? 0,
    async *chunks(offset) {
      const start = isPlain && !isPacked ? offset : 0;
      packed = createReadStream(file, { highWaterMark: CHUNK_BYTES, ...(isPlain && { start }) });
      // What goes wrong with the file comes out of the end of the pipeline.
      const bytes = isPacked ? pipeline(packed, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : packed;
      let before = offset - start;
      try {
        for await (const chunk of bytes as AsyncIterable<Buffer>) {
          const skipped = Math.min(before, chunk.length);
          before -= skipped;
          if (skipped < chunk.length) yield chunk.subarray(skipped);
        }
      } catch (error) {
        throw unreadable(file, error);
      } finally {
        bytes.destroy();
      }
    },
    close: async () => {
      packed?.destroy();
    },
  };
}

function unreadable(file: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === 'ENOENT' ? 'there is no such file' : message.split('\n', 1)[0];
  return failed(`${file} cannot be read: ${why}`, error);
}
