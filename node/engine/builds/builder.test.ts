/** What alterations add is built by whoever leads, while others write, and whatever becomes of members. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { MEMBER_DEFAULTS } from '../member/index.ts';
import { type SimulatedMember, SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';

const TABLE = 'a.people';
const COLUMNS = {
  id: { type: 'integer' },
  town: { type: 'text', nullable: true },
  boss: { type: 'integer', nullable: true },
};
const SLOW = { ...MEMBER_DEFAULTS.builds, rowsAtOnce: 2, restMs: 200 };

interface Group {
  readonly world: SimulatedWorld;
  readonly members: readonly SimulatedMember[];
  readonly clients: readonly SimulatedMemberClient[];
}

function people(seed: number, builds = MEMBER_DEFAULTS.builds): Group {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, { options: { builds } });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const clients = members.map((member) => new SimulatedMemberClient(world, member));
  clients[0]!.do('createTable', { table: TABLE, primaryKey: ['id'], columns: COLUMNS });
  for (let id = 0; id < 20; id++) {
    clients[0]!.do('put', { table: TABLE, row: { id, town: `t${id}`, boss: id === 0 ? null : id - 1 } });
  }
  return { world, members, clients };
}

function leaderOf({ members }: Group): SimulatedMember {
  return members.find(({ host, member }) => host.process?.isAlive && member.group.status?.role === 'leader')!;
}

/** Rows by an index, as every member has them; and that it has no entry too many. */
function checkIndex({ world, members, clients }: Group, index: string, ids: readonly number[]): void {
  const upTo = Math.max(...members.map(({ member }) => member.appliedUpTo));
  until(world, () => members.every(({ member }) => member.appliedUpTo >= upTo));
  for (const client of clients) {
    const { rows } = client.do('scan', { table: TABLE, index });
    assert.deepEqual(
      rows.map(({ id }: { id: number }) => id).sort((a: number, b: number) => a - b),
      ids,
    );
  }
}

const FROM_0_TO_19 = Array.from({ length: 20 }, (_, id) => id);

test('rows that were there before get their entries, and the client is answered when all of them have', () => {
  const group = people(1);
  group.clients[1]!.do('alterTable', {
    table: TABLE,
    addIndexes: { byTown: ['town'] },
    addUnique: { uTown: ['town', 'id'] },
  });
  checkIndex(group, 'byTown', FROM_0_TO_19);
  checkIndex(group, 'uTown', FROM_0_TO_19);
  const { indexes } = group.clients[2]!.do('describe', { table: TABLE });
  assert.deepEqual(
    indexes.map(({ state }: { state: string }) => state),
    ['valid', 'valid'],
  );
  const { counters } = leaderOf(group).member;
  assert.deepEqual([counters.buildRows, counters.buildEntries, counters.buildsCompleted], [20, 40, 1]);
});

test('while an index is built rows come, go and change, and it has them as they are', () => {
  const group = people(2, SLOW);
  const { clients } = group;
  const alter = clients[0]!.send('alterTable', { table: TABLE, addIndexes: { byTown: ['town'] } });
  until(group.world, () => clients[1]!.do('describe', { table: TABLE }).indexes.length === 1);
  clients[1]!.do('update', { table: TABLE, key: 19, set: { town: 'x' } });
  assert.equal(clients[1]!.fail('scan', { table: TABLE, index: 'byTown' }).code, 'INVALID_ARGUMENT');
  clients[1]!.do('delete', { table: TABLE, key: 18 });
  clients[1]!.do('delete', { table: TABLE, key: 1 });
  clients[1]!.do('insert', { table: TABLE, row: { id: 30, town: 'y' } });
  clients[1]!.do('update', { table: TABLE, key: 0, set: { town: 'z' } });
  until(group.world, () => clients[0]!.hasAnswer(alter));
  assert.equal(clients[0]!.answerTo(alter).ok, true);
  checkIndex(group, 'byTown', [...FROM_0_TO_19.filter((id) => id !== 18 && id !== 1), 30]);
  const found = clients[2]!.do('scan', { table: TABLE, index: 'byTown', gte: ['x'] });
  assert.deepEqual(
    found.rows.map(({ id }: { id: number }) => id),
    [19, 30, 0],
  );
});

