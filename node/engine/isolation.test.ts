/**
 * Conversations in the manner of Hermitage (Kleppmann): for each anomaly the statements of two or three sessions in the
 * order in which they are executed, at each level, with the sessions at one, two and three members. What a level forbids
 * does not happen, and what it allows is not refused.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../sim/world/index.ts';
import type { ErrorAnswer } from './errors.ts';
import { ISOLATION_LEVELS, type Isolation } from './isolation.ts';
import { type SimulatedMember, SimulatedMemberClient, startGroup, until } from './testing/simulated-group.ts';

type Facts = Readonly<Record<string, unknown>>;

/** One session with a transaction of its own, begun already. */
interface Session {
  /** The result, or the code of the error; of a conflict what it is about. */
  run(op: string, message?: Facts): unknown;
  commit(): string;
  rollback(): void;
  /** Values of `v` by key, as this transaction reads them. */
  all(selection?: Facts): Readonly<Record<number, number>>;
  get(key: number): number | null;
  set(key: number, v: number): unknown;
  insert(id: number, v: number): unknown;
}

interface Conversation {
  readonly name: string;
  /** What of it depends on the level. */
  readonly talk: (one: Session, two: Session, three: Session) => unknown;
  /** In the order of the levels. */
  readonly gives: readonly [readCommitted: unknown, repeatableRead: unknown, serializable: unknown];
}

const same = (result: unknown) => [result, result, result] as const;

