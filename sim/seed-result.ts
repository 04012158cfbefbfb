/** How a seed is run. Plain data: it goes from the main thread to a worker. */
export interface SeedOptions {
  readonly seed: number;
  readonly profile: Profile;
  /** Kinds of faults that are switched off although the seed has them. */
  readonly off: readonly string[];
  /** Names of single strikes that do not happen. */
  readonly leftOut: readonly string[];
}

/** `usual`: seconds to a minute, dense. `long`: an hour or two, with large timings, clients that think and faults that are rare. */
export type Profile = 'usual' | 'long';

export const PROFILES: readonly Profile[] = ['usual', 'long'];

/** As often as something happened, by its name; sorted. */
export type NamedCounts = readonly (readonly [string, number])[];

/** What a run of one seed says. Plain data, too. */
export interface SeedResult {
  readonly seed: number;
  /** What was wrong; null if nothing was. */
  readonly violation: string | null;
  /** Of everything that happened. */
  readonly fingerprint: string;
  readonly faultCounts: NamedCounts;
  /** Situations that came up. */
  readonly coverage: NamedCounts;
  /** Names of the strikes that did something, in their order. */
  readonly struck: readonly string[];
  /** Transactions committed, refused, and the like. */
  readonly statistics: Readonly<Record<string, number>>;
  readonly events: number;
  readonly simulatedMs: number;
  /** What was drawn for this seed, in lines. */
  readonly configuration: string;
  readonly story: string;
}
