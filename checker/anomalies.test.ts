/** Each class of anomaly, made by hand: what it is called, and which levels forbid it. After Elle's list_append_test. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkHistory, type HistoryTransaction, type Level, type VersionOrder } from './index.ts';
import { ALL_LEVELS, kindsFound, levelsThatForbid } from './testing/kinds-found.ts';
import { failed, inOneProcess, inRealTime, transaction, unknown } from './testing/write-history.ts';

const SERIAL = ALL_LEVELS.filter((level) => level.includes('serializable'));
const SNAPSHOT_AND_UP = ALL_LEVELS.filter((level) => level !== 'read committed');
const SESSION: readonly Level[] = ALL_LEVELS.filter((level) => level.includes('session'));
const REAL_TIME: readonly Level[] = ['strong snapshot isolation', 'strict serializable'];

interface Case {
  readonly name: string;
  readonly history: readonly HistoryTransaction[];
  readonly found: readonly string[];
  readonly forbidden: readonly Level[];
  readonly versionOrder?: VersionOrder;
}

function check({ name, history, found, forbidden, versionOrder = 'reads' }: Case): void {
  test(name, () => {
    assert.deepEqual(kindsFound(history, versionOrder), found);
    assert.deepEqual(levelsThatForbid(history, versionOrder), forbidden);
  });
}

const list = (...texts: readonly string[]) => texts.map((text) => transaction(text));
const T = transaction;
const numbered = (text: string, sequenceNumber: number) => transaction(text, { sequenceNumber });

describe('of lists', () => {
  const cases: readonly Case[] = [
    {
      name: 'a history without anomalies has none',
      history: list('x+1', 'x[1] x+2', 'x[1,2]'),
      found: [],
      forbidden: [],
    },
    {
      name: 'G0: two transactions wrote two rows in different orders',
      history: list('x+1 y+1', 'x+2 y+2', 'x[1,2] y[2,1]'),
      found: ['G0'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G0: an appended value is gone once another is appended',
      history: list('x+1 x+2', 'x+3', 'x[1,3]'),
      found: ['G-single', 'G0'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1a: what failed was read',
      history: [failed('x+1'), T('x[1]')],
      found: ['G1a'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1a and dirty-update: what failed was read and appended to',
      history: [failed('x+1'), T('x+2'), T('x[1,2]')],
      found: ['G1a', 'dirty-update'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1a: what was read before it came before all that was appended behind it, too',
      history: [failed('x+2'), T('x+1'), T('x+3 y+1'), T('x[1,2,3]'), T('x[1] y[1]')],
      found: ['G-single', 'G1a', 'dirty-update'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1b: what another was about to append to was read',
      history: list('x+1 x+2', 'x[1]', 'x[1,2]'),
      found: ['G1b'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1c: two transactions read what the other appended',
      history: list('x+1 y[1]', 'y+1 x[1]'),
      found: ['G1c'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'internal: a read lacks what its transaction appended',
      history: list('x+1 x[]'),
      found: ['internal'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'internal: such a read tells nothing about others',
      history: list('x+1 y+1', 'x+2 x[] y[1]'),
      found: ['internal'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'internal: a second read is not the first',
      history: list('x+1', 'x[] x[1]'),
      found: ['internal'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'internal: a transaction reads what it appends only later',
      history: list('x[1] x+1'),
      found: ['internal'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'a read behind an append of its own may see what others appended before',
      history: list('x+1', 'x+2 x[1,2] x+3', 'x[1,2,3]'),
      found: [],
      forbidden: [],
    },
    {
      name: 'duplicate: a value is in a list twice',
      history: list('x+1', 'x+2', 'x[1,2,1]'),
      found: ['G0', 'duplicate'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'incompatible-order: neither of two reads is the beginning of the other',
      history: list('x+1', 'x+2', 'x+3', 'x[1,2]', 'x[1,3]'),
      found: ['incompatible-order'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'incompatible-order: what one transaction appended is in another order than it did so',
      history: list('x+1 x+2', 'x+3', 'x[2,1,3]'),
      found: ['incompatible-order'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'incompatible-order: of three that it appended, too',
      history: list('x+1 x+2 x+3', 'x+4', 'x[1,3,2,4]'),
      found: ['incompatible-order'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'unknown-value: nobody appended what was read',
      history: list('x+1', 'x[1,7]'),
      found: ['unknown-value'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'lost-update: two read one version and appended, and one of them is not to be seen',
      history: list('x[] x+1', 'x[] x+2', 'x[2]'),
      found: ['G2-item', 'lost-update'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'lost-update: even if nobody reads the row afterwards',
      history: list('x[] x+1', 'x[] x+2'),
      found: ['lost-update'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'G-single: one row as before a transaction, another as after it',
      history: list('x+1 y+1', 'x[] y[1]', 'x[1]'),
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'G-single: of an append that nobody read',
      history: list('x+1 y+1', 'x[] y[1]'),
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'long fork, a G-nonadjacent: two readers see two writes in different orders',
      history: list('x+1', 'y+1', 'x[1] y[]', 'x[] y[1]'),
      found: ['G-nonadjacent'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'long fork: is not hidden by write skews that are shorter circles of the same transactions',
      history: list('p[] q+1 n[1] s[]', 'p+1 m+1', 'm[1] q[] r[] s+1', 'r+1 n+1'),
      found: ['G-nonadjacent', 'G2-item', 'G2-item', 'G2-item'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'long fork: nor by shorter circles with adjacent anti-dependencies on either of its sides',
      history: list('p[] n[1] k[1]', 'p+1 m+1 u[]', 'm[1] r[] l[1]', 'r+1 n+1 t[]', 'u+1 k+1', 't+1 l+1'),
      found: ['G-nonadjacent', 'G2-item', 'G2-item'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'write skew, a G2-item: each of two transactions reads what the other then writes',
      history: list('x[] y+1', 'y[] x+1', 'x[1] y[1]'),
      found: ['G2-item'],
      forbidden: SERIAL,
    },
    {
      name: 'G2-item: of three transactions in a ring',
      history: list('x[] y+1', 'y[] z+1', 'z[] x+1'),
      found: ['G2-item'],
      forbidden: SERIAL,
    },
    {
      name: 'G0 in a process: what a client appended is in front of what it appended before',
      history: [...inOneProcess(1, 'x+1', 'x+2'), T('x[2,1]')],
      found: ['G0, process'],
      forbidden: SESSION,
    },
    {
      name: 'G1c in a process: a client saw what another appended after having seen what the first appended later',
      history: [...inOneProcess(1, 'x[1]', 'y+1'), T('y[1] x+1')],
      found: ['G1c, process'],
      forbidden: SESSION,
    },
    {
      name: 'G-single in a process: a client does not see what it appended',
      history: inOneProcess(1, 'x+1', 'x[]'),
      found: ['G-single, process'],
      forbidden: SESSION,
    },
    {
      name: 'G-nonadjacent in processes: each of two clients reads one row, then the other, and sees half of it',
      history: [...inOneProcess(1, 'x[1]', 'y[]'), ...inOneProcess(2, 'y[1]', 'x[]'), T('x+1'), T('y+1')],
      found: ['G-nonadjacent, process', 'G-single, realtime', 'G-single, realtime'],
      forbidden: SESSION,
    },
    {
      name: 'G2-item in a process: a write skew over two transactions of one client',
      history: [...inOneProcess(1, 'y+1', 'x[]'), T('y[] x+1')],
      found: ['G2-item, process'],
      forbidden: ['strong session serializable', 'strict serializable'],
    },
    {
      name: 'G0 in real time: what was appended later is in front',
      history: [...inRealTime('x+1', 'x+2'), T('x[2,1]')],
      found: ['G0, realtime'],
      forbidden: REAL_TIME,
    },
    {
      name: 'G1c in real time: what was read was appended only afterwards',
      history: inRealTime('x[1]', 'x+1'),
      found: ['G1c, realtime'],
      forbidden: REAL_TIME,
    },
    {
      name: 'G-single in real time: what was acknowledged is not seen by others',
      history: inRealTime('x+1', 'x[]'),
      found: ['G-single, realtime'],
      forbidden: REAL_TIME,
    },
    {
      name: 'G-nonadjacent in real time: two readers each miss one of two rows acknowledged before',
      history: [T('x+1', { at: [0, 1] }), T('y[]', { at: [2, 9] }), T('y+1', { at: [0, 3] }), T('x[]', { at: [4, 9] })],
      found: ['G-nonadjacent, realtime', 'G-single, realtime'],
      forbidden: REAL_TIME,
    },
    {
      name: 'G2-item in real time: a write skew over a transaction that came later',
      history: [T('y+1', { at: [0, 1] }), T('x[]', { at: [2, 9] }), T('y[] x+1', { at: [0, 9] })],
      found: ['G2-item, realtime'],
      forbidden: ['strict serializable'],
    },
  ];
  for (const one of cases) {
    const forbidden = one.forbidden === SESSION ? andRealTime(SESSION) : one.forbidden;
    check({ ...one, forbidden });
  }
});

/** What the order within a process forbids, that of real time does, too. */
function andRealTime(levels: readonly Level[]): readonly Level[] {
  return ALL_LEVELS.filter((level) => levels.includes(level) || REAL_TIME.includes(level));
}

