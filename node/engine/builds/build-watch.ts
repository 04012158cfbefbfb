/** The builds that were begun in this run, and who waits for their ends, whichever member carries them out. */
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

type Waiter = (outcome: BuildOutcome) => void;

/** So many ends are remembered: who asked for a build hears of its begin in the same turn. */
const ENDS_MAX = 100;

export class BuildWatch {
  /** Called when there is something to be built. */
  begun: () => void = () => {};
  readonly #underWay = new Map<string, { readonly build: Build; readonly waiters: Set<Waiter> }>();
  readonly #ends = new Map<string, BuildOutcome>();

  /** Of a build that is over, by something that was ordered right behind its begin perhaps; else null. */
  endOf(build: Build): BuildOutcome | null {
    if (this.#underWay.has(nameOf(build))) return null;
    return this.#ends.get(nameOf(build)) ?? { kind: 'unknown' };
  }

  /** Calls `done` once, not within this call, at the place of the order where the build ends. It is under way. */
  add(build: Build, done: Waiter): { cancel(): void } {
    const { waiters } = this.#underWay.get(nameOf(build))!;
    waiters.add(done);
    return { cancel: () => waiters.delete(done) };
  }

  /** A schema change was done. In the order of the sequence numbers. */
  schemaChanged(sequenceNumber: SequenceNumber, change: SchemaChange, judged: PossibleChange): void {
    for (const [name, { build, waiters }] of this.#underWay) {
      if (!isEndedBy(build, judged)) continue;
      const outcome = outcomeOf(sequenceNumber, change, judged);
      this.#underWay.delete(name);
      this.#ends.set(name, outcome);
      if (this.#ends.size > ENDS_MAX) this.#ends.delete(this.#ends.keys().next().value!);
      for (const done of waiters) done(outcome);
    }
    if (judged.build === null) return;
    this.#underWay.set(nameOf(judged.build), { build: judged.build, waiters: new Set() });
    this.begun();
  }

  /** This member learns no more of it. */
  abandon(): void {
    for (const { waiters } of this.#underWay.values()) {
      for (const done of [...waiters]) done({ kind: 'unknown' });
      waiters.clear();
    }
  }
}

/** Whether something that the alteration `since` added is being built. */
export function isBuilding({ indexes, foreignKeys }: TableDefinition, since: number): boolean {
  const isOfIt = (each: { state: string; since: number }): boolean => each.state === 'building' && each.since === since;
  return indexes.some(isOfIt) || foreignKeys.some(isOfIt);
}

function nameOf({ tableId, since }: Build): string {
  return `${tableId} ${since}`;
}

function isEndedBy({ tableId, since }: Build, { tables, cleared }: PossibleChange): boolean {
  const after = tables.find(({ definition }) => definition?.tableId === tableId)?.definition ?? null;
  if (after !== null) return !isBuilding(after, since);
  return cleared.some((each) => each.tableId === tableId && each.indexId === null);
}

/** Of the build that was ended by the change. */
function outcomeOf(sequenceNumber: SequenceNumber, change: SchemaChange, judged: PossibleChange): BuildOutcome {
  if (change.kind === 'end-build') {
    const { failure } = change;
    return failure === null ? { kind: 'valid', sequenceNumber } : { kind: 'failed', table: judged.name, failure };
  }
  // An empty table fulfils whatever was being built.
  if (change.kind === 'truncate-table') return { kind: 'valid', sequenceNumber };
  return { kind: 'dropped', table: change.kind === 'drop-table' ? null : judged.name };
}
