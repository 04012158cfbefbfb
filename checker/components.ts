import type { CompactGraph } from './dependency-graph.ts';
import { KINDS, type PathRule } from './path-rules.ts';

export interface Components {
  readonly count: number;
  /** By `node * states + state`: the number of its component; -1: on no cycle. */
  readonly of: Int32Array;
}

/**
 * Strongly connected components of more than one place, a place being a node in a state of `rule`: every edge that stays
 * within one is on a cycle that keeps to the rule, and no other edge is. `within`: only edges that stay within one of
 * those components (of a rule with one state). Source: Tarjan 1972, without recursion. Cost: O(states * (nodes + edges)).
 */
export function components(graph: CompactGraph, rule: PathRule, within: Components | null): Components {
  const { starts, to, kind } = graph;
  const { states, next } = rule;
  const places = graph.nodes * states;
  const of = new Int32Array(places).fill(-1);
  const order = new Int32Array(places).fill(-1);
  const low = new Int32Array(places);
  const nextEdge = new Int32Array(places);
  const isOnStack = new Uint8Array(places);
  const stack = new Int32Array(places);
  const path = new Int32Array(places);
  let stackLength = 0;
  let pathLength = 0;
  let visited = 0;
  let count = 0;
  const enter = (place: number, node: number): void => {
    order[place] = visited;
    low[place] = visited++;
    nextEdge[place] = starts[node]!;
    stack[stackLength++] = place;
    isOnStack[place] = 1;
    path[pathLength++] = place;
  };
  for (let root = 0; root < places; root++) {
    const rootNode = Math.trunc(root / states);
    if (order[root] !== -1 || (within !== null && within.of[rootNode] === -1)) continue;
    enter(root, rootNode);
    while (pathLength > 0) {
      const place = path[pathLength - 1]!;
      const node = states === 1 ? place : Math.trunc(place / states);
      if (nextEdge[place]! < starts[node + 1]!) {
        const edge = nextEdge[place]!++;
        const state = next[(place - node * states) * KINDS + kind[edge]!]!;
        if (state === -1) continue;
        const target = to[edge]!;
        if (within !== null && within.of[target] !== within.of[node]) continue;
        const targetPlace = target * states + state;
        if (order[targetPlace] === -1) enter(targetPlace, target);
        else if (isOnStack[targetPlace] === 1 && order[targetPlace]! < low[place]!) low[place] = order[targetPlace]!;
        continue;
      }
      pathLength--;
      if (pathLength > 0) {
        const parent = path[pathLength - 1]!;
        if (low[place]! < low[parent]!) low[parent] = low[place]!;
      }
      if (low[place] !== order[place]) continue;
      const isMany = stack[stackLength - 1] !== place;
      for (;;) {
        const member = stack[--stackLength]!;
        isOnStack[member] = 0;
        if (isMany) of[member] = count;
        if (member === place) break;
      }
      if (isMany) count++;
    }
  }
  return { count, of };
}