const CONVERSATIONS: readonly Conversation[] = [
  {
    name: 'G0: of two that write the same rows one commits as a whole',
    talk: (one, two) => {
      one.set(1, 11);
      two.set(1, 12);
      one.set(2, 21);
      assert.equal(one.commit(), 'committed');
      assert.deepEqual(two.set(2, 22), { matched: 1 });
      return two.commit();
    },
    gives: same('CERTIFICATION_CONFLICT: row 1, local'),
  },
  {
    name: 'G1a: what is rolled back is never read',
    talk: (one, two) => {
      one.set(1, 101);
      const before = two.all();
      one.rollback();
      return [before, two.all(), two.commit()];
    },
    gives: same([{ 1: 10, 2: 20 }, { 1: 10, 2: 20 }, 'committed']),
  },
  {
    name: 'G1b: what was written over before the commit is never read',
    talk: (one, two) => {
      one.set(1, 101);
      const before = two.get(1);
      one.set(1, 11);
      one.commit();
      return [before, two.get(1), two.commit()];
    },
    gives: [
      [10, 11, 'committed'],
      [10, 10, 'committed'],
      [10, 10, 'committed'],
    ],
  },
  {
    name: 'G1c: no two read what the other one wrote; that neither reads it is a write skew',
    talk: (one, two) => {
      one.set(1, 11);
      two.set(2, 22);
      const read = [one.get(2), two.get(1)];
      return [...read, one.commit(), two.commit()];
    },
    gives: [
      [20, 10, 'committed', 'committed'],
      [20, 10, 'committed', 'committed'],
      [20, 10, 'committed', 'CERTIFICATION_CONFLICT: row 1, local'],
    ],
  },
  {
    name: 'OTV: a transaction that was seen does not vanish in part',
    talk: (one, two, three) => {
      one.set(1, 11);
      one.set(2, 19);
      two.set(1, 12);
      one.commit();
      const first = three.get(1);
      two.set(2, 18);
      const second = three.get(2);
      return [first, second, two.commit(), three.get(2), three.get(1), three.commit()];
    },
    gives: same([11, 19, 'CERTIFICATION_CONFLICT: row 1, local', 19, 11, 'committed']),
  },
  {
    name: 'PMP: a predicate is read as of one snapshot',
    talk: (one, two) => {
      const before = one.all({ where: { v: 30 } });
      two.insert(3, 30);
      two.commit();
      return [before, one.all({ where: { v: 30 } }), one.commit()];
    },
    gives: [
      [{}, { 3: 30 }, 'committed'],
      [{}, {}, 'committed'],
      [{}, {}, 'committed'],
    ],
  },
  {
    name: 'PMP with writes: what a predicate has found is not deleted after it was changed',
    talk: (one, two) => {
      one.run('update', { all: true, set: { v: 30 } });
      const deleted = two.run('delete', { where: { v: 20 } });
      one.commit();
      return [deleted, two.commit()];
    },
    gives: [
      [{ matched: 1 }, 'CERTIFICATION_CONFLICT: row 2, local'],
      [{ matched: 1 }, 'CERTIFICATION_CONFLICT: row 2, local'],
      [{ matched: 1 }, 'CERTIFICATION_CONFLICT: row 2, local'],
    ],
  },
  {
    name: 'P4: an update is lost at READ COMMITTED alone, where it was committed before the statement that writes over it',
    talk: (one, two) => {
      const read = [one.get(1), two.get(1)];
      one.set(1, 11);
      one.commit();
      return [...read, two.set(1, 12), two.commit()];
    },
    gives: [
      [10, 10, { matched: 1 }, 'committed'],
      [10, 10, { matched: 1 }, 'CERTIFICATION_CONFLICT: row 1, local'],
      [10, 10, { matched: 1 }, 'CERTIFICATION_CONFLICT: row 1, local'],
    ],
  },
  {
    name: 'P4 where both have written before one commits: at no level',
    talk: (one, two) => {
      one.get(1);
      two.get(1);
      one.set(1, 11);
      two.set(1, 12);
      return [one.commit(), two.commit()];
    },
    gives: same(['committed', 'CERTIFICATION_CONFLICT: row 1, local']),
  },
  {
    name: 'G-single: two rows are read as of one snapshot, and who only reads is never refused',
    talk: (one, two) => {
      const first = one.get(1);
      two.set(1, 12);
      two.set(2, 18);
      two.commit();
      return [first, one.get(2), one.commit()];
    },
    gives: [
      [10, 18, 'committed'],
      [10, 20, 'committed'],
      [10, 20, 'committed'],
    ],
  },
  {
    name: 'G-single with predicates',
    talk: (one, two) => {
      const first = one.all({ where: { v: 10 } });
      two.set(1, 12);
      two.commit();
      return [first, one.run('count', { where: { v: 12 } }), one.commit()];
    },
    gives: [
      [{ 1: 10 }, { count: 1 }, 'committed'],
      [{ 1: 10 }, { count: 0 }, 'committed'],
      [{ 1: 10 }, { count: 0 }, 'committed'],
    ],
  },
  {
    name: 'G-single with a write: what is deleted is what the snapshot has',
    talk: (one, two) => {
      one.get(1);
      two.set(1, 12);
      two.set(2, 18);
      two.commit();
      return [one.run('delete', { where: { v: 20 } }), one.commit()];
    },
    gives: [
      [{ matched: 0 }, 'committed'],
      [{ matched: 1 }, 'CERTIFICATION_CONFLICT: row 2, local'],
      // The rows are certified before the ranges.
      [{ matched: 1 }, 'CERTIFICATION_CONFLICT: row 2, local'],
    ],
  },
  {
    name: 'G2-item: of two that read both rows and each write one, SERIALIZABLE lets one commit (write skew)',
    talk: (one, two) => {
      one.run('getMany', { keys: [1, 2] });
      two.run('getMany', { keys: [1, 2] });
      one.set(1, 11);
      two.set(2, 21);
      return [one.commit(), two.commit()];
    },
    gives: [
      ['committed', 'committed'],
      ['committed', 'committed'],
      ['committed', 'CERTIFICATION_CONFLICT: row 1, local'],
    ],
  },
  {
    name: 'G2-item with a row that was not there',
    talk: (one, two) => {
      const absent = [one.get(8), two.get(7)];
      one.run('put', { row: { id: 7, v: 7 } });
      two.run('put', { row: { id: 8, v: 8 } });
      return [...absent, one.commit(), two.commit()];
    },
    gives: [
      [null, null, 'committed', 'committed'],
      [null, null, 'committed', 'committed'],
      [null, null, 'committed', 'CERTIFICATION_CONFLICT: row 7, local'],
    ],
  },
  {
    name: 'G2: of two that find nothing by a predicate and insert what it is about, SERIALIZABLE lets one commit',
    talk: (one, two) => {
      const found = [one.all({ where: { v: 30 } }), two.all({ where: { v: 30 } })];
      one.insert(3, 30);
      two.insert(4, 30);
      return [...found, one.commit(), two.commit()];
    },
    gives: [
      [{}, {}, 'committed', 'committed'],
      [{}, {}, 'committed', 'committed'],
      [{}, {}, 'committed', 'CERTIFICATION_CONFLICT: range 3, local'],
    ],
  },
  {
    name: 'G2 with a range that is empty, counted',
    talk: (one, two) => {
      one.run('count', { gte: 200, lt: 300 });
      two.run('count', { gte: 100, lt: 200 });
      one.insert(150, 1);
      two.insert(250, 1);
      return [one.commit(), two.commit()];
    },
    gives: [
      ['committed', 'committed'],
      ['committed', 'committed'],
      ['committed', 'CERTIFICATION_CONFLICT: range 150, local'],
    ],
  },
  {
    name: 'G2 with a row that leaves what a predicate has found',
    talk: (one, two) => {
      one.all({ gte: 2 });
      two.run('delete', { key: 2 });
      two.commit();
      one.insert(0, 1);
      return one.commit();
    },
    gives: ['committed', 'committed', 'CERTIFICATION_CONFLICT: range 2, local'],
  },
  {
    name: 'G2 with a predicate that writes: what it has not found counts',
    talk: (one, two) => {
      const updated = one.run('update', { where: { v: 10 }, set: { v: 11 } });
      two.insert(3, 10);
      two.commit();
      return [updated, one.commit()];
    },
    gives: [
      [{ matched: 1 }, 'committed'],
      [{ matched: 1 }, 'committed'],
      [{ matched: 1 }, 'CERTIFICATION_CONFLICT: range 3, local'],
    ],
  },
  {
    name: 'G2 that only a reader notices (Fekete): the later writer is refused at SERIALIZABLE',
    talk: (one, two, three) => {
      one.all();
      two.set(2, 25);
      two.commit();
      const seen = three.all();
      three.commit();
      one.set(1, 0);
      return [seen, one.commit()];
    },
    gives: [
      [{ 1: 10, 2: 25 }, 'committed'],
      [{ 1: 10, 2: 25 }, 'committed'],
      [{ 1: 10, 2: 25 }, 'CERTIFICATION_CONFLICT: range 2, local'],
    ],
  },
  {
    name: 'what was not scanned does not conflict: behind the last row of a limit, and beside a range',
    talk: (one, two) => {
      const first = [one.all({ limit: 1 }), one.run('count', { gte: 40, lt: 50 })];
      two.insert(50, 1);
      two.insert(39, 1);
      two.set(2, 21);
      const second = two.commit();
      one.insert(0, 1);
      return [...first, second, one.commit()];
    },
    gives: same([{ 1: 10 }, { count: 0 }, 'committed', 'committed']),
  },
  {
    name: 'a scan from the end with a limit has looked through what lies above its last row',
    talk: (one, two, three) => {
      const last = [one.all({ reverse: true, limit: 1 }), two.all({ reverse: true, limit: 1 })];
      three.insert(9, 1);
      one.insert(0, 1);
      two.set(1, 11);
      return [...last, one.commit(), two.commit(), three.commit()];
    },
    gives: same([{ 2: 20 }, { 2: 20 }, 'committed', 'committed', 'committed']),
  },
  {
    name: 'and nothing may have come there',
    talk: (one, two) => {
      one.all({ reverse: true, limit: 1 });
      two.insert(9, 1);
      two.commit();
      one.insert(0, 1);
      return one.commit();
    },
    gives: ['committed', 'committed', 'CERTIFICATION_CONFLICT: range 9, local'],
  },
  {
    name: 'a cursor behind a full page says nothing of what follows, where that is not certified',
    talk: (one, two) => {
      const cursorOf = (page: unknown): boolean => (page as { cursor?: string }).cursor !== undefined;
      const pages = [
        one.run('scan', { limit: 2 }),
        one.run('scan', { limit: 1 }),
        two.run('scan', { limit: 1, reverse: true }),
      ];
      one.run('delete', { key: 1 });
      two.run('delete', { key: 2 });
      return [...pages.map(cursorOf), one.commit(), two.commit()];
    },
    gives: [
      [false, true, true, 'committed', 'committed'],
      [false, true, true, 'committed', 'committed'],
      [true, true, true, 'committed', 'committed'],
    ],
  },
  {
    name: 'a cursor adds the pages that were read, as they are read',
    talk: (one, two, three) => {
      const { cursor } = one.run('scan', { limit: 1 }) as { cursor: string };
      two.insert(3, 30);
      const committed = two.commit();
      const page = one.run('scan', { cursor, limit: 2 }) as { rows: { id: number }[] };
      const found = page.rows.map(({ id }) => id);
      one.insert(0, 1);
      three.run('scan', { limit: 1 });
      three.run('put', { row: { id: 4, v: 1 } });
      return [committed, found, one.commit(), three.commit()];
    },
    gives: [
      ['committed', [2, 3], 'committed', 'committed'],
      ['committed', [2], 'committed', 'committed'],
      // One has read to the end of the table, three up to row 1 before row 0 came.
      ['committed', [2], 'CERTIFICATION_CONFLICT: range 3, local', 'committed'],
    ],
  },
  {
    name: 'two that read and write ranges beside each other both commit',
    talk: (one, two) => {
      one.run('count', { gte: 100, lt: 200 });
      two.run('count', { gte: 200, lt: 300 });
      one.insert(100, 1);
      two.insert(200, 1);
      return [one.commit(), two.commit()];
    },
    gives: same(['committed', 'committed']),
  },
  {
    name: 'who read before another one wrote, and commits first, leaves the other one alone',
    talk: (one, two) => {
      one.all();
      one.insert(3, 30);
      two.set(2, 21);
      return [one.commit(), two.commit()];
    },
    gives: same(['committed', 'committed']),
  },
  {
    name: 'H11: a row behind a limit that was put there later does not conflict, one before it does',
    talk: (one, two, three) => {
      one.all({ limit: 1 });
      one.insert(0, 1);
      two.all({ limit: 2 });
      two.insert(-5, 1);
      three.set(2, 21);
      return [three.commit(), one.commit(), two.commit()];
    },
    gives: [
      ['committed', 'committed', 'committed'],
      ['committed', 'committed', 'committed'],
      ['committed', 'committed', 'CERTIFICATION_CONFLICT: range 0, local'],
    ],
  },
  {
    name: 'own writes are read, and merged into scans',
    talk: (one) => {
      one.set(1, 11);
      one.insert(3, 30);
      one.run('delete', { key: 2 });
      return [one.get(1), one.get(2), one.all(), one.run('count'), one.commit()];
    },
    gives: same([11, null, { 1: 11, 3: 30 }, { count: 2 }, 'committed']),
  },
  {
    name: 'H6: a row that one statement wrote is certified as that statement saw it, whatever later ones saw',
    talk: (one, two) => {
      one.set(1, 11);
      two.set(1, 12);
      assert.equal(two.commit(), 'committed');
      return [one.get(2), one.set(2, 21), one.commit()];
    },
    gives: same([20, { matched: 1 }, 'CERTIFICATION_CONFLICT: row 1, local']),
  },
  {
    name: 'H6: a statement that meets a newer version of a row that its transaction has written fails at once',
    talk: (one, two, three) => {
      one.set(1, 11);
      three.set(1, 13);
      two.set(1, 12);
      two.commit();
      return [one.get(1), three.set(1, 14)];
    },
    gives: [
      ['CERTIFICATION_CONFLICT: row 1, local', 'CERTIFICATION_CONFLICT: row 1, local'],
      [11, { matched: 1 }],
      [11, { matched: 1 }],
    ],
  },
  {
    name: 'at READ COMMITTED each statement reads what is committed, the others one snapshot',
    talk: (one, two, three) => {
      const seen = [one.get(1)];
      two.set(1, 11);
      two.commit();
      seen.push(one.get(1));
      three.set(1, 12);
      const third = three.commit();
      seen.push(one.get(1));
      one.set(2, 22);
      return [...seen, third, one.commit()];
    },
    gives: [
      [10, 11, 12, 'committed', 'committed'],
      [10, 10, 10, 'committed', 'committed'],
      [10, 10, 10, 'committed', 'CERTIFICATION_CONFLICT: row 1, local'],
    ],
  },
];

