import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../gcs/base/index.ts';
import {
  type CheckOptions,
  checkHistory,
  type HistoryTransaction,
  type Level,
  type Operation,
  type VersionOrder,
} from './index.ts';
import { nameOf } from './testing/kinds-found.ts';
import { type SimulationOptions, simulate } from './testing/simulated-store.ts';

const SEEDS = 60;
const ORDERS: readonly VersionOrder[] = ['reads', 'sequence-numbers'];
const SIZE = { transactions: 300, processes: 6, keys: 6, operationsMax: 4, lostOfTen: 1 } as const;

function drawn(seed: number, options: Omit<SimulationOptions, keyof typeof SIZE | 'random'>): HistoryTransaction[] {
  return simulate({ ...SIZE, ...options, random: new SeededRandom(seed) });
}

function violationsOf(
  history: readonly HistoryTransaction[],
  level: CheckOptions['level'],
  versionOrder: VersionOrder,
) {
  return checkHistory(history, { level, versionOrder }).violations;
}

function hasNone(options: Omit<SimulationOptions, keyof typeof SIZE | 'random'>, level: CheckOptions['level']): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const history = drawn(seed, options);
    for (const order of ORDERS) assert.deepEqual(violationsOf(history, level, order), [], `seed ${seed}, by ${order}`);
  }
}

/** Of how many seeds a history has one of that name. */
function seedsWith(
  options: Omit<SimulationOptions, keyof typeof SIZE | 'random'>,
  level: Level,
  versionOrder: VersionOrder,
  name: RegExp,
): number {
  let count = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const violations = violationsOf(drawn(seed, options), level, versionOrder);
    if (violations.some((violation) => name.test(nameOf(violation)))) count++;
  }
  return count;
}

describe('histories of a simulated store', () => {
  test('that checks what was read, too, have no violation at strict serializable', () => {
    hasNone({ certification: 'serial' }, 'strict serializable');
  });

  test('with snapshots and first committer wins have none at strong snapshot isolation', () => {
    hasNone({ certification: 'snapshot' }, 'strong snapshot isolation');
  });

  test('with old snapshots and first committer wins have none at snapshot isolation', () => {
    hasNone({ certification: 'snapshot', staleness: 5 }, 'snapshot isolation');
  });

  test('with snapshots have write skews at serializable, by either version order', () => {
    for (const order of ORDERS) {
      const seeds = seedsWith({ certification: 'snapshot' }, 'serializable', order, /^G2-item$/);
      assert(seeds > SEEDS / 2, `${seeds} of ${SEEDS} by ${order}`);
    }
  });

  test('with old snapshots have old reads at the strong levels, by either version order', () => {
    for (const order of ORDERS) {
      for (const [level, name] of [
        ['strong snapshot isolation', /^G-single, realtime$/],
        ['strong session snapshot isolation', /^G-\w+, process$/],
      ] as const) {
        const seeds = seedsWith({ certification: 'snapshot', staleness: 5 }, level, order, name);
        assert(seeds > SEEDS / 2, `${level}: ${seeds} of ${SEEDS} by ${order}`);
      }
    }
  });

  test('whose transactions ask for different levels have none at what each has asked for', () => {
    hasNone({ certification: 'mixed' }, 'as asked');
    hasNone({ certification: 'mixed', staleness: 5 }, 'as asked');
  });

  test('were they all to have asked for SERIALIZABLE, or none for READ COMMITTED, there would be some', () => {
    for (const [asked, name] of [
      [() => 'serializable' as const, /^G2-item$/],
      [
        ({ isolation }: HistoryTransaction) =>
          isolation === 'serializable' ? isolation : ('snapshot isolation' as const),
        /./,
      ],
    ] as const) {
      let seeds = 0;
      for (let seed = 1; seed <= SEEDS; seed++) {
        const history = drawn(seed, { certification: 'mixed' }).map((one) => ({ ...one, isolation: asked(one) }));
        const violations = violationsOf(history, 'as asked', 'sequence-numbers');
        if (violations.some((violation) => name.test(nameOf(violation)))) seeds++;
      }
      assert(seeds > SEEDS / 2, `${name}: ${seeds} of ${SEEDS}`);
    }
  });

  test('in which all have asked for one level have at it what that level has', () => {
    for (const isolation of ['snapshot isolation', 'serializable'] as const) {
      for (let seed = 1; seed <= SEEDS; seed++) {
        for (const certification of ['none', 'snapshot'] as const) {
          const history = drawn(seed, { certification }).map((one) => ({ ...one, isolation }));
          for (const order of ORDERS) {
            const asked = violationsOf(history, 'as asked', order);
            assert.equal(asked.length === 0, violationsOf(history, isolation, order).length === 0, `seed ${seed}`);
          }
        }
      }
    }
  });

  test('that certifies nothing have lost updates at snapshot isolation', () => {
    for (const order of ORDERS) {
      const seeds = seedsWith({ certification: 'none' }, 'snapshot isolation', order, /^lost-update$/);
      assert(seeds > SEEDS * 0.9, `${seeds} of ${SEEDS} by ${order}`);
    }
  });

  test('of 100,000 transactions, a million dependencies, are checked as those of a hundred', () => {
    const random = new SeededRandom(1);
    const size = { transactions: 100_000, processes: 24, keys: 200, isEven: true, operationsMax: 6 } as const;
    const history = simulate({ ...size, random, certification: 'snapshot' });
    const { violations, dependencies } = checkHistory(history, {
      level: 'snapshot isolation',
      versionOrder: 'sequence-numbers',
    });
    assert.deepEqual(violations, []);
    assert(dependencies > 1_000_000, `${dependencies} dependencies`);
  });

  test('checked twice, have the same result', () => {
    const history = drawn(7, { certification: 'none', staleness: 5 });
    for (const versionOrder of ORDERS) {
      const options = { level: 'strict serializable', versionOrder } as const;
      assert.deepEqual(checkHistory(history, options), checkHistory(history, options));
    }
  });
});

