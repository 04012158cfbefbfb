/**
 * Where an import stands, in a small file: written after rows were acknowledged, whole or not at all, and gone when the
 * import is through. It holds for one file as it was, one table as it was, and one way of reading; else it is not used.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { failed } from '../cli-error.ts';
import type { Progress } from './done-prefix.ts';

export interface StateIdentity {
  /** Absolute. */
  readonly file: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly table: string;
  /** How rows are read: format, delimiter and the like. */
  readonly reading: string;
}

export interface ImportState {
  readonly progress: Progress;
  /** Columns of a CSV file; null for JSON. */
  readonly columns: readonly string[] | null;
  /** Of the table as it was created or last truncated. */
  readonly tableId: number;
  /** Of a transaction that the group committed for this import: which group it is, and what a member must have to go on. */
  readonly gtid: string;
}

/** Of programs' state, by the conventions of XDG. */
export function stateDirectory(environment: Readonly<Record<string, string | undefined>>): string {
  const { XDG_STATE_HOME: told } = environment;
  const base = told !== undefined && path.isAbsolute(told) ? told : path.join(homedir(), '.local', 'state');
  return path.join(base, 'concert', 'imports');
}

export class StateFile {
  readonly path: string;
  readonly #identity: StateIdentity;

  constructor(directory: string, identity: StateIdentity) {
    this.#identity = identity;
    const name = createHash('sha256').update(`${identity.file}\0${identity.table}`).digest('hex').slice(0, 20);
    this.path = path.join(directory, `${name}.json`);
  }

  /** Null: there is none, or it is of another file, or damaged. */
  async read(): Promise<ImportState | null> {
    try {
      const kept = JSON.parse(await readFile(this.path, 'utf8')) as { identity?: StateIdentity; state?: ImportState };
      const isSame = JSON.stringify(kept.identity) === JSON.stringify(this.#identity);
      return isSame && kept.state !== undefined ? kept.state : null;
    } catch {
      return null;
    }
  }

  /** @throws Error of the file system */
  async write(state: ImportState): Promise<void> {
    const fresh = `${this.path}.${process.pid}.new`;
    await mkdir(path.dirname(this.path), { recursive: true });
    let handle: FileHandle | null = null;
    try {
      handle = await open(fresh, 'w', 0o600);
      await handle.writeFile(`${JSON.stringify({ identity: this.#identity, state })}\n`);
      await handle.sync();
    } finally {
      await handle?.close();
    }
    await rename(fresh, this.path);
  }

  /** @throws CliError: left where it is, it would make the next import of the file end before it begins */
  async remove(): Promise<void> {
    try {
      await rm(this.path, { force: true });
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      // Part of its path is a file: there is none.
      if (code === 'ENOTDIR') return;
      throw failed(`all rows are in, but ${this.path} cannot be removed (${message}); remove it`, error);
    }
  }
}
