/** What a scenario of the benchmark is: tables and rows, a load, and a proof that nothing was lost. */
import type { MemberConnection } from './member-connection.ts';

export interface Scenario {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** Makes tables and rows; when it is done, all members have them. */
  setUp(group: GroupAccess, options: ScenarioOptions): Promise<void>;
  /** Made in the load generator's process, once for all runs. */
  workload(options: ScenarioOptions): Workload;
  /** Looks at every member after a run. `facts`: what `Workload.facts` gave. */
  verify(group: GroupAccess, options: ScenarioOptions, facts: unknown): Promise<Verification>;
}

export interface ScenarioOptions {
  readonly rows: number;
  /** Requests that may be outstanding at once: connections x pipeline. */
  readonly slots: number;
}

export interface GroupAccess {
  /** One a member. */
  readonly members: readonly MemberConnection[];
  readonly progress: (line: string) => void;
}

/** The transactions of the load. A slot has one request outstanding at most. Called per transaction: no promises. */
export interface Workload {
  /** A new request of `slot`; the caller sets its `id`. */
  next(slot: number): { id: number } & Record<string, unknown>;
  /** The request of `slot` was committed. Returns what is wrong with the answer, or null. */
  acknowledged(slot: number, result: Readonly<Record<string, unknown>>): string | null;
  /** Whether the request of `slot` was committed will not be said: it may have been, or may be yet. */
  outcomeUnknown(slot: number): void;
  /** What `Scenario.verify` has to know, of all runs so far; travels between processes. */
  facts(): unknown;
}

export interface Verification {
  readonly verified: boolean;
  /** One line each; empty if verified. */
  readonly problems: readonly string[];
}
