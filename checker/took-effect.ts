import type { HistoryTransaction, Key, Value } from './types.ts';

export const FAILED = 0;
/** Nobody knows. */
const PERHAPS = 1;
export const COMMITTED = 2;

/**
 * What became of each transaction, as far as the history tells: one whose answer was lost has committed if one that has
 * committed read what it wrote.
 */
export function tookEffect(history: readonly HistoryTransaction[]): Uint8Array {
  const effect = new Uint8Array(history.length);
  /** By key and value, the unknown transaction that wrote it. */
  const unknownWriters = new Map<Key, Map<Value, number>>();
  for (const [transaction, { outcome, operations }] of history.entries()) {
    effect[transaction] = outcome === 'ok' ? COMMITTED : outcome === 'info' ? PERHAPS : FAILED;
    if (outcome !== 'info') continue;
    for (const operation of operations) {
      if ((operation.op !== 'append' && operation.op !== 'write') || operation.value === null) continue;
      const writers = unknownWriters.get(operation.key) ?? new Map<Value, number>();
      unknownWriters.set(operation.key, writers.set(operation.value, transaction));
    }
  }
  if (unknownWriters.size === 0) return effect;
  const readers = history.flatMap(({ outcome }, transaction) => (outcome === 'ok' ? [transaction] : []));
  for (let at = 0; at < readers.length; at++) {
    for (const operation of history[readers[at]!]!.operations) {
      const seen = operation.op === 'read-list' ? operation.values : operation.op === 'read' ? [operation.value] : null;
      const writers = seen === null ? undefined : unknownWriters.get((operation as { key: Key }).key);
      if (writers === undefined) continue;
      for (const value of seen!) {
        const writer = value == null ? undefined : writers.get(value);
        if (writer === undefined || effect[writer] !== PERHAPS) continue;
        effect[writer] = COMMITTED;
        readers.push(writer);
      }
    }
  }
  return effect;
}
