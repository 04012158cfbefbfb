/** The builds that were begun in this run, and who waits for their ends, whichever member carries them out. */
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import type { SchemaChange } from '../replica.ts';
import type { PossibleChange } from '../schema/judgement.ts';
import type { Build, BuildFailure, TableDefinition } from '../table-definition.ts';

export type BuildOutcome =
  /** All that the alteration added, at that place. */
  | { readonly kind: 'valid'; readonly sequenceNumber: SequenceNumber }
  /** What was to be built is gone again. */
  | { readonly kind: 'failed'; readonly table: string; readonly failure: BuildFailure }
  /** Somebody dropped some of it meanwhile, `constraint` first of all, while the rest may be valid; or the table: null. */
  | { readonly kind: 'dropped'; readonly table: string; readonly constraint: string }
  | { readonly kind: 'dropped'; readonly table: null }
  /** This member cannot tell. */
  | { readonly kind: 'unknown' };

type Waiter = (outcome: BuildOutcome) => void;

/** An index or a foreign key: the two of one name may be dropped apart. */
interface Part {
  readonly kind: 'index' | 'foreign-key';
  readonly name: string;
}

interface UnderWay {
  readonly build: Build;
  /** What was added when it began. */
  readonly parts: readonly Part[];
  readonly waiters: Set<Waiter>;
}

/** So many ends are remembered: who asked for a build hears of its begin in the same turn. */
const ENDS_MAX = 100;

export class BuildWatch {
  /** Called when there is something to be built. */
  begun: () => void = () => {};
  readonly #underWay = new Map<string, UnderWay>();
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
    for (const [name, underWay] of this.#underWay) {
      const { build, waiters } = underWay;
      if (!isEndedBy(build, judged)) continue;
      const outcome = outcomeOf(underWay, { sequenceNumber, change, judged });
      this.#underWay.delete(name);
      this.#ends.set(name, outcome);
      if (this.#ends.size > ENDS_MAX) this.#ends.delete(this.#ends.keys().next().value!);
      for (const done of waiters) done(outcome);
    }
    const { build } = judged;
    if (build === null) return;
    const parts = partsOf(definitionAfter(judged), build.since);
    this.#underWay.set(nameOf(build), { build, parts, waiters: new Set() });
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
function outcomeOf(
  { build, parts }: UnderWay,
  {
    sequenceNumber,
    change,
    judged,
  }: { readonly sequenceNumber: SequenceNumber; readonly change: SchemaChange; readonly judged: PossibleChange },
): BuildOutcome {
  if (change.kind === 'drop-table') return { kind: 'dropped', table: null };
  if (change.kind === 'end-build' && change.failure !== null) {
    return { kind: 'failed', table: judged.name, failure: change.failure };
  }
  const left = partsOf(definitionAfter(judged), build.since);
  const dropped = parts.find(({ kind, name }) => !left.some((part) => part.kind === kind && part.name === name));
  if (dropped !== undefined) return { kind: 'dropped', table: judged.nameAfter, constraint: dropped.name };
  // An empty table fulfils whatever was being built too.
  return { kind: 'valid', sequenceNumber };
}

/** Also of a truncated table, which has no id yet. */
function definitionAfter({ tables, nameAfter }: PossibleChange): TableDefinition {
  return tables.find(({ name, definition }) => name === nameAfter && definition !== null)!.definition!;
}

/** What the alteration `since` added and that is there. Of one name added anew later it is not. */
function partsOf({ indexes, foreignKeys }: TableDefinition, since: number): readonly Part[] {
  const named = (kind: Part['kind'], all: readonly { readonly name: string; readonly since: number }[]): Part[] =>
    all.filter((each) => each.since === since).map(({ name }) => ({ kind, name }));
  return [...named('index', indexes), ...named('foreign-key', foreignKeys)];
}
