/**
 * Builds what alterations have added (H17), at the member that leads the group's log: looks through the rows of the table,
 * run by run, each at a snapshot of its own, and adds what they lack in small ordinary transactions; then a schema change
 * makes it valid, or removes it where a row does not allow it.
 *
 * Why it is complete then: from the alteration on, whoever writes a row sees to what it added, since who does not know of
 * it yet is refused. So a row is complete once it was looked at, at any snapshot from there on, for ever after. Hence a
 * build may be begun anew by another member at any time, after a restart of all too, and two that build at once do no
 * harm; nothing is remembered of how far one came.
 */
import type { RowKey } from '../../../certifier/types.ts';
import type { Clock } from '../../../gcs/base/index.ts';
import type { ImageCodec } from '../image-codec.ts';
import type { CommitOutcome, Replica, SchemaOutcome } from '../replica.ts';
import { TableCache } from '../table.ts';
import type { Build, BuildFailure } from '../table-definition.ts';
import { type Found, lookForMissing } from './missing-items.ts';

export interface BuilderSetup {
  readonly replica: Pick<
    Replica,
    'acquireSnapshot' | 'get' | 'scan' | 'table' | 'tableById' | 'commit' | 'changeSchema'
  >;
  readonly clock: Clock;
  readonly imageCodec: ImageCodec;
  readonly options: BuilderOptions;
  readonly counters: BuildCounters;
  /** This member leads, and can write. */
  readonly mayBuild: () => boolean;
  /** Under way in the group, oldest first. */
  readonly builds: () => readonly Build[];
  readonly progressed: (progress: BuildProgress) => void;
}

export interface BuilderOptions {
  /** Looked at in one turn, and added to by one transaction. */
  readonly rowsAtOnce: number;
  /** Between two runs of rows, so that a build does not take all of the processor. */
  readonly restMs: number;
  /** After a transaction of its own was refused. */
  readonly retryMs: number;
  /** Of an index entry, as for what is written. */
  readonly keyBytesMax: number;
}

/** Since the start. */
export interface BuildCounters {
  buildRows: number;
  buildEntries: number;
  buildConflicts: number;
  buildsCompleted: number;
  buildsFailed: number;
}

/** How far a member is with what it builds. */
export interface BuildState extends Build {
  readonly rows: number;
}

export interface BuildProgress {
  readonly phase: 'began' | 'goes on' | 'valid' | 'failed' | 'left';
  readonly build: Build;
  /** The table's name when it was looked at last. */
  readonly table: string;
  /** Looked at by this member. */
  readonly rows: number;
  readonly failure: BuildFailure | null;
}

/** How long one of its messages is waited for; it is made again then. */
const WAIT_MS = 10_000;
/** A build that takes long says so. */
const TELL_EVERY_MS = 10_000;

interface Pass {
  readonly build: Build;
  table: string;
  behind: RowKey | null;
  rows: number;
  rowsAtOnce: number;
  nextTellMs: number;
}

export class Builder {
  readonly #setup: BuilderSetup;
  readonly #tables = new TableCache();
  #pass: Pass | null = null;
  #isLookScheduled = false;

  constructor(setup: BuilderSetup) {
    this.#setup = setup;
  }

  /** What this member builds; null: nothing. */
  get underWay(): BuildState | null {
    return this.#pass === null ? null : { ...this.#pass.build, rows: this.#pass.rows };
  }

