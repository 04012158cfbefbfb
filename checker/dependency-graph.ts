/** Who depends on whom: a directed graph with several kinds of edges, built once and then searched. */
import type { Dependency, Key } from './types.ts';

export const WW = 1;
export const WR = 2;
export const RW = 4;
export const PROCESS = 8;
export const REALTIME = 16;

export const DEPENDENCY_OF: Readonly<Record<number, Dependency>> = {
  [WW]: 'ww',
  [WR]: 'wr',
  [RW]: 'rw',
  [PROCESS]: 'process',
  [REALTIME]: 'realtime',
};

export interface Edge {
  readonly from: number;
  readonly to: number;
  readonly kind: number;
  readonly key: Key | null;
}

export class DependencyGraph {
  readonly nodes: number;
  readonly #edges: Edge[] = [];
  /** Edges of node n: `#sorted[#starts[n]]` to before `#starts[n + 1]`; null until asked for. */
  #starts: Int32Array | null = null;
  #sorted: Edge[] = [];

  constructor(nodes: number) {
    this.nodes = nodes;
  }

  get edges(): readonly Edge[] {
    return this.#edges;
  }

  /** A dependency on oneself is none. */
  add(kind: number, from: number, to: number, key: Key | null): void {
    if (from === to) return;
    this.#edges.push({ from, to, kind, key });
    this.#starts = null;
  }

  /** Calls `visit` for each edge that leaves `node` and is of one of the kinds in `mask`, until it returns true. */
  some(node: number, mask: number, visit: (edge: Edge) => boolean): boolean {
    const starts = this.#starts ?? this.#sort();
    for (let at = starts[node]!; at < starts[node + 1]!; at++) {
      const edge = this.#sorted[at]!;
      if ((edge.kind & mask) !== 0 && visit(edge)) return true;
    }
    return false;
  }

  /**
   * Strongly connected components of more than one node, of the edges of the kinds in `mask` between `within` (default:
   * all nodes). Source: Tarjan 1972, without recursion. Cost: O(nodes + edges).
   */
  components(mask: number, within: ReadonlySet<number> | null = null): number[][] {
    const starts = this.#starts ?? this.#sort();
    const order = new Int32Array(this.nodes).fill(-1);
    const low = new Int32Array(this.nodes);
    const next = new Int32Array(this.nodes);
    const isOnStack = new Uint8Array(this.nodes);
    const stack: number[] = [];
    const path: number[] = [];
    const found: number[][] = [];
    let visited = 0;
    const enter = (node: number) => {
      order[node] = visited;
      low[node] = visited++;
      next[node] = starts[node]!;
      stack.push(node);
      isOnStack[node] = 1;
      path.push(node);
    };
    for (const root of within ?? Array.from({ length: this.nodes }, (_, node) => node)) {
      if (order[root] !== -1) continue;
      enter(root);
      while (path.length > 0) {
        const node = path.at(-1)!;
        if (next[node]! < starts[node + 1]!) {
          const edge = this.#sorted[next[node]!++]!;
          if ((edge.kind & mask) === 0 || (within !== null && !within.has(edge.to))) continue;
          if (order[edge.to] === -1) enter(edge.to);
          else if (isOnStack[edge.to] === 1) low[node] = Math.min(low[node]!, order[edge.to]!);
          continue;
        }
        path.pop();
        const parent = path.at(-1);
        if (parent !== undefined) low[parent] = Math.min(low[parent]!, low[node]!);
        if (low[node] !== order[node]) continue;
        const component: number[] = [];
        for (;;) {
          const member = stack.pop()!;
          isOnStack[member] = 0;
          component.push(member);
          if (member === node) break;
        }
        if (component.length > 1) found.push(component);
      }
    }
    return found;
  }

  #sort(): Int32Array {
    const starts = new Int32Array(this.nodes + 1);
    for (const { from } of this.#edges) starts[from + 1]!++;
    for (let node = 0; node < this.nodes; node++) starts[node + 1]! += starts[node]!;
    const place = starts.slice();
    const sorted = new Array<Edge>(this.#edges.length);
    for (const edge of this.#edges) sorted[place[edge.from]!++] = edge;
    this.#sorted = sorted;
    this.#starts = starts;
    return starts;
  }
}
