/** Who waits for the end of a build, whichever member carries it out. Told at the place of the order where it ends. */
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import type { SchemaChange } from '../replica.ts';
import type { PossibleChange } from '../schema/judgement.ts';
import type { Build, BuildFailure, TableDefinition } from '../table-definition.ts';

export type BuildOutcome =
  | { readonly kind: 'valid'; readonly sequenceNumber: SequenceNumber }
  /** What was to be built is gone again. */
  | { readonly kind: 'failed'; readonly table: string; readonly failure: BuildFailure }
  /** Somebody dropped it meanwhile, or the table: null. */
  | { readonly kind: 'dropped'; readonly table: string | null }
  /** This member cannot tell. */
  | { readonly kind: 'unknown' };

interface Waiter {
  readonly build: Build;
  readonly done: (outcome: BuildOutcome) => void;
}

export class BuildWatch {
  readonly #catalog: { newestById(tableId: number): TableDefinition | null };
  readonly #waiters = new Set<Waiter>();
  /** Called when there is something to be built. */
  begun: () => void = () => {};

  constructor(catalog: { newestById(tableId: number): TableDefinition | null }) {
    this.#catalog = catalog;
  }

  /** Calls `done` once, not within this call; null: it is over already, by something that was ordered right behind its begin. */
  add(build: Build, done: (outcome: BuildOutcome) => void): { cancel(): void } | null {
    if (!this.#isUnderWay(build)) return null;
    const waiter = { build, done };
    this.#waiters.add(waiter);
    return { cancel: () => this.#waiters.delete(waiter) };
  }

  /** A schema change was done, and the catalog is as it left it. */
  schemaChanged(sequenceNumber: SequenceNumber, change: SchemaChange, judged: PossibleChange): void {
    if (judged.build !== null) this.begun();
    for (const waiter of this.#waiters) {
      const { build, done } = waiter;
      if (this.#isUnderWay(build)) continue;
      this.#waiters.delete(waiter);
      done(outcomeOf(build, { sequenceNumber, change, judged }));
    }
  }

  /** This member learns no more of it. */
  abandon(): void {
    for (const waiter of this.#waiters) {
      this.#waiters.delete(waiter);
      waiter.done({ kind: 'unknown' });
    }
  }

  #isUnderWay({ tableId, since }: Build): boolean {
    const definition = this.#catalog.newestById(tableId);
    return definition !== null && isBuilding(definition, since);
  }
}

/** Whether something that the alteration `since` added is being built. */
export function isBuilding({ indexes, foreignKeys }: TableDefinition, since: number): boolean {
  const isOfIt = (each: { state: string; since: number }): boolean => each.state === 'building' && each.since === since;
  return indexes.some(isOfIt) || foreignKeys.some(isOfIt);
}

function outcomeOf(
  build: Build,
  {
    sequenceNumber,
    change,
    judged,
  }: { readonly sequenceNumber: SequenceNumber; readonly change: SchemaChange; readonly judged: PossibleChange },
): BuildOutcome {
  if (change.kind === 'end-build' && change.build.tableId === build.tableId && change.build.since === build.since) {
    const { failure } = change;
    return failure === null ? { kind: 'valid', sequenceNumber } : { kind: 'failed', table: judged.name, failure };
  }
  // An empty table fulfils whatever was being built.
  if (change.kind === 'truncate-table') return { kind: 'valid', sequenceNumber };
  return { kind: 'dropped', table: change.kind === 'drop-table' ? null : judged.name };
}
