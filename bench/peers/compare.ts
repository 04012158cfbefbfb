/**
 * The same logical load on Concert and on each peer in turn, A B A B, each time on fresh servers and never two systems
 * at once: so what drifts on the machine meets all alike. Ratios are taken within a round.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { BenchOptions } from '../options.ts';
import { type Progress, runBenchmark } from '../run.ts';
import type { Peer, PeerPlan, PeerRun } from './peer.ts';

export interface ComparisonOptions {
  readonly peers: readonly Peer[];
  readonly rounds: number;
  readonly plan: PeerPlan;
  /** How Concert is run: the same plan, in its own words. */
  readonly concert: BenchOptions;
  /** Where the servers keep their data; null: the system's directory for temporary files. */
  readonly directory: string | null;
}

export interface SystemRuns {
  readonly name: string;
  readonly version: string;
  /** One a round. */
  readonly runs: readonly PeerRun[];
}

export interface Comparison {
  readonly plan: PeerPlan;
  readonly rounds: number;
  /** Concert first, then the peers in the order asked. */
  readonly systems: readonly SystemRuns[];
}

/** What was started is ended before this settles. @throws BenchError, RequestError, the reason of `signal` */
export async function compare(
  options: ComparisonOptions,
  progress: Progress,
  signal: AbortSignal,
): Promise<Comparison> {
  if (options.directory !== null) mkdirSync(options.directory, { recursive: true });
  const directory = mkdtempSync(path.join(options.directory ?? tmpdir(), 'concert-peers-'));
  // A server that runs as a user of its own has to enter it.
  chmodSync(directory, 0o755);
  const names = ['concert', ...options.peers.map(({ name }) => name)];
  const versions = new Map<string, string>();
  const runs = new Map<string, PeerRun[]>(names.map((name) => [name, []]));
  try {
    for (let round = 1; round <= options.rounds; round++) {
      progress(`round ${round} of ${options.rounds}: concert`);
      const data = path.join(directory, `concert-${round}`);
      const report = await runBenchmark({ ...options.concert, data }, progress, signal);
      rmSync(data, { recursive: true, force: true });
      versions.set('concert', 'concert');
      runs.get('concert')!.push(report);
      for (const peer of options.peers) {
        signal.throwIfAborted();
        progress(`round ${round} of ${options.rounds}: ${peer.name}`);
        const ran = await runPeer(peer, options.plan, path.join(directory, `${peer.name}-${round}`), progress, signal);
        versions.set(peer.name, ran.version);
        runs.get(peer.name)!.push(ran.run);
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const systems = names.map((name) => ({ name, version: versions.get(name)!, runs: runs.get(name)! }));
  return { plan: options.plan, rounds: options.rounds, systems };
}

async function runPeer(
  peer: Peer,
  plan: PeerPlan,
  directory: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<{ readonly version: string; readonly run: PeerRun }> {
  mkdirSync(directory, { recursive: true });
  progress(`starting ${peer.name}`);
  const running = await peer.start(directory);
  try {
    signal.throwIfAborted();
    const { version } = running;
    await running.setUp(plan);
    signal.throwIfAborted();
    progress(`${version}: ${plan.warmupSeconds} s of warm-up, ${plan.seconds} s measured`);
    const measured = running.run(plan);
    // After an abort, it fails for want of what is taken from under it.
    measured.catch(() => {});
    const run = await Promise.race([measured, rejectedBy(signal)]);
    progress(`${Math.round(run.tps)}/s  p99 ${run.latencyMs.p99.toFixed(1)} ms  refused ${run.aborted}`);
    return { version, run };
  } finally {
    await running.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

function rejectedBy(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));
}
