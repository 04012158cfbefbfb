/** Runs drawn transactions on a store that keeps to an isolation level, and records what their clients see. */
import { assert, type SeededRandom } from '../../gcs/base/index.ts';
import type { HistoryTransaction, Isolation, Key, Operation, Outcome, Value } from '../types.ts';

export interface SimulationOptions {
  readonly random: SeededRandom;
  readonly transactions: number;
  readonly processes: number;
  readonly keys: number;
  /** Keys are equally hot. Or else each is half as hot as the one before, as Elle draws them. */
  readonly isEven?: boolean;
  readonly operationsMax: number;
  /**
   * `snapshot`: first committer wins. `serial`: what was read is checked, too. `none`: every commit succeeds. `mixed`: each
   * transaction asks for a level, and is certified as that has it; at READ COMMITTED each operation has its own snapshot.
   */
  readonly certification: 'snapshot' | 'serial' | 'none' | 'mixed';
  /** A snapshot may be so many commits old. */
  readonly staleness?: number;
  /** Of ten commits, so many answers are lost. */
  readonly lostOfTen?: number;
}

interface Running {
  readonly process: number;
  readonly invokedAt: number;
  readonly isolation: Isolation;
  /** At READ COMMITTED, of the operation before. */
  snapshot: number;
  /** By key, the snapshot at which it was written first. */
  readonly writtenAt: Map<Key, number>;
  readonly own: Map<Key, Value[]>;
  readonly operations: Operation[];
  left: number;
}

const ISOLATIONS: readonly Isolation[] = ['read committed', 'snapshot isolation', 'serializable'];

/** Rows come and go as time passes, so that none grows without end. */
const APPENDS_OF_ROW = 32;

/** Even keys are lists, odd ones registers. */
export function simulate(options: SimulationOptions): HistoryTransaction[] {
  const { random, processes, keys, operationsMax, certification, staleness = 0, lostOfTen = 0 } = options;
  /** By key, each version with the commit that made it. */
  const versions = new Map<Key, { readonly at: number; readonly values: readonly Value[] }[]>();
  const history: HistoryTransaction[] = [];
  const running: (Running | null)[] = Array.from({ length: processes }, () => null);
  const sessions = Array.from({ length: processes }, (_, process) => process + 1);
  let time = 0;
  let commits = 0;
  let lastValue = 0;

  const read = (key: Key, snapshot: number): readonly Value[] =>
    versions.get(key)?.findLast(({ at }) => at <= snapshot)?.values ?? [];
  const drawKey = (): number => {
    let place = options.isEven ? random.below(keys) : 0;
    while (!options.isEven && place < keys - 1 && random.below(2) === 0) place++;
    return place + keys * Math.trunc(lastValue / (APPENDS_OF_ROW * keys));
  };
  const step = (one: Running): void => {
    const key = drawKey();
    const isList = key % 2 === 0;
    if (one.isolation === 'read committed') one.snapshot = commits;
    const known = one.own.get(key) ?? read(key, one.snapshot);
    if (random.below(2) === 0) {
      if (isList) one.operations.push({ op: 'read-list', key, values: known });
      else one.operations.push({ op: 'read', key, value: known[0] ?? null });
      return;
    }
    const value = ++lastValue;
    if (!one.own.has(key)) one.writtenAt.set(key, one.snapshot);
    one.own.set(key, isList ? [...known, value] : [value]);
    one.operations.push(isList ? { op: 'append', key, value } : { op: 'write', key, value });
  };
  const isCertified = (one: Running): boolean => {
    if (certification === 'none') return true;
    const isSerial = certification === 'mixed' ? one.isolation === 'serializable' : certification === 'serial';
    const checked = isSerial && one.own.size > 0 ? one.operations.map(({ key }) => key) : [...one.own.keys()];
    return checked.every((key) => (versions.get(key)?.at(-1)?.at ?? 0) <= (one.writtenAt.get(key) ?? one.snapshot));
  };
  const finish = (one: Running): void => {
    const writes = one.own.size > 0;
    const hasCommitted = isCertified(one);
    if (hasCommitted && writes) {
      commits++;
      for (const [key, values] of one.own) {
        const row = versions.get(key) ?? [];
        row.push({ at: commits, values });
        versions.set(key, row);
      }
    }
    const isLost = random.below(10) < lostOfTen;
    const outcome: Outcome = isLost ? 'info' : hasCommitted ? 'ok' : 'fail';
    history.push({
      process: one.process,
      invokedAt: one.invokedAt,
      completedAt: isLost ? Number.POSITIVE_INFINITY : time++,
      outcome,
      sequenceNumber: outcome === 'ok' && writes ? commits : null,
      operations: one.operations,
      ...(certification === 'mixed' && { isolation: one.isolation }),
    });
    // Whoever lost an answer goes on as somebody else.
    if (isLost) sessions[sessions.indexOf(one.process)] = Math.max(...sessions) + 1;
  };

  while (history.length < options.transactions) {
    const place = random.below(processes);
    const one = running[place]!;
    if (one === null) {
      const snapshot = Math.max(0, commits - random.below(staleness + 1));
      running[place] = {
        process: sessions[place]!,
        invokedAt: time++,
        isolation: certification === 'mixed' ? random.pick(ISOLATIONS) : 'snapshot isolation',
        snapshot,
        writtenAt: new Map(),
        own: new Map(),
        operations: [],
        left: 1 + random.below(operationsMax),
      };
    } else if (one.left-- > 0) step(one);
    else {
      finish(one);
      running[place] = null;
    }
  }
  assert(
    history.every(({ invokedAt, completedAt }) => invokedAt < completedAt),
    'a transaction ends after it begins',
  );
  return history.sort((a, b) => a.invokedAt - b.invokedAt);
}
