import { accessSync, constants } from 'node:fs';

/** On POSIX systems it is there. */
const SHELL = '/bin/sh';

/**
 * Ends this process with this exit code, whatever its threads are doing. What was written to files, standard output and
 * standard error synchronously is there.
 *
 * `process.exit` joins the threads first, and so may wait for ever: for a worker that it has torn out of a transaction,
 * since the store's cleanup wants the lock that this worker left locked; and for a thread of the pool whose disk does
 * not answer. A process that replaces itself loses all its other threads at once, by the kernel, and what takes its place
 * can give the exit code. Where that is not to be had it is SIGKILL, which takes the threads along, but not the code.
 */
export function endProcess(code: number): never {
  try {
    accessSync(SHELL, constants.X_OK);
    process.execve?.(SHELL, [SHELL, '-c', `exit ${code}`], {});
  } catch {
    // Not on this system.
  }
  process.kill(process.pid, 'SIGKILL');
  // Delivered to this very process, it has ended before the call returns; for the compiler, and systems of other habits.
  for (;;);
}