  /** Something was begun, in this turn: looks for it in a later one. */
  lookSoon(): void {
    if (this.#isLookScheduled) return;
    this.#isLookScheduled = true;
    this.#setup.clock.schedule(0, () => {
      this.#isLookScheduled = false;
      this.look();
    });
  }

  /** Begins what is to be done, if nothing is under way. To be called now and then. */
  look(): void {
    const { mayBuild, builds, clock, replica, options } = this.#setup;
    if (this.#pass !== null || !mayBuild()) return;
    const build = builds()[0];
    if (build === undefined) return;
    const table = replica.tableById(build.tableId)?.name ?? '';
    const nextTellMs = clock.monotonicMs() + TELL_EVERY_MS;
    const pass = { build, table, behind: null, rows: 0, rowsAtOnce: options.rowsAtOnce, nextTellMs };
    this.#pass = pass;
    this.#tell(pass, 'began');
    this.#goOn(pass);
  }

  #goOn(pass: Pass): void {
    const { replica, mayBuild, imageCodec, options } = this.#setup;
    if (!mayBuild()) return this.#end(pass, 'left');
    const handle = replica.acquireSnapshot(() => {});
    const { build, behind, rowsAtOnce } = pass;
    const setup = { replica, imageCodec, keyBytesMax: options.keyBytesMax, tables: this.#tables };
    const snapshot = handle.sequenceNumber;
    const found = lookForMissing(setup, { build, snapshot, behind, rowsMax: rowsAtOnce });
    this.#take(pass, found);
    handle.release();
  }

  #take(pass: Pass, found: Found): void {
    if (found.kind === 'nothing-to-build') return this.#end(pass, 'left');
    if (found.kind === 'failure') return this.#propose(pass, found.failure);
    if (found.transaction === null) return this.#advance(pass, found);
    const { replica, clock, counters } = this.#setup;
    replica.commit(found.transaction, clock.monotonicMs() + WAIT_MS, (outcome: CommitOutcome) => {
      if (outcome.kind === 'committed') {
        counters.buildEntries += found.entries;
        return this.#advance(pass, found);
      }
      if (outcome.kind === 'conflict' || outcome.kind === 'snapshot-too-old') counters.buildConflicts++;
      // Fewer rows are written less often while they are looked at.
      pass.rowsAtOnce = Math.max(1, Math.floor(pass.rowsAtOnce / 2));
      this.#later(pass, this.#setup.options.retryMs, () => this.#goOn(pass));
    });
  }

  #advance(pass: Pass, { rows, upTo }: Extract<Found, { kind: 'looked' }>): void {
    const { clock, counters, options } = this.#setup;
    pass.rows += rows;
    counters.buildRows += rows;
    if (upTo === null) return this.#propose(pass, null);
    pass.behind = upTo;
    pass.rowsAtOnce = Math.min(options.rowsAtOnce, pass.rowsAtOnce * 2);
    const nowMs = clock.monotonicMs();
    if (nowMs >= pass.nextTellMs) {
      pass.nextTellMs = nowMs + TELL_EVERY_MS;
      this.#tell(pass, 'goes on');
    }
    this.#later(pass, options.restMs, () => this.#goOn(pass));
  }

  /** Until the group has it: what is complete stays so, and what was found to be wrong was so. */
  #propose(pass: Pass, failure: BuildFailure | null): void {
    const { replica, clock, counters, options, mayBuild } = this.#setup;
    if (!mayBuild()) return this.#end(pass, 'left');
    const { build } = pass;
    const deadlineMs = clock.monotonicMs() + WAIT_MS;
    replica.changeSchema({ kind: 'end-build', build, failure }, deadlineMs, (outcome: SchemaOutcome) => {
      if (outcome.kind !== 'done') return this.#later(pass, options.retryMs, () => this.#propose(pass, failure));
      if (!outcome.changed) return this.#end(pass, 'left');
      if (failure === null) counters.buildsCompleted++;
      else counters.buildsFailed++;
      this.#end(pass, failure === null ? 'valid' : 'failed', failure);
    });
  }

  #later(pass: Pass, ms: number, work: () => void): void {
    this.#setup.clock.schedule(ms, () => {
      if (this.#pass === pass) work();
    });
  }

  #end(pass: Pass, phase: BuildProgress['phase'], failure: BuildFailure | null = null): void {
    this.#pass = null;
    this.#tell(pass, phase, failure);
    this.lookSoon();
  }

  #tell(pass: Pass, phase: BuildProgress['phase'], failure: BuildFailure | null = null): void {
    const { build, rows } = pass;
    pass.table = this.#setup.replica.tableById(build.tableId)?.name ?? pass.table;
    this.#setup.progressed({ phase, build, table: pass.table, rows, failure });
  }
}
