/** Constraints where the ones that meet are at different members, and neither has seen the other. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../sim/world/index.ts';
import { ISOLATION_LEVELS } from './isolation.ts';
import { SimulatedMemberClient, startGroup, until } from './testing/simulated-group.ts';

const id = { type: 'integer' };
const optional = { type: 'integer', nullable: true };

describe('constraints across members', () => {
  const world = new SimulatedWorld(7);
  const members = startGroup(world);
  let tables = 0;

  const everywhere = () => {
    const upTo = Math.max(...members.map(({ member }) => member.appliedUpTo));
    until(world, () => members.every(({ member }) => member.appliedUpTo >= upTo));
  };

  /** A parent and a child table with row 1 of the parent, and a client at each member. */
  function tablesOf(onDelete: string) {
    const [parent, child] = [`c.parent${++tables}`, `c.child${tables}`];
    const clients = members.map((member) => new SimulatedMemberClient(world, member));
    const [one] = clients;
    one!.do('createTable', { table: parent, primaryKey: ['id'], columns: { id, v: optional }, unique: { v: ['v'] } });
    const references = { table: parent, columns: ['id'] };
    one!.do('createTable', {
      table: child,
      primaryKey: ['id'],
      columns: { id, parent: optional },
      foreignKeys: { of: { columns: ['parent'], references, onDelete } },
    });
    one!.do('insert', { table: parent, row: { id: 1, v: 1 } });
    everywhere();
    return { parent, child, clients };
  }

  test('the members are there', () => {
    until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  });

  test('of two that insert one unique value one commits, and the other is told of the value and the winner', () => {
    for (const isolation of ISOLATION_LEVELS) {
      const { parent, clients } = tablesOf('restrict');
      for (const [i, client] of clients.entries()) {
        client.do('begin', { tx: 't', isolation });
        client.do('insert', { tx: 't', table: parent, row: { id: 10 + i, v: 5 } });
      }
      clients[1]!.do('commit', { tx: 't' });
      for (const place of [0, 2]) {
        const { code, item, index, key, winner } = clients[place]!.fail('commit', { tx: 't' });
        const facts = [code, item, index, key, winner.member];
        assert.deepEqual(facts, ['CERTIFICATION_CONFLICT', 'unique', 'v', 5, members[1]!.memberId]);
      }
      everywhere();
      const counts = clients.map((client) => client.do('count', { table: parent, index: 'v', gte: 5 }).count);
      assert.deepEqual(counts, [1, 1, 1]);
    }
  });

  test('of one that deletes a row and one that begins to refer to it, one commits', () => {
    for (const onDelete of ['restrict', 'cascade', 'setNull']) {
      for (const winner of [0, 1]) {
        const { parent, child, clients } = tablesOf(onDelete);
        const [deletes, refers] = clients;
        for (const client of [deletes!, refers!]) client.do('begin', { tx: 't' });
        deletes!.do('delete', { tx: 't', table: parent, key: 1 });
        refers!.do('insert', { tx: 't', table: child, row: { id: 1, parent: 1 } });
        clients[winner]!.do('commit', { tx: 't' });
        assert.equal(clients[1 - winner]!.fail('commit', { tx: 't' }).item, 'reference');
        everywhere();
        const rows = [parent, child].map((table) => clients[2]!.do('count', { table }).count);
        assert.deepEqual(rows, winner === 0 ? [0, 0] : [1, 1]);
      }
    }
  });

  test('who changes another column of a row, and all who begin to refer to it, commit', () => {
    const { parent, child, clients } = tablesOf('restrict');
    for (const [i, client] of clients.entries()) {
      client.do('begin', { tx: 't', isolation: ISOLATION_LEVELS[i] });
      if (i === 0) client.do('update', { tx: 't', table: parent, key: 1, set: { v: 2 } });
      else client.do('insert', { tx: 't', table: child, row: { id: i, parent: 1 } });
    }
    for (const client of clients) client.do('commit', { tx: 't' });
  });
});
