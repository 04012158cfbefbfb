/**
 * Which ways through the graph count, as small automata over the kinds of edges: a way is at a node in a state, and the
 * kind of the next edge says which state it comes to. One search and one decomposition serve all classes of cycles so.
 */
import { KIND_MAX, RW, RW_SERIAL } from './dependency-graph.ts';

export interface PathRule {
  readonly states: number;
  /** By `state * KINDS + kind`: the state behind such an edge, or -1: not allowed. */
  readonly next: Int8Array;
  /** State behind the first edge. */
  first(kind: number): number;
  /** Whether a way that began with an edge of this kind may end where it began in this state. */
  closes(firstKind: number, state: number): boolean;
}

export const KINDS = KIND_MAX + 1;

/** Any edges of the kinds in `mask`. */
export function anyOf(mask: number): PathRule {
  return {
    states: 1,
    next: tableOf(1, (_, kind) => ((kind & mask) !== 0 ? 0 : -1)),
    first: () => 0,
    closes: () => true,
  };
}

/** Those in `mask`, and one anti-dependency at most; the state counts them. */
export function atMostOneAnti(mask: number): PathRule {
  const step = (state: number, kind: number) => {
    if (kind === RW) return state === 0 ? 1 : -1;
    return (kind & mask) !== 0 ? state : -1;
  };
  return { states: 2, next: tableOf(2, step), first: (kind) => (kind === RW ? 1 : 0), closes: () => true };
}

/**
 * Those in `mask`, and anti-dependencies of which no two follow one another, around the end, too; the state says whether
 * the last edge was one. Source: Cerone and Gotsman 2018: snapshot isolation is that there are no such cycles. Those of
 * readers that are serializable may follow others.
 */
export function noAdjacentAnti(mask: number): PathRule {
  const step = (state: number, kind: number) => {
    if (kind === RW) return state === 0 ? 1 : -1;
    if (kind === RW_SERIAL) return 1;
    return (kind & mask) !== 0 ? 0 : -1;
  };
  return {
    states: 2,
    next: tableOf(2, step),
    first: (kind) => (kind === RW || kind === RW_SERIAL ? 1 : 0),
    closes: (firstKind, state) => firstKind !== RW || state === 0,
  };
}

function tableOf(states: number, step: (state: number, kind: number) => number): Int8Array {
  const table = new Int8Array(states * KINDS).fill(-1);
  for (let state = 0; state < states; state++) {
    for (let kind = 1; kind <= KIND_MAX; kind *= 2) table[state * KINDS + kind] = step(state, kind);
  }
  return table;
}
