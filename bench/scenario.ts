/** What a scenario of the benchmark is: tables and rows, a load, and a proof that nothing was lost. */
import type { MemberConnection } from './member-connection.ts';
import type { Options, OptionValues } from './option-kinds.ts';

export interface Scenario<O extends Options = Options> {
  readonly name: string;
  /** One line for the help. */
  readonly summary: string;
  /** Those of its own, beside those of every scenario. */
  readonly options: O;
  readonly tables: readonly string[];
  /** Kinds of transactions whose latency is told as a difference: that of the first less that of the second. */
  readonly compares?: readonly (readonly [kind: string, than: string])[];
  /** Makes tables and rows; when it is done, all members have them. */
  setUp(group: GroupAccess, setup: ScenarioSetup<O>): Promise<void>;
  /** Made once in each load generator's process, for all runs. */
  workload(setup: ScenarioSetup<O>): Workload;
  /** Looks at every member of `group` after a run. `facts`: what `Workload.facts` gave, one a load generator. */
  verify(group: GroupAccess, setup: ScenarioSetup<O>, facts: readonly unknown[]): Promise<Verification>;
}

export interface ScenarioSetup<O extends Options = Options> {
  readonly options: OptionValues<O>;
  /** Of data and load. */
  readonly seed: number;
  /** Transactions that may be under way at once, over all load generators: connections x pipeline. */
  readonly slots: number;
}

export interface GroupAccess {
  /** One a member. */
  readonly members: readonly MemberConnection[];
  readonly progress: (line: string) => void;
}

/**
 * The transactions of the load. A slot has one under way at a time; slots are numbered over all load generators, and
 * what a slot draws depends on the seed and its number alone. Called per transaction: no promises.
 */
export interface Workload<T extends LoadTransaction = LoadTransaction> {
  /** What the next transaction of `slot` is about; it stays that over all its attempts. */
  draw(slot: number): T;
  /**
   * One attempt. Yields what to ask next, gets the results in the order asked, and returns what became of it; where an
   * answer is an error, it is not resumed. The last request of a round may be the one that commits.
   *
   * @throws BenchError if a result is wrong: that ends the run.
   */
  attempt(transaction: T): Attempt;
  /** Nobody will say whether the attempt that stopped was committed: it may have been, or may be yet. */
  outcomeUnknown(transaction: T): void;
  /** What `Scenario.verify` has to know, of all runs so far; travels between processes. */
  facts(): unknown;
}

export interface LoadTransaction {
  /** Commits are counted, and latencies told, by it. */
  readonly kind: string;
}

export type Attempt = Generator<Round, AttemptEnd, readonly unknown[]>;

/** Requests that are sent together; one at least, `requestsPerRoundMax` at most. */
export type Round = readonly LoadRequest[];

/** The sender sets `id`. */
export type LoadRequest = { id?: number; readonly op: string; readonly tx?: string } & Record<string, unknown>;

/** `declined`: it found that there is nothing to do, and wrote nothing. */
export type AttemptEnd = 'committed' | 'declined';

export const requestsPerRoundMax = 255;

export interface Verification {
  readonly verified: boolean;
  /** One line each; empty if verified. */
  readonly problems: readonly string[];
}

/** A scenario whose options have lost their types, as it stands in the list of all. */
export function scenario<O extends Options>(definition: Scenario<O>): Scenario {
  return definition as unknown as Scenario;
}
