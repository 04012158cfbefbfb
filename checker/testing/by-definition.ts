/**
 * Isolation by its definition, over all orders there are: slow, and obviously right. For tiny histories of which every
 * transaction has committed.
 */
import type { HistoryTransaction, Key, Operation, Value } from '../types.ts';

export interface OrderRules {
  /** Whether `earlier` must be seen by, and come before, `later`. */
  mustPrecede?(earlier: HistoryTransaction, later: HistoryTransaction): boolean;
}

/** Versions that transactions left, newest last: lists as they are, registers as one value. */
type State = ReadonlyMap<Key, readonly Value[]>;

/** There is an order in which each, run alone, would have read what it read. */
export function isSerializableByDefinition(history: readonly HistoryTransaction[], rules: OrderRules = {}): boolean {
  const { mustPrecede = () => false } = rules;
  const search = (state: State, left: readonly HistoryTransaction[]): boolean => {
    if (left.length === 0) return true;
    return left.some((one) => {
      const others = left.filter((other) => other !== one);
      if (others.some((other) => mustPrecede(other, one))) return false;
      const after = run(one, state);
      return after !== null && search(after, others);
    });
  };
  return search(new Map(), history);
}

/**
 * There is an order of beginnings and ends in which each reads what had ended before it began, and no two that overlap
 * write one row.
 */
export function isSnapshotIsolatedByDefinition(
  history: readonly HistoryTransaction[],
  rules: OrderRules = {},
): boolean {
  const { mustPrecede = () => false } = rules;
  interface Open {
    readonly one: HistoryTransaction;
    readonly endedBefore: number;
  }
  const search = (
    state: State,
    unbegun: readonly HistoryTransaction[],
    open: readonly Open[],
    ended: readonly HistoryTransaction[],
  ): boolean => {
    if (unbegun.length === 0 && open.length === 0) return true;
    for (const begun of open) {
      const overlapping = ended.slice(begun.endedBefore);
      const keys = keysWritten(begun.one);
      if (overlapping.some((other) => keysWritten(other).some((key) => keys.includes(key)))) continue;
      const others = open.filter((other) => other !== begun);
      if (search(write(begun.one, state), unbegun, others, [...ended, begun.one])) return true;
    }
    return unbegun.some((one) => {
      const others = unbegun.filter((other) => other !== one);
      if ([...others, ...open.map((begun) => begun.one)].some((other) => mustPrecede(other, one))) return false;
      return run(one, state) !== null && search(state, others, [...open, { one, endedBefore: ended.length }], ended);
    });
  };
  return search(new Map(), history, [], []);
}

function keysWritten({ operations }: HistoryTransaction): readonly Key[] {
  return operations.flatMap((operation) =>
    operation.op === 'append' || operation.op === 'write' ? [operation.key] : [],
  );
}

/** The state afterwards; null: it would have read something else. */
function run({ operations }: HistoryTransaction, before: State): State | null {
  let state = before;
  for (const operation of operations) {
    const there = operation.op === 'read-total' ? [] : (state.get(operation.key) ?? []);
    if (operation.op === 'read-list' && JSON.stringify(operation.values) !== JSON.stringify(there)) return null;
    if (operation.op === 'read' && operation.value !== (there[0] ?? null)) return null;
    state = apply(operation, state);
  }
  return state;
}

function write({ operations }: HistoryTransaction, before: State): State {
  return operations.reduce((state, operation) => apply(operation, state), before);
}

function apply(operation: Operation, state: State): State {
  if (operation.op === 'append') {
    return new Map(state).set(operation.key, [...(state.get(operation.key) ?? []), operation.value]);
  }
  if (operation.op === 'write')
    return new Map(state).set(operation.key, operation.value === null ? [] : [operation.value]);
  return state;
}
