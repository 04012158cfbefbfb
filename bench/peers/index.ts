/** `concert bench peers`. */
import { BenchError } from '../bench-error.ts';
import { parseOptions } from '../options.ts';
import type { Progress } from '../run.ts';
import { compare } from './compare.ts';
import { comparisonReport, printedComparison } from './comparison-report.ts';
import type { PeerPlan } from './peer.ts';
import { parsePeersOptions, peersHelp } from './peers-options.ts';

export { peersOptionNames } from './peers-options.ts';

export interface PeersContext {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly output: { write(text: string): unknown };
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Writes the file of `--json`. @throws BenchError */
  readonly write: (file: string, text: string) => void;
}

/** Exit code. @throws BenchError, RequestError, the reason of `signal` */
export async function comparePeers(args: readonly string[], context: PeersContext): Promise<number> {
  const parsed = parsePeersOptions(args, context.environment);
  if (parsed.kind === 'help') {
    context.output.write(`${peersHelp}\n`);
    return 0;
  }
  const { options } = parsed;
  for (const peer of options.peers) {
    const missing = peer.missing();
    if (missing !== null) throw new BenchError({ code: 'GROUP', message: `${peer.name} cannot be run: ${missing}` });
  }
  if (options.json !== null) context.write(options.json, '');
  const comparison = await compare(
    {
      peers: options.peers,
      rounds: options.rounds,
      plan: options.plan,
      concert: concertOptions(options.plan),
      directory: options.data,
    },
    context.progress,
    context.signal,
  );
  const report = comparisonReport(comparison);
  context.output.write(printedComparison(report));
  if (options.json !== null) context.write(options.json, `${JSON.stringify(report, null, 2)}\n`);
  return report.verified ? 0 : 1;
}

/** The plan in the words of our own benchmark. */
export function concertOptions(plan: PeerPlan) {
  const size = plan.scenario === 'micro' ? ['--rows', plan.rows] : ['--products', plan.rows, '--skew', plan.skew];
  const args = [
    plan.scenario,
    '--connections',
    plan.connections,
    '--seconds',
    plan.seconds,
    '--warmup',
    plan.warmupSeconds,
    ...size,
  ];
  const parsed = parseOptions(args.map(String), {});
  if (parsed.kind === 'help') throw new BenchError({ code: 'OPTION', message: 'no options' });
  return parsed.options;
}
