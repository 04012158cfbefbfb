/** The open cursors of one connection, the one used last at the end. */
import { invalidArgument, snapshotTooOld } from '../errors.ts';
import type { CursorStore, OpenCursor, ScanState } from '../statements/cursor.ts';
import type { Deadline, Deadlines } from './deadlines.ts';

interface KeptCursor extends OpenCursor {
  readonly deadline: Deadline;
}

export class Cursors implements CursorStore {
  readonly #setup: {
    readonly deadlines: Deadlines;
    readonly openMax: number;
    readonly unusedMsMax: number;
    readonly nowMs: () => number;
  };
  readonly #open = new Map<string, KeptCursor>();
  #lastNumber = 0;

  constructor(setup: { deadlines: Deadlines; openMax: number; unusedMsMax: number; nowMs: () => number }) {
    this.#setup = setup;
  }

  open(cursor: OpenCursor): string {
    if (this.#open.size >= this.#setup.openMax) this.drop(this.#open.keys().next().value!);
    const name = `cursor-${++this.#lastNumber}`;
    if (cursor.isAlone) cursor.transaction.isKept = true;
    this.#keep(name, cursor);
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
    const { transaction, isAlone, deadline } = this.#open.get(name)!;
    this.#setup.deadlines.remove(deadline);
    this.#open.delete(name);
    this.#keep(name, { transaction, isAlone, scan });
  }

  drop(name: string): void {
    const cursor = this.#open.get(name);
    if (cursor === undefined) return;
    this.#open.delete(name);
    this.#setup.deadlines.remove(cursor.deadline);
    if (cursor.isAlone) cursor.transaction.release();
  }

  dropAll(): void {
    for (const name of [...this.#open.keys()]) this.drop(name);
  }

  #keep(name: string, { transaction, isAlone, scan }: OpenCursor): void {
    const { deadlines, nowMs, unusedMsMax } = this.#setup;
    const deadline = deadlines.add(nowMs() + unusedMsMax, () => this.drop(name));
    this.#open.set(name, { transaction, isAlone, scan, deadline });
  }
}
