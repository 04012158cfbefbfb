/**
 * A connection's requests that were sent and have no answer, by their ids. An id is used again as soon as it is answered,
 * so that ids stay small and looking one up is an access to an array.
 *
 * Not a Map: each time a Map grows or tidies up, V8 links the old table to the new one, and once one of them is old the
 * chain keeps every later request alive until the next full collection; that doubled the cost of a transaction.
 */
import type { Request } from './request.ts';

export class Outstanding {
  /** Invariant: `#slots[id]` is the request with that id, or undefined where `id` is among `#free`. */
  readonly #slots: (Request | undefined)[] = [undefined];
  readonly #free: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Gives its message an id. */
  add(request: Request): void {
    const id = this.#free.pop() ?? this.#slots.length;
    request.message.id = id;
    this.#slots[id] = request;
    this.#size++;
  }

  has(request: Request): boolean {
    return this.#slots[request.message.id] === request;
  }

  /** The request of an answer, which is not outstanding any more; undefined if there is none with that id. */
  take(id: unknown): Request | undefined {
    if (typeof id !== 'number') return undefined;
    const request = this.#slots[id];
    if (request === undefined) return undefined;
    this.#slots[id] = undefined;
    this.#free.push(id);
    this.#size--;
    return request;
  }

  all(): readonly Request[] {
    return this.#slots.filter((request) => request !== undefined);
  }

  clear(): void {
    this.#slots.length = 1;
    this.#free.length = 0;
    this.#size = 0;
  }
}