test('two rows with the same values are found, also where one of them came while the unique index was built', () => {
  const group = people(3, SLOW);
  const { clients } = group;
  clients[0]!.do('update', { table: TABLE, key: 12, set: { town: 't3' } });
  const error = clients[1]!.fail('alterTable', { table: TABLE, addUnique: { u: ['town'] } });
  assert.deepEqual([error.code, error.index, error.values], ['DUPLICATE_KEY', 'u', ['t3']]);
  assert.deepEqual(clients[1]!.do('describe', { table: TABLE }).indexes, []);
  clients[0]!.do('update', { table: TABLE, key: 12, set: { town: 't12' } });
  const alter = clients[1]!.send('alterTable', { table: TABLE, addUnique: { u: ['town'] } });
  until(group.world, () => clients[0]!.do('describe', { table: TABLE }).indexes.length === 1);
  // The entry of row 19 is not there yet, so that this is not refused.
  clients[0]!.do('insert', { table: TABLE, row: { id: 40, town: 't19' } });
  until(group.world, () => clients[1]!.hasAnswer(alter));
  assert.equal(clients[1]!.answerTo(alter).error.code, 'DUPLICATE_KEY');
  clients[0]!.do('insert', { table: TABLE, row: { id: 41, town: 't19' } });
});

test('a foreign key is built only where every row refers to one that is there', () => {
  const group = people(4);
  const { clients } = group;
  const boss = { columns: ['boss'], references: { table: TABLE, columns: ['id'] } };
  clients[0]!.do('update', { table: TABLE, key: 7, set: { boss: 99 } });
  const error = clients[1]!.fail('alterTable', { table: TABLE, addForeignKeys: { boss } });
  assert.deepEqual([error.code, error.foreignKey, error.values], ['FOREIGN_KEY_VIOLATION', 'boss', [99]]);
  const { indexes, foreignKeys, referencedBy } = clients[1]!.do('describe', { table: TABLE });
  assert.deepEqual([indexes, foreignKeys, referencedBy], [[], [], []]);
  clients[0]!.do('update', { table: TABLE, key: 7, set: { boss: 6 } });
  clients[1]!.do('alterTable', { table: TABLE, addForeignKeys: { boss } });
  assert.equal(clients[2]!.fail('delete', { table: TABLE, key: 6 }).code, 'FOREIGN_KEY_VIOLATION');
  assert.equal(clients[2]!.fail('insert', { table: TABLE, row: { id: 50, boss: 98 } }).code, 'FOREIGN_KEY_VIOLATION');
  checkIndex(group, 'boss', FROM_0_TO_19);
});

test('when the leader dies the next one builds on, and the client that waits at another member is answered', () => {
  const group = people(5, SLOW);
  const { world, members } = group;
  const leader = leaderOf(group);
  const at = members.findIndex((member) => member !== leader);
  const client = group.clients[at]!;
  const alter = client.send('alterTable', { table: TABLE, addIndexes: { byTown: ['town'] } });
  until(world, () => leader.events.some((event) => event === 'build of a.people began, 0 rows'));
  until(world, () => client.do('describe', { table: TABLE }).indexes[0]?.building?.rows > 0);
  leader.host.crash('killed');
  until(world, () => client.hasAnswer(alter), 60);
  assert.equal(client.answerTo(alter).ok, true);
  leader.restart();
  until(world, () => leader.member.state === 'ONLINE', 60);
  const clients = members.map((member) => new SimulatedMemberClient(world, member));
  checkIndex({ ...group, clients }, 'byTown', FROM_0_TO_19);
});

test('after a restart of all the build goes on', () => {
  const group = people(6, SLOW);
  const { world, members, clients } = group;
  clients[0]!.send('alterTable', { table: TABLE, addIndexes: { byTown: ['town'] } });
  until(world, () => members.every(({ member }) => member.tables(member.appliedUpTo)[0]!.indexes.length === 1));
  for (const { host } of members) host.crash('power-lost');
  for (const member of members) member.restart();
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'), 60);
  const again = members.map((member) => new SimulatedMemberClient(world, member));
  until(world, () => again[0]!.do('describe', { table: TABLE }).indexes[0].state === 'valid', 60);
  checkIndex({ ...group, clients: again }, 'byTown', FROM_0_TO_19);
});

