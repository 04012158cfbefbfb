/**
 * All conflicts that a member has seen, counted by table and cause, for metrics: exact, in memory and labels that are
 * bounded whatever clients call their tables. Those with most conflicts get labels of their own when somebody looks, up to a
 * number; the rest is one. What a table had before it got its own stays with the rest, so that no counter ever goes back.
 */
import type { ConflictCause } from '../replica.ts';

/** Counted apart; further ones are the rest. */
const TABLES_MAX = 1000;

export interface CountedConflicts {
  /** Null: all other tables. */
  readonly table: string | null;
  readonly cause: ConflictCause;
  readonly count: number;
}

type Counts = Map<ConflictCause, number>;

export class ConflictCounts {
  readonly #labelsMax: number;
  readonly #ofTables = new Map<string, Counts>();
  /** Of tables that are not counted apart. */
  readonly #rest: Counts = new Map();
  /** Tables with labels of their own. */
  readonly #labelled = new Set<string>();
  /** What was told of tables among the rest, before they got theirs. */
  readonly #toldOfRest = new Map<string, Counts>();

  constructor(labelsMax = 20) {
    this.#labelsMax = labelsMax;
  }

  /** `table`: null where it is not known any more. */
  add(table: string | null, cause: ConflictCause): void {
    const counts = table === null ? this.#rest : this.#countsOf(table);
    counts.set(cause, (counts.get(cause) ?? 0) + 1);
  }

  /** Cost: O(tables counted). */
  read(): readonly CountedConflicts[] {
    this.#label();
    const told: CountedConflicts[] = [];
    const rest = new Map(this.#rest);
    for (const [table, counts] of this.#ofTables) {
      const isLabelled = this.#labelled.has(table);
      if (!isLabelled) this.#toldOfRest.set(table, new Map(counts));
      const ofRest = this.#toldOfRest.get(table);
      for (const [cause, count] of counts) {
        const before = ofRest?.get(cause) ?? 0;
        if (before > 0) rest.set(cause, (rest.get(cause) ?? 0) + before);
        if (isLabelled && count > before) told.push({ table, cause, count: count - before });
      }
    }
    for (const [cause, count] of rest) told.push({ table: null, cause, count });
    return told;
  }

  #countsOf(table: string): Counts {
    let counts = this.#ofTables.get(table);
    if (counts === undefined) {
      if (this.#ofTables.size >= TABLES_MAX) return this.#rest;
      counts = new Map();
      this.#ofTables.set(table, counts);
    }
    return counts;
  }

  /** Gives labels to the tables with most conflicts, as long as there are some left. */
  #label(): void {
    const left = this.#labelsMax - this.#labelled.size;
    if (left <= 0) return;
    const others = [...this.#ofTables].filter(([table]) => !this.#labelled.has(table));
    others.sort(([, one], [, other]) => sum(other) - sum(one));
    for (const [table] of others.slice(0, left)) this.#labelled.add(table);
  }
}

function sum(counts: Counts): number {
  let all = 0;
  for (const count of counts.values()) all += count;
  return all;
}
