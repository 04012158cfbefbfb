/** Who waits for a sequence number to be visible, in a binary heap by number. */
import type { SequenceNumber } from '../../../gcs/base/index.ts';

interface Waiter {
  readonly sequenceNumber: SequenceNumber;
  done: (() => void) | null;
}

export class AppliedWaiters {
  readonly #heap: Waiter[] = [];

  add(sequenceNumber: SequenceNumber, done: () => void): { cancel(): void } {
    const waiter: Waiter = { sequenceNumber, done };
    const heap = this.#heap;
    let at = heap.length;
    heap.push(waiter);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.sequenceNumber <= sequenceNumber) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = waiter;
    return {
      cancel: () => {
        waiter.done = null;
      },
    };
  }

  /** Everything up to `appliedUpTo` is visible now. */
  applied(appliedUpTo: SequenceNumber): void {
    while (this.#heap.length > 0 && this.#heap[0]!.sequenceNumber <= appliedUpTo) this.#takeFirst().done?.();
  }

  #takeFirst(): Waiter {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.sequenceNumber < heap[child]!.sequenceNumber) child++;
      if (heap[child]!.sequenceNumber >= last.sequenceNumber) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