const PLACES: Readonly<Record<string, readonly [number, number, number]>> = {
  'at one member': [1, 1, 1],
  'at two members': [0, 1, 0],
  'at three members': [0, 1, 2],
};

class TestSession implements Session {
  readonly #client: SimulatedMemberClient;
  readonly #table: string;
  readonly #committed: () => void;

  constructor(setup: { client: SimulatedMemberClient; table: string; isolation: Isolation; committed: () => void }) {
    this.#client = setup.client;
    this.#table = setup.table;
    this.#committed = setup.committed;
    this.#client.do('begin', { tx: 't', isolation: setup.isolation });
  }

  run(op: string, message: Facts = {}): unknown {
    const { ok, result, error } = this.#client.ask(op, { tx: 't', table: this.#table, ...message });
    return ok ? result : codeOf(error);
  }

  commit(): string {
    const { ok, error } = this.#client.ask('commit', { tx: 't' });
    this.#committed();
    return ok ? 'committed' : codeOf(error);
  }

  rollback(): void {
    this.#client.do('rollback', { tx: 't' });
  }

  all(selection: Facts = {}): Readonly<Record<number, number>> {
    const { rows } = this.run('scan', selection) as { rows: readonly { id: number; v: number }[] };
    return Object.fromEntries(rows.map(({ id, v }) => [id, v]));
  }

