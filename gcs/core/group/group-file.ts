/** The file that says which group, and which stay in it, a directory belongs to: written when that changes, one write at a time. */
import type { Clock, Disk } from '../../base/index.ts';
import type { Belonging } from '../transfer/contract.ts';
import type { GroupView } from '../types.ts';
import { memberOf } from '../views.ts';
import { encodeBelonging, GROUP_FILE } from './definition.ts';

const ROOM_RETRY_MS = 1000;

export interface GroupFileSetup {
  readonly disk: Disk;
  readonly clock: Clock;
  /** The disk is full: what has to be stored is tried again. */
  noRoom(): void;
  failed(error: Error): void;
}

export class GroupFile {
  readonly #setup: GroupFileSetup;
  /** Something is being stored, or waits for room. */
  #isStoring = false;
  #isWriting = false;
  /** Number of the latest view that was stored by `storeView`. */
  #storedView = 0;
  #closing: (() => void) | null = null;

  constructor(setup: GroupFileSetup) {
    this.#setup = setup;
  }

  /** Ignored while another is being stored. `stored`: with whether there was room at once. Where there is none it is tried again (R16). */
  store(belonging: Belonging, stored: (hadRoom: boolean) => void): void {
    if (this.#isStoring) return;
    this.#isStoring = true;
    this.#insist(belonging, true, stored);
  }

  /** For a start at which the log cannot be read: whom to ask then. `view`: the newest that is chosen. */
  storeView(belonging: Belonging, view: GroupView): void {
    const { number } = view;
    if (this.#isStoring || number <= Math.max(belonging.view.number, this.#storedView)) return;
    if (memberOf(view, belonging.self) === undefined) return;
    this.#isStoring = true;
    this.#write({ ...belonging, view }, (error) => {
      this.#isStoring = false;
      if (error === null) this.#storedView = number;
      // For want of room it is tried again with the next upkeep; nothing waits for it.
      else if (error.code !== 'NO_SPACE') this.#setup.failed(error);
    });
  }

  /** Nothing is told any more. `closed`: when nothing is being written; the next run may write the same file. */
  close(closed: () => void): void {
    this.#closing = closed;
    if (!this.#isWriting) closed();
  }

  #insist(belonging: Belonging, hadRoom: boolean, stored: (hadRoom: boolean) => void): void {
    this.#write(belonging, (error) => {
      if (error?.code === 'NO_SPACE') {
        this.#setup.noRoom();
        this.#setup.clock.schedule(ROOM_RETRY_MS, () => {
          if (this.#closing === null) this.#insist(belonging, false, stored);
        });
        return;
      }
      this.#isStoring = false;
      if (error === null) stored(hadRoom);
      else this.#setup.failed(error);
    });
  }

  #write(belonging: Belonging, written: Parameters<Disk['replace']>[2]): void {
    this.#isWriting = true;
    this.#setup.disk.replace(GROUP_FILE, encodeBelonging(belonging), (error) => {
      this.#isWriting = false;
      if (this.#closing === null) written(error);
      else this.#closing();
    });
  }
}
