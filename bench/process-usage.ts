/** What a process has used, from the kernel's books; null where there are none (not Linux, or the process is gone). */
import { readFileSync } from 'node:fs';

/** Linux counts CPU time for user space in hundredths of a second. */
const ticksPerSecond = 100;

/** User and system time of all threads. */
export function cpuSecondsOf(pid: number): number | null {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return null;
  // The name, in parentheses, may hold spaces; the fields behind it are counted from the state, the third.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export function rssMiBOf(pid: number): number | null {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '')?.[1];
  return kib === undefined ? null : Number(kib) / 1024;
}

function read(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}
