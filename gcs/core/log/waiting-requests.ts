/** What was asked of a log and is not handed to the disk yet, in its order. */
import type { LogIndex } from '../../base/index.ts';
import type { HardState, LogEntry, PersistRequest } from '../types.ts';
import { recordsLength } from './block-encoder.ts';

/** What some requests come to. */
export interface Taken {
  /** Without those that a later one of them replaces: consecutive indexes. */
  readonly entries: readonly (readonly LogEntry[])[];
  /** Null: as before. */
  readonly hardState: HardState | null;
  /** Number of the last one. */
  readonly upTo: number;
}

export class WaitingRequests {
  #requests: PersistRequest[] = [];
  /** Of the last request whose hard state was taken. */
  #hardStateNumber = 0;

  get count(): number {
    return this.#requests.length;
  }

  /** Of the first one; undefined if it has no entries. */
  get firstIndex(): LogIndex | undefined {
    return this.#requests[0]?.entries[0]?.index;
  }

  /** The lowest index that is written by any of them; infinite if none is. */
  get entriesFrom(): LogIndex {
    let from = Number.POSITIVE_INFINITY;
    for (const { entries } of this.#requests) if (entries.length > 0) from = Math.min(from, entries[0]!.index);
    return from;
  }

  add(request: PersistRequest): void {
    this.#requests.push(request);
  }

  clear(): void {
    this.#requests = [];
  }

  /** How many the next block takes, of `bytesMax` if it is more than one, and the length of their records. */
  next(bytesMax: number): { readonly count: number; readonly recordsBytes: number } {
    let recordsBytes = 0;
    let count = 0;
    for (const request of this.#requests) {
      const more = recordsLength(request.entries);
      if (count > 0 && recordsBytes + more > bytesMax) break;
      recordsBytes += more;
      count++;
    }
    return { count, recordsBytes };
  }

  /** The first `count`, at least one. */
  take(count: number): Taken {
    const requests = this.#requests.splice(0, count);
    let hardState: HardState | null = null;
    for (const request of requests) {
      if (request.hardState === null || request.number <= this.#hardStateNumber) continue;
      hardState = request.hardState;
      this.#hardStateNumber = request.number;
    }
    return { entries: withoutReplaced(requests), hardState, upTo: requests.at(-1)!.number };
  }

  /** The last hard state, which need not wait for entries. Null: it was taken. */
  get hardStateAhead(): { readonly hardState: HardState; readonly number: number } | null {
    const request = this.#requests.findLast((each) => each.hardState !== null);
    if (request === undefined || request.number <= this.#hardStateNumber) return null;
    return { hardState: request.hardState!, number: request.number };
  }

  /** `number`: of its request. */
  hardStateTaken(number: number): void {
    this.#hardStateNumber = number;
  }
}

function withoutReplaced(requests: readonly PersistRequest[]): readonly (readonly LogEntry[])[] {
  if (requests.length === 1) return [requests[0]!.entries];
  const lists = requests.map((request) => request.entries);
  let replacedFrom = Infinity;
  for (let i = lists.length - 1; i >= 0; i--) {
    const list = lists[i]!;
    if (list.length === 0) continue;
    const firstIndex = list[0]!.index;
    if (list.at(-1)!.index >= replacedFrom) lists[i] = list.slice(0, Math.max(0, replacedFrom - firstIndex));
    replacedFrom = Math.min(replacedFrom, firstIndex);
  }
  return lists;
}
