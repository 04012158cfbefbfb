import type { SeededRandom } from '../../gcs/base/index.ts';
import type { HistoryTransaction, Operation, Value } from '../types.ts';

const KEYS = ['x', 'y'] as const;

/**
 * A few transactions on two rows, whose reads are drawn: seldom what any isolation level would give. The last transaction
 * reads all there is, so that the history tells the order of all versions.
 */
export function drawTinyHistory(random: SeededRandom, kind: 'lists' | 'registers'): HistoryTransaction[] {
  const count = 2 + random.below(3);
  let lastValue = 0;
  const plans = Array.from({ length: count }, () =>
    Array.from({ length: 1 + random.below(3) }, () => {
      return { key: random.pick(KEYS), value: random.below(2) === 0 ? ++lastValue : null };
    }),
  );
  const places = shuffled(random, [...plans.keys()]);
  /** By key, the values of one transaction after those of another. */
  const orderOf = (key: string): number[] => {
    const order = places.flatMap((plan) => valuesOf(plans[plan]!, key));
    return random.below(12) === 0 ? shuffled(random, order) : order;
  };
  const orders = new Map(KEYS.map((key) => [key as string, orderOf(key)]));
  const history = plans.map((plan, place): HistoryTransaction => {
    const starts = new Map<string, readonly Value[]>();
    const appended = new Map<string, Value[]>();
    const startOf = (key: string): readonly Value[] => {
      const drawnBefore = starts.get(key);
      if (drawnBefore !== undefined && random.below(20) > 0) return drawnBefore;
      const start = drawnStart(random, orders.get(key)!, valuesOf(plan, key));
      starts.set(key, start);
      return start;
    };
    const operations = plan.map(({ key, value }): Operation => {
      const own = appended.get(key) ?? [];
      if (value !== null) {
        appended.set(key, [...own, value]);
        return kind === 'lists' ? { op: 'append', key, value } : { op: 'write', key, value };
      }
      if (kind === 'lists') return { op: 'read-list', key, values: [...startOf(key), ...own] };
      return { op: 'read', key, value: own.at(-1) ?? startOf(key).at(-1) ?? null };
    });
    const invokedAt = random.below(8);
    const writes = operations.some(({ op }) => op === 'append' || op === 'write');
    return {
      process: random.below(2),
      invokedAt,
      completedAt: invokedAt + 0.5 + random.below(6),
      outcome: 'ok',
      sequenceNumber: writes ? places.indexOf(place) + 1 : null,
      operations,
    };
  });
  const everything = KEYS.map((key): Operation => {
    const order = orders.get(key)!;
    if (kind === 'lists') return { op: 'read-list', key, values: order };
    return { op: 'read', key, value: order.at(-1) ?? null };
  });
  const observer = { process: 9, invokedAt: 20, completedAt: 21, outcome: 'ok', sequenceNumber: null } as const;
  return [...history, { ...observer, operations: everything }];
}

/** Mostly what is right before what the transaction itself wrote. */
function drawnStart(random: SeededRandom, order: readonly number[], own: readonly number[]): readonly number[] {
  const before = own.length === 0 ? order.length : order.indexOf(own[0]!);
  const length = own.length > 0 && random.below(3) > 0 ? before : random.below(order.length + 1);
  return order.slice(0, length);
}

function valuesOf(plan: readonly { readonly key: string; readonly value: number | null }[], key: string): number[] {
  return plan.flatMap((one) => (one.key === key && one.value !== null ? [one.value] : []));
}

function shuffled<T>(random: SeededRandom, values: readonly T[]): T[] {
  const result = [...values];
  for (let i = result.length - 1; i > 0; i--) {
    const other = random.below(i + 1);
    [result[i], result[other]] = [result[other]!, result[i]!];
  }
  return result;
}
