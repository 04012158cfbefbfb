import type { Components } from './components.ts';
import { type CompactGraph, RW, RW_SERIAL } from './dependency-graph.ts';
import { KINDS, type PathRule } from './path-rules.ts';

/** Finds shortest cycles through given edges, again and again, in one graph. */
export class CycleSearch {
  /** Edges looked at so far: what the searches cost. */
  steps = 0;
  readonly #graph: CompactGraph;
  readonly #within: Components;
  /** By place: the edge by which the search came there, and the place before. Valid where `#seenIn` is the search. */
  readonly #cameBy: Int32Array;
  readonly #cameFrom: Int32Array;
  readonly #seenIn: Int32Array;
  readonly #queue: Int32Array;
  #search = 0;

  /** Only edges that stay within a component of `within` are used. */
  constructor(graph: CompactGraph, within: Components, statesMax: number) {
    this.#graph = graph;
    this.#within = within;
    const places = graph.nodes * statesMax;
    this.#cameBy = new Int32Array(places);
    this.#cameFrom = new Int32Array(places);
    this.#seenIn = new Int32Array(places);
    this.#queue = new Int32Array(places);
  }

  /**
   * The edges of a shortest way that begins with the edge `first`, comes back to where it began and keeps to `rule`, as a
   * cycle in which no node is twice (of a way that crosses itself, one part that keeps to the rule). Null: there is none.
   */
  through(first: number, rule: PathRule): readonly number[] | null {
    const { starts, from, to, kind } = this.#graph;
    const { states, next } = rule;
    const within = this.#within.of;
    const home = from[first]!;
    const firstKind = kind[first]!;
    const component = within[home]!;
    const search = ++this.#search;
    const root = to[first]! * states + rule.first(firstKind);
    this.#seenIn[root] = search;
    this.#cameBy[root] = first;
    this.#cameFrom[root] = -1;
    this.#queue[0] = root;
    let length = 1;
    for (let at = 0; at < length; at++) {
      const place = this.#queue[at]!;
      const node = Math.trunc(place / states);
      const state = place - node * states;
      if (node === home && rule.closes(firstKind, state)) return simple(this.#graph, this.#wayTo(place));
      for (let edge = starts[node]!; edge < starts[node + 1]!; edge++) {
        this.steps++;
        const nextState = next[state * KINDS + kind[edge]!]!;
        const target = to[edge]!;
        if (nextState === -1 || within[target] !== component) continue;
        const nextPlace = target * states + nextState;
        if (this.#seenIn[nextPlace] === search) continue;
        this.#seenIn[nextPlace] = search;
        this.#cameBy[nextPlace] = edge;
        this.#cameFrom[nextPlace] = place;
        this.#queue[length++] = nextPlace;
      }
    }
    return null;
  }

  #wayTo(end: number): readonly number[] {
    const way: number[] = [];
    for (let place = end; place !== -1; place = this.#cameFrom[place]!) way.push(this.#cameBy[place]!);
    return way.reverse();
  }
}

/**
 * Where a way crosses itself it is two cycles. If no two anti-dependencies are adjacent on the way, at least one of the
 * cycles has none: were there two at the crossing in both, the way itself would have had them adjacent there.
 */
function simple(graph: CompactGraph, way: readonly number[]): readonly number[] {
  const placeOf = new Map<number, number>();
  for (const [at, edge] of way.entries()) {
    const node = graph.from[edge]!;
    const before = placeOf.get(node);
    if (before === undefined) {
      placeOf.set(node, at);
      continue;
    }
    const outside = [...way.slice(0, before), ...way.slice(at)];
    const isAsGood = !hasAdjacentAnti(graph, outside) || hasAdjacentAnti(graph, way);
    return simple(graph, isAsGood ? outside : way.slice(before, at));
  }
  return way;
}

/**
 * Two anti-dependencies behind one another, around the end, too. Of one alone: no. `second`: of which kinds the second is.
 */
export function hasAdjacentAnti({ kind }: CompactGraph, cycle: readonly number[], second = RW): boolean {
  if (cycle.length < 2) return false;
  return cycle.some((edge, at) => {
    const isAnti = (kind[edge]! & (RW | RW_SERIAL)) !== 0;
    return isAnti && (kind[cycle[(at + 1) % cycle.length]!]! & second) !== 0;
  });
}