test('a build ends with its table, and one of a truncated table is over', () => {
  const group = people(7, SLOW);
  const { world, clients } = group;
  const add = (name: string): number =>
    clients[0]!.send('alterTable', { table: TABLE, addIndexes: { [name]: ['town'] } });
  const truncated = add('i');
  clients[1]!.do('truncateTable', { table: TABLE });
  until(world, () => clients[0]!.hasAnswer(truncated));
  assert.equal(clients[0]!.answerTo(truncated).ok, true);
  for (let id = 0; id < 9; id++) clients[1]!.do('insert', { table: TABLE, row: { id, town: `t${id}` } });
  const dropped = add('j');
  clients[1]!.do('dropTable', { table: TABLE });
  until(world, () => clients[0]!.hasAnswer(dropped));
  assert.equal(clients[0]!.answerTo(dropped).error.code, 'NO_SUCH_TABLE');
  until(world, () => leaderOf(group).member.counters.buildsCompleted === 0);
});

test('who added two indexes is told that one was dropped before both were built, and the other is there', () => {
  const group = people(8, SLOW);
  const { world, clients } = group;
  const alter = clients[0]!.send('alterTable', { table: TABLE, addIndexes: { i: ['town'], j: ['boss'] } });
  until(world, () => clients[1]!.do('describe', { table: TABLE }).indexes.length === 2);
  clients[1]!.do('alterTable', { table: TABLE, drop: ['j'] });
  until(world, () => clients[0]!.hasAnswer(alter));
  const { code, table, index } = clients[0]!.answerTo(alter).error;
  assert.deepEqual([code, table, index], ['NO_SUCH_INDEX', TABLE, 'j']);
  checkIndex(group, 'i', FROM_0_TO_19);
});

for (const isolation of ['READ COMMITTED', 'REPEATABLE READ'] as const) {
  test(`H17: whoever takes a row away loses to whoever rewrote one that refers to it as the foreign key was built, at ${isolation}`, () => {
    const group = people(8, SLOW);
    const { world, clients, members } = group;
    const [first, second, third] = clients as [SimulatedMemberClient, SimulatedMemberClient, SimulatedMemberClient];
    const houses = { table: 'a.houses', primaryKey: ['id'], columns: { id: { type: 'integer' } } };
    first.do('createTable', houses);
    for (let id = 0; id < 20; id++) first.do('insert', { table: 'a.houses', row: { id } });
    const home = { columns: ['boss'], references: { table: 'a.houses', columns: ['id'] } };
    const alter = first.send('alterTable', { table: TABLE, addForeignKeys: { home } });
    const isAdded = (client: SimulatedMemberClient): boolean =>
      client.do('describe', { table: TABLE }).foreignKeys.length === 1;
    until(world, () => isAdded(third));
    third.do('begin', { tx: 't', isolation });
    third.do('delete', { tx: 't', table: 'a.houses', key: 18 });
    until(world, () => isAdded(second));
    // Row 19 refers to house 18 before and afterwards.
    second.do('begin', { tx: 'u', isolation });
    second.do('update', { tx: 'u', table: TABLE, key: 19, set: { town: 'x' } });
    second.do('commit', { tx: 'u' });
    until(world, () => first.hasAnswer(alter));
    assert.equal(first.answerTo(alter).ok, true);
    assert.equal(third.fail('commit', { tx: 't' }).code, 'CERTIFICATION_CONFLICT');
    const upTo = Math.max(...members.map(({ member }) => member.appliedUpTo));
    until(world, () => members.every(({ member }) => member.appliedUpTo >= upTo));
    assert.equal(second.do('scan', { table: 'a.houses' }).rows.length, 20);
  });
}

test('a row that refers to nothing may be rewritten while a foreign key is built, which then is not made', () => {
  const group = people(9, SLOW);
  const [first, second] = group.clients as [SimulatedMemberClient, SimulatedMemberClient];
  first.do('update', { table: TABLE, key: 19, set: { boss: 99 } });
  const boss = { columns: ['boss'], references: { table: TABLE, columns: ['id'] } };
  const alter = first.send('alterTable', { table: TABLE, addForeignKeys: { boss } });
  until(group.world, () => second.do('describe', { table: TABLE }).foreignKeys.length === 1);
  second.do('begin', { tx: 't', isolation: 'READ COMMITTED' });
  second.do('update', { tx: 't', table: TABLE, key: 19, set: { town: 'x' } });
  second.do('commit', { tx: 't' });
  assert.equal(second.fail('update', { table: TABLE, key: 18, set: { boss: 99 } }).code, 'FOREIGN_KEY_VIOLATION');
  until(group.world, () => first.hasAnswer(alter));
  assert.equal(first.answerTo(alter).error.code, 'FOREIGN_KEY_VIOLATION');
});
