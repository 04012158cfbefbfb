/**
 * Finds cycles among dependencies. A history without anomalies has no strongly connected component, so the searches
 * within them cost nothing there.
 *
 * Classes (Adya 1999; Kingsbury and Alvaro, Elle, 2020): G0 only writes; G1c writes and reads of what was written;
 * G-single one anti-dependency; G-nonadjacent several, no two of them behind one another (what snapshot isolation
 * forbids beside G-single); G2-item any. With time, the order within a process or that of real time may take part.
 *
 * Whether there is a cycle that a level forbids is decided exactly: for each set of classes that some level forbids, and
 * each order in time, a decomposition into components tells every edge that is on such a cycle, and of each component one
 * cycle is told at least, until there are many. A class that is seen only in other company may go untold.
 */
import { type Components, components } from './components.ts';
import { type CompactGraph, DEPENDENCY_OF, PROCESS, REALTIME, RW, RW_SERIAL, WR, WW } from './dependency-graph.ts';
import { anyOf, atMostOneAnti, KINDS, noAdjacentAnti, type PathRule } from './path-rules.ts';
import { CycleSearch, hasAdjacentAnti } from './shortest-cycle.ts';
import type { CycleAnomaly, CycleKind } from './types.ts';

/** Of one component, and of all, only so many cycles of one search are told. */
const CYCLES_OF_COMPONENT_MAX = 3;
const CYCLES_OF_SEARCH_MAX = 100;
/** Edges that one search may look at once each component has had its chance. */
const STEPS_OF_SEARCH_MAX = 2_000_000;

const ANTI = RW | RW_SERIAL;
const DATA = WW | WR | ANTI;
const PASSES = [
  { time: 0, through: null },
  { time: PROCESS, through: PROCESS },
  { time: PROCESS | REALTIME, through: REALTIME },
] as const;

/** The most severe first. */
const KINDS_OF_CYCLES: readonly CycleKind[] = ['G0', 'G1c', 'G-single', 'G-nonadjacent', 'G2-item'];

export function findCycles(graph: CompactGraph): CycleAnomaly[] {
  const everything = components(graph, anyOf(DATA | PROCESS | REALTIME), null);
  if (everything.count === 0) return [];
  const told = new ToldCycles(graph);
  for (const { time, through } of PASSES) {
    const knots = components(graph, anyOf(DATA | time), everything);
    if (knots.count === 0) continue;
    const any = anyOf(DATA | time);
    const search = (rule: PathRule, start: number, shape = rule) => {
      const cyclic = rule === any ? knots : components(graph, rule, knots);
      searchAll({ graph, knots, cyclic, rule, shape, start: through ?? start, told });
    };
    search(anyOf(WW | time), WW);
    search(anyOf(WW | WR | time), WR);
    search(noAdjacentAnti(WW | WR | time), RW, atMostOneAnti(WW | WR | time));
    search(noAdjacentAnti(WW | WR | time), RW);
    search(noAdjacentAnti(WW | WR | time), RW_SERIAL);
    search(any, RW);
  }
  return told.cycles;
}

interface Search {
  readonly graph: CompactGraph;
  /** Components of all that this pass may use. */
  readonly knots: Components;
  /** Components by `rule`. */
  readonly cyclic: Components;
  readonly rule: PathRule;
  /** What the cycles are to be, if that is narrower than `rule`. */
  readonly shape: PathRule;
  /** Kind of the edges to begin with. */
  readonly start: number;
  readonly told: ToldCycles;
}

function searchAll({ graph, knots, cyclic, rule, shape, start, told }: Search): void {
  if (cyclic.count === 0) return;
  const search = new CycleSearch(graph, knots, shape.states);
  const attempted = new Set<number>();
  const toldOf = new Map<number, number>();
  let toldOfAll = 0;
  for (let edge = 0; edge < graph.kind.length; edge++) {
    if (graph.kind[edge] !== start) continue;
    const component = componentOf(graph, cyclic, rule, edge);
    if (component === -1) continue;
    const count = toldOf.get(component) ?? 0;
    if (count >= CYCLES_OF_COMPONENT_MAX) continue;
    if (attempted.has(component) && search.steps > STEPS_OF_SEARCH_MAX) continue;
    attempted.add(component);
    const cycle = search.through(edge, shape);
    if (cycle === null || !told.tell(cycle)) continue;
    toldOf.set(component, count + 1);
    if (++toldOfAll >= CYCLES_OF_SEARCH_MAX) return;
  }
}

/** In which of the components by `rule` an edge lies; -1: in none. */
function componentOf(graph: CompactGraph, cyclic: Components, rule: PathRule, edge: number): number {
  for (let state = 0; state < rule.states; state++) {
    const next = rule.next[state * KINDS + graph.kind[edge]!]!;
    if (next === -1) continue;
    const component = cyclic.of[graph.from[edge]! * rule.states + state]!;
    if (component !== -1 && component === cyclic.of[graph.to[edge]! * rule.states + next]) return component;
  }
  return -1;
}

class ToldCycles {
  readonly cycles: CycleAnomaly[] = [];
  readonly #graph: CompactGraph;
  /** By transactions in their order, the most severe class that was told of them. */
  readonly #severityOf = new Map<string, number>();

  constructor(graph: CompactGraph) {
    this.#graph = graph;
  }

  /** False if the same was told already: as severe, and with no more need of time. */
  tell(cycle: readonly number[]): boolean {
    const { from, kind } = this.#graph;
    const nodes = cycle.map((edge) => from[edge]!);
    const first = nodes.indexOf(Math.min(...nodes));
    const name = [...nodes.slice(first), ...nodes.slice(0, first)].join(' ');
    const severity = KINDS_OF_CYCLES.indexOf(this.#kindOf(cycle));
    const before = this.#severityOf.get(name);
    if (before !== undefined && before <= severity) return false;
    this.#severityOf.set(name, severity);
    const kinds = new Set(cycle.map((edge) => kind[edge]!));
    this.cycles.push({
      kind: KINDS_OF_CYCLES[severity]!,
      needs: kinds.has(REALTIME) ? 'realtime' : kinds.has(PROCESS) ? 'process' : 'nothing',
      cycle: [...cycle.slice(first), ...cycle.slice(0, first)].map((edge) => ({
        transaction: from[edge]!,
        dependency: DEPENDENCY_OF[kind[edge]!]!,
        key: this.#graph.keyOf(edge),
      })),
    });
    return true;
  }

  #kindOf(cycle: readonly number[]): CycleKind {
    const { kind } = this.#graph;
    const antiDependencies = cycle.filter((edge) => (kind[edge]! & ANTI) !== 0).length;
    if (antiDependencies === 0) return cycle.some((edge) => kind[edge] === WR) ? 'G1c' : 'G0';
    if (antiDependencies === 1) return 'G-single';
    return hasAdjacentAnti(this.#graph, cycle, ANTI) ? 'G2-item' : 'G-nonadjacent';
  }
}