  get(key: number): number | null {
    const row = this.run('get', { key }) as { v: number } | string | null;
    return typeof row === 'object' ? (row?.v ?? null) : (row as unknown as number);
  }

  set(key: number, v: number): unknown {
    return this.run('update', { key, set: { v } });
  }

  insert(id: number, v: number): unknown {
    return this.run('insert', { row: { id, v } });
  }
}

function codeOf({ code, item, key, phase }: ErrorAnswer): string {
  return code === 'CERTIFICATION_CONFLICT' ? `${code}: ${item} ${key}, ${phase}` : code;
}

describe('isolation', () => {
  const world = new SimulatedWorld(1);
  const members = startGroup(world);
  const everywhere = () => {
    const upTo = Math.max(...members.map(({ member }) => member.appliedUpTo));
    until(world, () => members.every(({ member }) => member.appliedUpTo >= upTo));
  };
  let tables = 0;

  function talk({ talk }: Conversation, isolation: Isolation, places: readonly number[]): unknown {
    const table = `h.t${++tables}`;
    const clients = places.map((place) => new SimulatedMemberClient(world, members[place] as SimulatedMember));
    clients[0]!.do('createTable', { table, primaryKey: ['id'] });
    clients[0]!.do('transact', {
      steps: [1, 2].map((id) => ({ op: 'insert', table, row: { id, v: id * 10 } })),
    });
    everywhere();
    const [one, two, three] = clients.map((client) => {
      return new TestSession({ client, table, isolation, committed: everywhere });
    });
    return talk(one!, two!, three!);
  }

  test('the members are there', () => {
    until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  });

  for (const conversation of CONVERSATIONS) {
    test(conversation.name, () => {
      for (const [level, isolation] of ISOLATION_LEVELS.entries()) {
        for (const [where, places] of Object.entries(PLACES)) {
          const got = talk(conversation, isolation, places);
          assert.deepEqual(got, conversation.gives[level], `${isolation}, sessions ${where}`);
        }
      }
    });
  }
});