describe('of lists with sequence numbers', () => {
  const cases: readonly Case[] = [
    {
      name: 'a list in the order of its commits is as it should be',
      history: [numbered('x+1', 3), numbered('x+2', 5), numbered('x+3', 8), T('x[1,2]')],
      found: [],
      forbidden: [],
    },
    {
      name: 'incompatible-order: a list is not in the order of its commits',
      history: [numbered('x+1', 5), numbered('x+2', 3), T('x[1,2]')],
      found: ['incompatible-order'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'incompatible-order: what was committed is not in a list of later commits',
      history: [numbered('x+1', 3), numbered('x+2', 5), T('x[2]')],
      found: ['incompatible-order'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'duplicate: two commits have one sequence number',
      history: [numbered('x+1', 3), numbered('y+2', 3)],
      found: ['duplicate'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'an append whose number nobody knows may be before those with numbers that nobody read',
      history: [unknown('x+2 y+1'), numbered('y[1] x+3', 5)],
      found: [],
      forbidden: [],
    },
    {
      name: 'an append whose number nobody knows comes after what was read without it',
      history: [unknown('x+2 y+1'), numbered('x+3', 5), T('x[] y[1]')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'appends that nobody read are in their order',
      history: [numbered('x+1 y+1', 3), numbered('y[] x+2', 5), T('x[]')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
  ];
  for (const one of cases) check({ ...one, versionOrder: 'sequence-numbers' });
});

describe('of registers', () => {
  const cases: readonly Case[] = [
    { name: 'a history without anomalies has none', history: list('x=1', 'x?1 x=2', 'x?2'), found: [], forbidden: [] },
    {
      name: 'G1a: what failed was read',
      history: [failed('x=1'), T('x?1')],
      found: ['G1a'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1b: what its writer wrote over was read',
      history: list('x=1 x=2', 'x?1'),
      found: ['G1b'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G1c: two transactions read what the other wrote',
      history: list('x=1 y?1', 'y=1 x?1'),
      found: ['G1c'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'internal: a read is not what its transaction wrote',
      history: list('x=1', 'x=2 x?1'),
      found: ['internal'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'internal: a transaction reads what it writes only later',
      history: list('x?1 x=1'),
      found: ['internal'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'unknown-value: nobody wrote what was read',
      history: list('x=1', 'x?7'),
      found: ['unknown-value'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'duplicate: a value was written twice',
      history: list('x=1', 'x=1'),
      found: ['duplicate'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'lost-update: two read one version and wrote',
      history: list('x=1', 'x?1 x=2', 'x?1 x=3'),
      found: ['lost-update'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'cyclic-versions: each of two versions was made of the other',
      history: list('x?2 x=1', 'x?1 x=2'),
      found: ['G0', 'cyclic-versions'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'G-single: one row as before a transaction, another as after it',
      history: list('x=1 y=1', 'x?- y?1'),
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'long fork, a G-nonadjacent: two readers see two writes in different orders',
      history: list('x=1', 'y=1', 'x?1 y?-', 'x?- y?1'),
      found: ['G-nonadjacent'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'write skew, a G2-item: each of two transactions reads what the other then writes',
      history: list('x?- y=1', 'y?- x=1'),
      found: ['G2-item'],
      forbidden: SERIAL,
    },
    {
      name: 'a row may be deleted, and be read as none',
      history: list('x?- x=1 z=1', 'x?1 x=- x?-', 'x?- z?1 x=2', 'x?2'),
      found: [],
      forbidden: [],
    },
    {
      name: 'lost-update: one of two that read a version deleted the row',
      history: list('x=1', 'x?1 x=-', 'x?1 x=3'),
      found: ['lost-update'],
      forbidden: SNAPSHOT_AND_UP,
    },
  ];
  for (const one of cases) check(one);

  const bySequence: readonly Case[] = [
    {
      name: 'by sequence numbers, G0: two rows were written in different orders by two that have one number each',
      history: [numbered('x=1', 1), numbered('x=2 y=2', 2), numbered('y?2 x?1', 3)],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'by sequence numbers, G1c: what is read was written only later',
      history: [numbered('x?2 y=1', 1), numbered('x=2 y=3', 2)],
      found: ['G1c'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'by sequence numbers, write skew of blind versions is found, which reads alone do not tell',
      history: [numbered('x=1', 1), numbered('y=1', 2), numbered('x?1 y=2', 3), numbered('y?1 x=2', 4)],
      found: ['G2-item'],
      forbidden: SERIAL,
    },
    {
      name: 'by sequence numbers, one whose number nobody knows was read as a whole or not at all',
      history: [unknown('x=1 y=1'), T('x?1 y?-')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'by sequence numbers, a row may be deleted, and be read as none',
      history: [numbered('x?- x=1 z=1', 1), numbered('x?1 x=-', 2), numbered('x?- z?1 x=2', 3), T('x?2')],
      found: [],
      forbidden: [],
    },
    {
      name: 'by sequence numbers, a read of what was deleted since is old',
      history: [numbered('x=1 y=1', 1), numbered('x=- y=2', 2), T('x?1 y?2')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
  ];
  for (const one of bySequence) check({ ...one, versionOrder: 'sequence-numbers' });
});

describe('a transaction whose answer was lost', () => {
  const cases: readonly Case[] = [
    { name: 'may have happened', history: [unknown('x+1'), T('x[1]')], found: [], forbidden: [] },
    { name: 'may not have happened', history: [unknown('x+1'), T('x[]')], found: [], forbidden: [] },
    {
      name: 'may happen after what its process did later',
      history: [unknown('x+1', { process: 1, at: [0, 1] }), T('x+2', { process: 1, at: [2, 3] }), T('x[2,1]')],
      found: [],
      forbidden: [],
    },
    {
      name: 'that was seen has happened as a whole',
      history: [unknown('x+1 y+1'), T('x[1] y[]')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'that was seen has read what it read',
      history: [unknown('y[] x+1'), T('y+1', { at: [0, 9] }), T('y[1] z+1'), unknown('z[1] x+2'), T('x[2,1]')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'that was seen by another that was seen has happened',
      history: [unknown('x+1 y+1'), unknown('x[1] z+1'), T('z[1] y[]')],
      found: ['G-single'],
      forbidden: SNAPSHOT_AND_UP,
    },
    {
      name: 'that was not seen has read nothing',
      history: [T('x+1 y+1'), unknown('x[] y[1] z+1'), T('z[]')],
      found: [],
      forbidden: [],
    },
    {
      name: 'does not come before its invocation',
      history: [T('x[1]', { at: [0, 1] }), unknown('x+1', { at: [2, 3] })],
      found: ['G1c, realtime'],
      forbidden: REAL_TIME,
    },
  ];
  for (const one of cases) check(one);
});

describe('a failed transaction', () => {
  const cases: readonly Case[] = [
    { name: 'may have read anything', history: [T('x+1'), failed('x[9] y?4')], found: [], forbidden: [] },
    {
      name: 'may be tried again with the same values',
      history: [failed('x+1 y=1'), T('x+1 y=1'), failed('x+1 y=1'), T('x[1] y?1')],
      found: [],
      forbidden: [],
    },
    {
      name: 'is in no circle',
      history: [failed('x+1 y+2'), T('x+2 y+3'), T('x[1,2] y[3,2]')],
      found: ['G1a', 'G1a', 'dirty-update'],
      forbidden: ALL_LEVELS,
    },
    {
      name: 'comes before nothing',
      history: [{ ...failed('x+1'), invokedAt: 0, completedAt: 1 }, T('x[]', { at: [2, 3] })],
      found: [],
      forbidden: [],
    },
  ];
  for (const one of cases) check(one);
});

describe('a bank', () => {
  test('whose total changes is found at snapshot isolation', () => {
    const history = list('bank~100', 'bank~100', 'bank~90');
    assert.deepEqual(kindsFound(history), ['wrong-total']);
    assert.deepEqual(levelsThatForbid(history), SNAPSHOT_AND_UP);
  });

  test('whose total is not what it was said to be is found', () => {
    const options = { level: 'snapshot isolation', versionOrder: 'reads', totals: new Map([['bank', 100]]) } as const;
    assert.equal(checkHistory(list('bank~100'), options).violations.length, 0);
    assert.equal(checkHistory(list('bank~90', 'bank~90'), options).violations.length, 2);
  });

  test('may be read wrong by a transaction that failed', () => {
    assert.deepEqual(kindsFound([T('bank~100'), failed('bank~90')]), []);
  });
});

describe('what is told', () => {
  test('a cycle is told once, without time if it can do without', () => {
    const history = inRealTime('x+1 y+1', 'x[] y[1]', 'x[1]');
    assert.deepEqual(kindsFound(history), ['G-single']);
    const { violations } = checkHistory(history, { level: 'snapshot isolation', versionOrder: 'reads' });
    assert.deepEqual(violations, [
      {
        kind: 'G-single',
        needs: 'nothing',
        cycle: [
          { transaction: 0, dependency: 'wr', key: 'y' },
          { transaction: 1, dependency: 'rw', key: 'x' },
        ],
      },
    ]);
  });

  test('a shorter cycle does not hide one of the same transactions that needs time and is of a worse class', () => {
    // A write skew, which snapshot isolation allows; but the second began when the first was acknowledged.
    const history = inRealTime('x[] y+1', 'y[] x+1');
    assert.deepEqual(kindsFound(history), ['G-single, realtime', 'G2-item']);
    assert(levelsThatForbid(history).includes('strong snapshot isolation'));
  });

  test('of very many cycles, some', () => {
    const count = 3000;
    const history = Array.from({ length: count }, (_, i) =>
      list(`x${letters(i)}[] y${letters(i)}+1`, `y${letters(i)}[] x${letters(i)}+1`),
    ).flat();
    const { violations } = checkHistory(history, { level: 'serializable', versionOrder: 'reads' });
    assert.equal(violations.length, 100);
  });

  test('of one after the other in real time each comes before the next, which says all', () => {
    const history = inRealTime('a+1', 'b+1', 'c+1', 'd+1', 'e+1');
    assert.equal(checkHistory(history, { level: 'serializable', versionOrder: 'reads' }).dependencies, 4);
  });

  test('the allowed is told apart from the forbidden', () => {
    const result = checkHistory(list('x[] y+1', 'y[] x+1'), { level: 'snapshot isolation', versionOrder: 'reads' });
    assert.deepEqual(result.violations, []);
    assert.equal(result.allowed.length, 1);
  });

  test('very many appends in no known order cost a bounded number of dependencies, and what is left out is said', () => {
    const count = 2000;
    const history = Array.from({ length: count }, (_, i) => list(`x+${i}`, 'x[]')).flat();
    const { dependencies, leftOut } = checkHistory(history, { level: 'serializable', versionOrder: 'reads' });
    assert(dependencies <= 100_000, `${dependencies}`);
    assert.equal(dependencies + leftOut, count * count);
  });
});

function letters(number: number): string {
  return [...String(number)].map((digit) => 'abcdefghij'[Number(digit)]).join('');
}
