/**
 * The two ways in which a transaction of `inventory` makes values depend on what it read. Both are read-modify-write
 * with a retry: what was read and changed meanwhile refuses the attempt.
 */
import type { Attempt, LoadRequest } from '../scenario.ts';

export type Read = Readonly<Record<string, unknown>> & { readonly op: 'get' | 'getMany'; readonly table: string };

export type Write =
  | { readonly op: 'insert'; readonly table: string; readonly row: object }
  /** `seen`: what the values rest on. */
  | {
      readonly op: 'update';
      readonly table: string;
      readonly key: number;
      readonly set: object;
      readonly seen: object;
    };

export interface Method {
  /** `place`: whether nothing was read before. */
  reading(tx: string, read: Read, place: 'first' | 'later'): readonly LoadRequest[];
  committing(tx: string, writes: readonly Write[]): readonly LoadRequest[];
  /** Leaves it without having written; nothing where there is nothing to leave. */
  leaving(tx: string): readonly LoadRequest[];
}

/** One transaction on one snapshot: the group refuses its commit if a row that it writes was written since. */
const interactive: Method = {
  reading: (tx, read, place) =>
    place === 'first'
      ? [
          { op: 'begin', tx },
          { ...read, tx },
        ]
      : [{ ...read, tx }],
  committing: (tx, writes) => [
    ...writes.map((write) => {
      if (write.op === 'insert') return { ...write, tx };
      const { seen: _, ...update } = write;
      return { ...update, tx };
    }),
    { op: 'commit', tx },
  ],
  leaving: (tx) => [{ op: 'rollback', tx }],
};

/** Reads alone, then all writes in one request, each update on the condition that its row is as it was seen. */
const transact: Method = {
  reading: (_tx, read) => [{ ...read }],
  committing: (_tx, writes) => [
    {
      op: 'transact',
      steps: writes.map((write) => {
        if (write.op === 'insert') return write;
        const { seen, ...update } = write;
        return { ...update, if: seen, expect: { matched: 1 } };
      }),
    },
  ],
  leaving: () => [],
};

export const methods = { interactive, transact };

/** What the read gives. */
export function* reading(
  method: Method,
  tx: string,
  read: Read,
  place: 'first' | 'later' = 'first',
): Generator<readonly LoadRequest[], unknown, readonly unknown[]> {
  const results = yield method.reading(tx, read, place);
  return results.at(-1);
}

export function* committing(method: Method, tx: string, writes: readonly Write[]): Attempt {
  yield method.committing(tx, writes);
  return 'committed';
}

export function* declining(method: Method, tx: string): Attempt {
  const requests = method.leaving(tx);
  if (requests.length > 0) yield requests;
  return 'declined';
}
