/**
 * Finds cycles among dependencies, the most severe class first in each knot. A knot is a strongly connected component;
 * a history without anomalies has none, so the searches within them cost nothing there.
 *
 * Classes (Adya 1999; Kingsbury and Alvaro, Elle, 2020): G0 only writes; G1c writes and reads of what was written;
 * G-single one anti-dependency; G-nonadjacent several, no two of them behind one another (what snapshot isolation
 * forbids beside G-single); G2-item any.
 */
import { DEPENDENCY_OF, type DependencyGraph, type Edge, PROCESS, REALTIME, RW, WR, WW } from './dependency-graph.ts';
import type { CycleAnomaly, CycleKind } from './types.ts';

/** Of one knot, only so many cycles of each class are told. */
const CYCLES_OF_CLASS_MAX = 3;

export function findCycles(graph: DependencyGraph): CycleAnomaly[] {
  const found: CycleAnomaly[] = [];
  for (const [needs, time] of [
    ['nothing', 0],
    ['process', PROCESS],
    ['realtime', PROCESS | REALTIME],
  ] as const) {
    for (const knot of graph.components(WW | WR | RW | time)) {
      const members = new Set(knot);
      for (const { kind, cycle } of cyclesOf(graph, members, time)) {
        // One that does without is told already.
        if (needs !== 'nothing' && !cycle.some((edge) => (edge.kind & time) !== 0)) continue;
        if (needs === 'realtime' && !cycle.some((edge) => edge.kind === REALTIME)) continue;
        found.push({ kind, needs, cycle: cycle.map(stepOf) });
      }
    }
  }
  return found;
}

function stepOf({ from, kind, key }: Edge): CycleAnomaly['cycle'][number] {
  return { transaction: from, dependency: DEPENDENCY_OF[kind]!, key };
}

function cyclesOf(
  graph: DependencyGraph,
  knot: ReadonlySet<number>,
  time: number,
): { readonly kind: CycleKind; readonly cycle: readonly Edge[] }[] {
  const found: { kind: CycleKind; cycle: readonly Edge[] }[] = [];
  const told = new Set<string>();
  const tell = (kind: CycleKind, cycle: readonly Edge[] | null): boolean => {
    if (cycle === null) return false;
    const name = `${kind} ${[...cycle.map(({ from }) => from)].sort((a, b) => a - b).join(' ')}`;
    if (!told.has(name)) found.push({ kind, cycle });
    told.add(name);
    return found.filter((one) => one.kind === kind).length >= CYCLES_OF_CLASS_MAX;
  };
  const edgesWithin = (kind: number) => {
    const edges: Edge[] = [];
    for (const node of knot) {
      graph.some(node, kind, (edge) => {
        if (knot.has(edge.to)) edges.push(edge);
        return false;
      });
    }
    return edges;
  };
  for (const component of graph.components(WW | time, knot)) {
    if (tell('G0', shortestCycleThroughAny(graph, new Set(component), WW | time, WW))) break;
  }
  const readAndWritten = WW | WR | time;
  for (const component of graph.components(readAndWritten, knot)) {
    if (tell('G1c', shortestCycleThroughAny(graph, new Set(component), readAndWritten, WR))) break;
  }
  const antiDependencies = edgesWithin(RW);
  for (const edge of antiDependencies) {
    if (tell('G-single', closed(edge, shortestPath(graph, knot, edge.to, edge.from, readAndWritten)))) break;
  }
  for (const edge of antiDependencies) {
    const path = pathWithoutAdjacent(graph, knot, edge, time);
    if (path?.some(({ kind }) => kind === RW) && tell('G-nonadjacent', [edge, ...path])) break;
  }
  for (const edge of antiDependencies) {
    const path = shortestPath(graph, knot, edge.to, edge.from, readAndWritten | RW);
    // One with a single anti-dependency is a G-single, and told as that.
    if (path === null || !path.some(({ kind }) => kind === RW)) continue;
    const cycle = [edge, ...path];
    if (hasAdjacent(cycle) && tell('G2-item', cycle)) break;
  }
  return found;
}

function closed(edge: Edge, path: readonly Edge[] | null): readonly Edge[] | null {
  return path === null ? null : [edge, ...path];
}

function hasAdjacent(cycle: readonly Edge[]): boolean {
  return cycle.some((edge, at) => edge.kind === RW && cycle[(at + 1) % cycle.length]!.kind === RW);
}

/** A shortest cycle of the kinds in `mask` that has an edge of `through` in it. */
function shortestCycleThroughAny(
  graph: DependencyGraph,
  within: ReadonlySet<number>,
  mask: number,
  through: number,
): readonly Edge[] | null {
  let shortest: readonly Edge[] | null = null;
  for (const node of within) {
    graph.some(node, through, (edge) => {
      if (!within.has(edge.to)) return false;
      const cycle = closed(edge, shortestPath(graph, within, edge.to, edge.from, mask));
      if (cycle !== null && (shortest === null || cycle.length < shortest.length)) shortest = cycle;
      return shortest?.length === 2;
    });
  }
  return shortest;
}

/** Breadth first. Null if there is none. */
function shortestPath(
  graph: DependencyGraph,
  within: ReadonlySet<number>,
  from: number,
  to: number,
  mask: number,
): readonly Edge[] | null {
  const cameBy = new Map<number, Edge | null>([[from, null]]);
  const queue = [from];
  for (let at = 0; at < queue.length; at++) {
    const node = queue[at]!;
    if (node === to) return walkBack(to, (one) => cameBy.get(one)!);
    graph.some(node, mask, (edge) => {
      if (!within.has(edge.to) || cameBy.has(edge.to)) return false;
      cameBy.set(edge.to, edge);
      queue.push(edge.to);
      return false;
    });
  }
  return null;
}

function walkBack(end: number, edgeTo: (node: number) => Edge | null): readonly Edge[] {
  const path: Edge[] = [];
  for (let edge = edgeTo(end); edge !== null; edge = edgeTo(edge.from)) path.unshift(edge);
  return path;
}

/**
 * The shortest way from the end of the anti-dependency `first` back to its beginning on which no two anti-dependencies
 * follow one another, `first` included on both sides: breadth first over pairs of a node and whether it was reached by
 * one. Source: Cerone and Gotsman 2018, snapshot isolation as "no cycle without two adjacent anti-dependencies".
 */
function pathWithoutAdjacent(
  graph: DependencyGraph,
  within: ReadonlySet<number>,
  first: Edge,
  time: number,
): readonly Edge[] | null {
  interface Stop {
    readonly node: number;
    readonly byAnti: boolean;
    readonly edge: Edge | null;
    readonly before: Stop | null;
  }
  const seen = new Set<number>([first.to * 2 + 1]);
  const queue: Stop[] = [{ node: first.to, byAnti: true, edge: null, before: null }];
  for (let at = 0; at < queue.length; at++) {
    const stop = queue[at]!;
    if (stop.node === first.from && !stop.byAnti) {
      const path: Edge[] = [];
      for (let one: Stop | null = stop; one !== null && one.edge !== null; one = one.before) path.unshift(one.edge);
      return path;
    }
    const mask = stop.byAnti ? WW | WR | time : WW | WR | RW | time;
    graph.some(stop.node, mask, (edge) => {
      const byAnti = edge.kind === RW;
      const name = edge.to * 2 + (byAnti ? 1 : 0);
      if (!within.has(edge.to) || seen.has(name)) return false;
      seen.add(name);
      queue.push({ node: edge.to, byAnti, edge, before: stop });
      return false;
    });
  }
  return null;
}
