import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export type Library =
  | { readonly kind: 'compiled'; readonly file: string }
  | { readonly kind: 'unavailable'; readonly reason: string };

const compiled = new Map<string, Library>();

/** Compiles a C source of this folder into a directory that goes with this process; once. @throws Error if it is wrong */
export function compileLibrary(source: string): Library {
  let library = compiled.get(source);
  if (library === undefined) {
    library = compile(source);
    compiled.set(source, library);
  }
  return library;
}

function compile(source: string): Library {
  if (process.platform !== 'linux') return { kind: 'unavailable', reason: 'disk faults are for Linux only' };
  const directory = mkdtempSync(path.join(tmpdir(), 'concert-library-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const file = path.join(directory, source.replace(/\.c$/, '.so'));
  const args = ['-shared', '-fPIC', '-O1', '-o', file, path.join(import.meta.dirname, source), '-ldl', '-lpthread'];
  const compiler = spawnSync('cc', args, { encoding: 'utf8' });
  if (compiler.error !== undefined) return { kind: 'unavailable', reason: `no C compiler: ${compiler.error.message}` };
  if (compiler.status !== 0) throw new Error(`${source} does not compile:\n${compiler.stderr}`);
  return { kind: 'compiled', file };
}
