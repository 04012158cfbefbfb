/**
 * How V8 is to run seeds: each in a thread of its own, with nobody waiting for a single answer. Threads that help to
 * collect garbage cost more processor time than they save where every processor has seeds of its own to run, and the
 * slower of the compilers pays only for functions that are called more often than it assumes.
 */
import v8 from 'node:v8';

const FLAGS = ['--no-parallel-scavenge', '--invocation-count-for-turbofan=20000'];

/** For threads that are started afterwards. */
export function setEngineFlags(): void {
  for (const flag of FLAGS) v8.setFlagsFromString(flag);
}
