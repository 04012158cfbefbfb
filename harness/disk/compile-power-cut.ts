import { compileLibrary } from './compile-library.ts';

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

/** Of a process whose power was cut. */
export const POWER_CUT_STATUS = 137;

/** Null: power can be cut here. */
export function whyNoPowerCut(): string | null {
  const library = compilePowerCut();
  return library.kind === 'unavailable' ? library.reason : null;
}

/** The library for power cuts, compiled. See README.md. */
export function compilePowerCut(): PowerCut {
  const library = compileLibrary('power-cut.c');
  if (library.kind === 'unavailable') return library;
  return {
    kind: 'compiled',
    environment: ({ directory, at, seed, log }) => ({
      LD_PRELOAD: library.file,
      // Writes that go around the C library could not be taken back.
      UV_USE_IO_URING: '0',
      POWER_CUT_DIRECTORY: directory,
      ...(at === undefined ? {} : { POWER_CUT_AT: String(at) }),
      ...(seed === undefined ? {} : { POWER_CUT_SEED: String(seed) }),
      ...(log === undefined ? {} : { POWER_CUT_LOG: log }),
    }),
  };
}
