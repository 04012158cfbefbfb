/** What is to happen, ordered by (time, rank, insertion number): a binary heap without ties. */

export interface QueuedEvent {
  readonly timeUs: number;
  /** Rank and insertion number in one. */
  readonly order: number;
  /** Null once cancelled. */
  callback: (() => void) | null;
}

/** `turn-end` goes before everything else of the same instant: what a turn left to be done before new input. */
export type Rank = 'turn-end' | 'input';

const INPUT_ORDER = 2 ** 50;

export class EventQueue {
  readonly #heap: QueuedEvent[] = [];
  #inserted = 0;

  get length(): number {
    return this.#heap.length;
  }

  get nextTimeUs(): number {
    return this.#heap.length === 0 ? Number.POSITIVE_INFINITY : this.#heap[0]!.timeUs;
  }

  push(timeUs: number, rank: Rank, callback: () => void): QueuedEvent {
    const order = (rank === 'input' ? INPUT_ORDER : 0) + this.#inserted++;
    const event: QueuedEvent = { timeUs, order, callback };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
    return event;
  }

  pop(): QueuedEvent | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(one: QueuedEvent, other: QueuedEvent): boolean {
  return one.timeUs < other.timeUs || (one.timeUs === other.timeUs && one.order < other.order);
}
