import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface PowerCutPlan {
  /** Exists when the process starts. */
  readonly directory: string;
  /** Number of the event, from 1; absent: never (but on SIGUSR2). */
  readonly at?: number;
  /** Unsynced pages survive or not by it; absent: none does. */
  readonly seed?: number;
  /** Gets a line for each event. */
  readonly log?: string;
}

export type PowerCut =
  | {
      readonly kind: 'compiled';
      /** What a process under test has in its environment, besides its own. */
      readonly environment: (plan: PowerCutPlan) => Record<string, string>;
    }
  | { readonly kind: 'unavailable'; readonly reason: string };

/** Compiles the library into a directory that goes with this process. See README.md. */
export function compilePowerCut(): PowerCut {
  if (process.platform !== 'linux') return { kind: 'unavailable', reason: 'power cuts are simulated on Linux only' };
  const source = fileURLToPath(new URL('./power-cut.c', import.meta.url));
  const directory = mkdtempSync(join(tmpdir(), 'concert-power-cut-'));
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
  const library = join(directory, 'power-cut.so');
  const compiler = spawnSync('cc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl', '-lpthread'], {
    encoding: 'utf8',
  });
  if (compiler.error !== undefined) return { kind: 'unavailable', reason: `no C compiler: ${compiler.error.message}` };
  if (compiler.status !== 0) throw new Error(`power-cut.c does not compile:\n${compiler.stderr}`);
  return {
    kind: 'compiled',
    environment: ({ directory, at, seed, log }) => ({
      LD_PRELOAD: library,
      // Writes that go around the C library could not be taken back.
      UV_USE_IO_URING: '0',
      POWER_CUT_DIRECTORY: directory,
      ...(at === undefined ? {} : { POWER_CUT_AT: String(at) }),
      ...(seed === undefined ? {} : { POWER_CUT_SEED: String(seed) }),
      ...(log === undefined ? {} : { POWER_CUT_LOG: log }),
    }),
  };
}
