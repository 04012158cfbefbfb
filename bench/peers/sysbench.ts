/** Runs sysbench, the load generator that costs MariaDB least, and reads what it prints. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BenchError } from '../bench-error.ts';
import { cpuSecondsOf } from '../process-usage.ts';

export interface SysbenchResult {
  readonly committed: number;
  /** Events that were begun again after an error that the options tell to pass over: a conflict. */
  readonly aborted: number;
  readonly seconds: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  readonly cpuSeconds: number;
  readonly output: string;
}

const cpuPollMs = 100;

/** @throws BenchError with its last words */
export async function sysbench(program: string, args: readonly string[]): Promise<SysbenchResult> {
  const { output, cpuSeconds } = await runSysbench(program, args);
  const parsed = parseSysbench(output);
  if (parsed === null) throw failed(`its output cannot be read: ${lastWords(output)}`);
  return { ...parsed, cpuSeconds, output };
}

/** @throws BenchError with its last words */
export async function runSysbench(
  program: string,
  args: readonly string[],
): Promise<{ readonly output: string; readonly cpuSeconds: number }> {
  const child = spawn(program, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let cpuSeconds = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const poll = setInterval(() => {
    cpuSeconds = cpuSecondsOf(child.pid!) ?? cpuSeconds;
  }, cpuPollMs);
  try {
    const [code] = await once(child, 'close');
    if (code !== 0) throw failed(`code ${code}: ${lastWords(output)}`);
  } finally {
    clearInterval(poll);
  }
  return { output, cpuSeconds };
}

/** Null if it is not a report of a run with `--histogram=on`. */
export function parseSysbench(output: string): Omit<SysbenchResult, 'cpuSeconds' | 'output'> | null {
  const number = (pattern: RegExp) => Number(pattern.exec(output)?.[1] ?? Number.NaN);
  const committed = number(/^\s*transactions:\s+(\d+)/m);
  const aborted = number(/^\s*ignored errors:\s+(\d+)/m);
  const seconds = number(/^\s*total time:\s+([\d.]+)s/m);
  const max = number(/^\s*max:\s+([\d.]+)/m);
  const buckets = [...output.matchAll(/^\s*([\d.]+) \|[* ]*?\s*(\d+)$/gm)].map((found) => ({
    ms: Number(found[1]),
    count: Number(found[2]),
  }));
  if ([committed, aborted, seconds, max].some(Number.isNaN)) return null;
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  const quantile = (share: number) => {
    let seen = 0;
    for (const { ms, count } of buckets) {
      seen += count;
      if (seen >= total * share) return ms;
    }
    return max;
  };
  return {
    committed,
    aborted,
    seconds,
    latencyMs: { p50: quantile(0.5), p95: quantile(0.95), p99: quantile(0.99), max },
  };
}

function lastWords(output: string): string {
  return output.trimEnd().split('\n').slice(-3).join(' | ').slice(-400);
}

function failed(message: string): BenchError {
  return new BenchError({ code: 'LOAD', message: `sysbench: ${message}` });
}
