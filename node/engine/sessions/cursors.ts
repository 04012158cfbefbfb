/** The open cursors of one connection, the one used last at the end. */
import { invalidArgument, snapshotTooOld } from '../errors.ts';
import { DEFAULT_ISOLATION } from '../isolation.ts';
import type { CursorStore, OpenCursor, ScanState } from '../statements/cursor.ts';
import type { Deadline, Deadlines } from './deadlines.ts';
import type { Listed, OpenTransactions } from './open-transactions.ts';

interface KeptCursor extends OpenCursor {
  readonly deadline: Deadline;
  /** As it is listed; null: it is part of a transaction that is. */
  readonly number: number | null;
}

export class Cursors implements CursorStore {
  readonly #setup: {
    readonly deadlines: Deadlines;
    readonly openMax: number;
    readonly unusedMsMax: number;
    readonly nowMs: () => number;
    readonly listed: OpenTransactions;
  };
  readonly #open = new Map<string, KeptCursor>();
  #lastNumber = 0;

  constructor(setup: {
    deadlines: Deadlines;
    openMax: number;
    unusedMsMax: number;
    nowMs: () => number;
    /** Where those that hold a snapshot of their own are shown. */
    listed: OpenTransactions;
  }) {
    this.#setup = setup;
  }

  open(cursor: OpenCursor): string {
    if (this.#open.size >= this.#setup.openMax) this.drop(this.#open.keys().next().value!);
    const name = `cursor-${++this.#lastNumber}`;
    let number: number | null = null;
    if (cursor.isAlone) {
      cursor.transaction.isKept = true;
      number = this.#setup.listed.add(this.#listed(name, cursor));
    }
    this.#keep(name, cursor, number);
    return name;
  }

  find(name: string): OpenCursor {
    const cursor = this.#open.get(name);
    if (cursor !== undefined && !cursor.transaction.isOver) return cursor;
    this.drop(name);
    const number = Number(/^cursor-(\d{1,15})$/.exec(name)?.[1] ?? 0);
    if (number >= 1 && number <= this.#lastNumber) throw snapshotTooOld({ cursor: name });
    throw invalidArgument('cursor', 'no scan of this connection answered it');
  }

  advance(name: string, scan: ScanState): void {
    const { transaction, isAlone, deadline, number } = this.#open.get(name)!;
    this.#setup.deadlines.remove(deadline);
    this.#open.delete(name);
    this.#keep(name, { transaction, isAlone, scan }, number);
  }

  drop(name: string): void {
    const cursor = this.#open.get(name);
    if (cursor === undefined) return;
    this.#open.delete(name);
    this.#setup.deadlines.remove(cursor.deadline);
    if (cursor.number !== null) this.#setup.listed.remove(cursor.number);
    if (cursor.isAlone) cursor.transaction.release();
  }

  dropAll(): void {
    for (const name of [...this.#open.keys()]) this.drop(name);
  }

  #listed(name: string, { transaction }: OpenCursor): Listed {
    return {
      startedMs: this.#setup.nowMs(),
      floorHeld: transaction.floorHeld,
      describe: () => ({
        tx: name,
        state: 'cursor',
        isolation: DEFAULT_ISOLATION,
        isReadOnly: transaction.isReadOnly,
        snapshotVersion: transaction.isOver ? null : transaction.snapshotVersion,
        floorHeld: transaction.floorHeld,
        rowsWritten: 0,
        bytes: 0,
        locks: 0,
        waitsFor: null,
      }),
      abort: () => {
        this.drop(name);
        return true;
      },
    };
  }

  #keep(name: string, { transaction, isAlone, scan }: OpenCursor, number: number | null): void {
    const { deadlines, nowMs, unusedMsMax } = this.#setup;
    const deadline = deadlines.add(nowMs() + unusedMsMax, () => this.drop(name));
    this.#open.set(name, { transaction, isAlone, scan, deadline, number });
  }
}
