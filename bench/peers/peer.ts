/** Another system that the same logical load is run against. */
import type { Spread } from '../report.ts';

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
