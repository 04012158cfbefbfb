/** `concert bench rules`: the scenario `duty` under both rules of certification, one after the other, side by side. */
import { BenchError } from './bench-error.ts';
import { parseOptions } from './options.ts';
import type { BenchReport } from './report.ts';
import { type Progress, runBenchmark } from './run.ts';
import { certificationRules } from './scenarios/duty.ts';

export interface RulesContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly output: { write(text: string): unknown };
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Writes the file of `--json`. @throws BenchError */
  readonly write: (file: string, text: string) => void;
}

/** `args`: those of the scenario `duty`, but `--rule`. Exit code. @throws BenchError, RequestError, the reason of `signal` */
export async function compareRules(args: readonly string[], context: RulesContext): Promise<number> {
  const { environment, output, progress, signal, write } = context;
  if (args.some((arg) => arg === '--rule' || arg.startsWith('--rule='))) {
    throw new BenchError({ code: 'OPTION', message: '--rule: rules runs both' });
  }
  const reports: { readonly rule: string; readonly report: BenchReport }[] = [];
  let json: string | null = null;
  for (const rule of certificationRules) {
    const parsed = parseOptions(['duty', '--rule', rule, ...args], environment);
    if (parsed.kind === 'help') {
      output.write(`concert bench rules: runs the scenario duty under both rules of certification\n\n${parsed.text}\n`);
      return 0;
    }
    ({ json } = parsed.options);
    progress(`certification_rule ${rule}`);
    reports.push({ rule, report: await runBenchmark(parsed.options, progress, signal) });
  }
  output.write(printedRules(reports));
  if (json !== null)
    write(json, `${JSON.stringify(Object.fromEntries(reports.map(({ rule, report }) => [rule, report])), null, 2)}\n`);
  return reports.every(({ report }) => report.verified) ? 0 : 1;
}

export function printedRules(
  reports: readonly {
    readonly rule: string;
    readonly report: Pick<BenchReport, 'tps' | 'abortRate' | 'verified'> & {
      readonly latencyMs: Pick<BenchReport['latencyMs'], 'p50' | 'p99'>;
    };
  }[],
): string {
  const head = ['rule', 'tx/s', 'aborted', 'p50 ms', 'p99 ms', 'verified'];
  const lines = reports.map(({ rule, report: { tps, abortRate, latencyMs, verified } }) => [
    rule,
    String(Math.round(tps)),
    `${(abortRate * 100).toFixed(1)} %`,
    latencyMs.p50.toFixed(1),
    latencyMs.p99.toFixed(1),
    verified ? 'yes' : 'NO',
  ]);
  const widths = head.map((title, at) => Math.max(title.length, ...lines.map((line) => line[at]!.length)));
  return [head, ...lines]
    .map(
      (line) =>
        `${line
          .map((cell, at) => cell.padEnd(widths[at]!))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}
