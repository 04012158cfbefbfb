/** Another system that the same logical load is run against. */
import type { Spread } from '../report.ts';
import type { UsageWatch } from '../usage-watch.ts';

export interface PeerPlan {
  readonly scenario: PeerScenario;
  /** Of the table that is updated; of `inventory`: products. */
  readonly rows: number;
  /** Exponent of the distribution of products; 0: uniform. Only `inventory` has one. */
  readonly skew: number;
  readonly connections: number;
  readonly warmupSeconds: number;
  readonly seconds: number;
}

export type PeerScenario = 'micro' | 'inventory';

export interface PeerRun {
  readonly seconds: number;
  readonly committed: number;
  /** Attempts that were refused, as the client sees them. */
  readonly aborted: number;
  readonly tps: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number; readonly max: number };
  /** Of all servers together. */
  readonly cpuSecondsPerThousand: number | null;
  readonly cpuSecondsPerThousandLoadGenerator: number;
  readonly rssMiB: readonly number[] | null;
  readonly verified: boolean;
  readonly problems: readonly string[];
}

export interface Peer {
  readonly name: string;
  /** One line for the help: what it is, and how it is set. */
  readonly summary: string;
  readonly scenarios: readonly PeerScenario[];
  /** What has to be installed first; null: everything is there. */
  missing(): string | null;
  /** Three fresh servers on free ports of 127.0.0.1. @throws BenchError */
  start(directory: string): Promise<RunningPeer>;
}

export interface RunningPeer {
  /** What it says of itself. */
  readonly version: string;
  /** Makes the tables and rows of the scenario anew, on all servers. @throws BenchError */
  setUp(plan: PeerPlan): Promise<void>;
  /** Loads it, and looks at every server afterwards. @throws BenchError */
  run(plan: PeerPlan): Promise<PeerRun>;
  stop(): Promise<void>;
}

/** A figure of ours over that of a peer, round by round. */
export type Ratio = Spread;

/** What a load generator measured, and what the servers used meanwhile, told as a run. */
export function peerRunOf(
  measured: Pick<PeerRun, 'seconds' | 'committed' | 'aborted' | 'latencyMs'> & {
    /** Of the load generator. */
    readonly cpuSeconds: number;
  },
  servers: UsageWatch,
  problems: readonly string[],
): PeerRun {
  const { seconds, committed, aborted, latencyMs, cpuSeconds } = measured;
  const { memberCpuSeconds, memberRssMiB } = servers.used();
  const perThousand = (used: number) => (used * 1000) / Math.max(1, committed);
  return {
    seconds,
    committed,
    aborted,
    tps: committed / seconds,
    latencyMs,
    cpuSecondsPerThousand:
      memberCpuSeconds === null ? null : perThousand(memberCpuSeconds.reduce((sum, one) => sum + one, 0)),
    cpuSecondsPerThousandLoadGenerator: perThousand(cpuSeconds),
    rssMiB: memberRssMiB,
    verified: problems.length === 0,
    problems,
  };
}
