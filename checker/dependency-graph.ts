/** Who depends on whom: a directed graph with several kinds of edges, first collected and then searched. */
import type { Dependency, Key } from './types.ts';

export const WW = 1;
export const WR = 2;
export const RW = 4;
export const PROCESS = 8;
export const REALTIME = 16;
/** An anti-dependency whose reader, if it writes, commits only if that leads forward: see `isForbiddenAsAsked`. */
export const RW_SERIAL = 32;
export const KIND_MAX = 32;

export const DEPENDENCY_OF: Readonly<Record<number, Dependency>> = {
  [WW]: 'ww',
  [WR]: 'wr',
  [RW]: 'rw',
  [RW_SERIAL]: 'rw',
  [PROCESS]: 'process',
  [REALTIME]: 'realtime',
};

/** For searching. Edges are numbered so that those of one node are neighbours. */
export interface CompactGraph {
  readonly nodes: number;
  /** Edges that leave node n are `starts[n]` up to before `starts[n + 1]`, in the order in which they were added. */
  readonly starts: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly kind: Uint8Array;
  keyOf(edge: number): Key | null;
}

const NO_KEY = -1;
const FIRST_CAPACITY = 1024;

export class DependencyGraph {
  readonly nodes: number;
  #count = 0;
  #from = new Int32Array(FIRST_CAPACITY);
  #to = new Int32Array(FIRST_CAPACITY);
  #kind = new Uint8Array(FIRST_CAPACITY);
  /** Places in `#keys`. */
  #key = new Int32Array(FIRST_CAPACITY);
  /** Those of one row are added one after another, so that its key is here once. */
  readonly #keys: Key[] = [];

  readonly #antiOf: (reader: number) => number;

  /** `antiOf`: as which kind the anti-dependencies of a reader count; 0: they are left out. */
  constructor(nodes: number, antiOf: (reader: number) => number = () => RW) {
    this.nodes = nodes;
    this.#antiOf = antiOf;
  }

  get edges(): number {
    return this.#count;
  }

  /** A dependency on oneself is none. */
  add(kindAdded: number, from: number, to: number, key: Key | null): void {
    const kind = kindAdded === RW ? this.#antiOf(from) : kindAdded;
    if (from === to || kind === 0) return;
    if (this.#count === this.#from.length) this.#grow();
    const at = this.#count++;
    this.#from[at] = from;
    this.#to[at] = to;
    this.#kind[at] = kind;
    if (key !== null && this.#keys.at(-1) !== key) this.#keys.push(key);
    this.#key[at] = key === null ? NO_KEY : this.#keys.length - 1;
  }

  /** Cost: O(nodes + edges). */
  compact(): CompactGraph {
    const count = this.#count;
    const starts = new Int32Array(this.nodes + 1);
    for (let at = 0; at < count; at++) starts[this.#from[at]! + 1]!++;
    for (let node = 0; node < this.nodes; node++) starts[node + 1]! += starts[node]!;
    const next = starts.slice();
    const from = new Int32Array(count);
    const to = new Int32Array(count);
    const kind = new Uint8Array(count);
    const key = new Int32Array(count);
    for (let at = 0; at < count; at++) {
      const edge = next[this.#from[at]!]!++;
      from[edge] = this.#from[at]!;
      to[edge] = this.#to[at]!;
      kind[edge] = this.#kind[at]!;
      key[edge] = this.#key[at]!;
    }
    const keys = this.#keys;
    return { nodes: this.nodes, starts, from, to, kind, keyOf: (edge) => keys[key[edge]!] ?? null };
  }

  #grow(): void {
    const capacity = 2 * this.#from.length;
    const larger = <T extends Int32Array | Uint8Array>(old: T, empty: T): T => {
      empty.set(old);
      return empty;
    };
    this.#from = larger(this.#from, new Int32Array(capacity));
    this.#to = larger(this.#to, new Int32Array(capacity));
    this.#kind = larger(this.#kind, new Uint8Array(capacity));
    this.#key = larger(this.#key, new Int32Array(capacity));
  }
}