describe('one wrong read in a history', () => {
  /** Finds what `wrong` changes in a transaction, seeds after seeds, and that it is told. */
  function isFound(
    wrong: (one: HistoryTransaction, history: readonly HistoryTransaction[]) => readonly Operation[] | null,
    versionOrders: readonly VersionOrder[],
    names: RegExp,
  ): void {
    let planted = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new SeededRandom(seed);
      const history = drawn(seed, { certification: 'serial' });
      for (let attempt = 0; attempt < 200; attempt++) {
        const place = random.below(history.length);
        const one = history[place]!;
        const operations = one.outcome === 'ok' ? wrong(one, history) : null;
        if (operations === null) continue;
        const changed = history.with(place, { ...one, operations });
        for (const order of versionOrders) {
          const found = violationsOf(changed, 'snapshot isolation', order).map(nameOf);
          assert(
            found.some((name) => names.test(name)),
            `seed ${seed}, transaction ${place}, by ${order}: ${found}`,
          );
        }
        planted++;
        break;
      }
    }
    assert(planted > SEEDS / 2, `${planted} planted`);
  }

  const isWrite = ({ op }: Operation) => op === 'append' || op === 'write';

  test('of what a failed transaction wrote is a G1a', () => {
    isFound(
      ({ operations }, history) => {
        const at = operations.findIndex(({ op }) => op === 'read');
        if (at === -1 || operations.slice(0, at).some(({ key }) => key === operations[at]!.key)) return null;
        const { key } = operations[at]!;
        const failed = history
          .filter(({ outcome }) => outcome === 'fail')
          .flatMap((other) => other.operations)
          .find((operation) => operation.op === 'write' && operation.key === key);
        if (failed?.op !== 'write') return null;
        return operations.with(at, { op: 'read', key, value: failed.value });
      },
      ORDERS,
      /^(G1a|G1b)$/,
    );
  });

  test('of two values of a list in the wrong order is an incompatible order', () => {
    isFound(
      ({ operations }) => {
        const at = operations.findIndex((operation) => operation.op === 'read-list' && operation.values!.length >= 3);
        const read = operations[at];
        if (read?.op !== 'read-list' || operations.some((other) => other !== read && other.key === read.key))
          return null;
        const [first, second, ...rest] = read.values!;
        return operations.with(at, { ...read, values: [second!, first!, ...rest] });
      },
      ORDERS,
      /^(incompatible-order|G0|G1b)$/,
    );
  });

  test('of the version before that upon which it then built is a lost update, or a cycle', () => {
    isFound(
      ({ operations }) => {
        const at = operations.findIndex((operation) => operation.op === 'read-list' && operation.values!.length >= 1);
        const read = operations[at];
        if (read?.op !== 'read-list') return null;
        if (operations.slice(0, at).some(({ key }) => key === read.key)) return null;
        if (!operations.slice(at + 1).some((operation) => isWrite(operation) && operation.key === read.key))
          return null;
        return operations.with(at, { ...read, values: read.values!.slice(0, -1) });
      },
      ORDERS,
      /^(lost-update|G-single|G1b|internal)$/,
    );
  });

  test('of what nobody wrote is an unknown value', () => {
    isFound(
      ({ operations }) => {
        const at = operations.findIndex(({ op }) => op === 'read');
        const read = operations[at];
        if (read?.op !== 'read' || operations.slice(0, at).some(({ key }) => key === read.key)) return null;
        return operations.with(at, { ...read, value: -1 });
      },
      ORDERS,
      /^unknown-value$/,
    );
  });
});
