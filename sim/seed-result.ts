/** What a run of one seed says. Plain data: it goes from a worker to the main thread. */
export interface SeedResult {
  readonly seed: number;
  /** What was wrong; null if nothing was. */
  readonly violation: string | null;
  /** Of everything that happened. */
  readonly fingerprint: string;
  readonly faultCounts: readonly (readonly [string, number])[];
  /** Transactions committed, refused, and the like. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly simulatedMs: number;
  /** What was drawn for this seed, in lines. */
  readonly configuration: string;
  readonly story: string;
}

export interface SeedOptions {
  readonly seed: number;
  /** Kinds of faults that are switched off although the seed has them. */
  readonly off: readonly string[];
}
