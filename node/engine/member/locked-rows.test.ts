/** Row locks of one member, and what the others write. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import type { TransactionRow } from '../replica.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS } from './index.ts';

const TABLE = 'a.b';
const options = {
  group: { ...MEMBER_DEFAULTS.group, fragmentBytesMax: 1024, messageBytesMax: 1_000_000 },
  outbox: { ...MEMBER_DEFAULTS.outbox, batchBytesMax: 800 },
  slices: { largeBytes: 800, items: 7, bytes: 2000 },
};

function lockedHere(seed: number) {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, { options });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const [holder, waiting] = [0, 0].map((at) => new SimulatedMemberClient(world, members[at]!)) as [
    SimulatedMemberClient,
    SimulatedMemberClient,
  ];
  const writer = new SimulatedMemberClient(world, members[1]!);
  writer.do('createTable', { table: TABLE, primaryKey: ['k'] });
  for (let k = 0; k < 3; k++) writer.do('put', { table: TABLE, row: { k, v: 0 } });
  const { sequenceNumber } = writer.do('put', { table: TABLE, row: { k: 3, v: 0 } });
  holder.do('begin', { tx: 't', atLeast: sequenceNumber });
  holder.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
  const { engine, member } = members[0]!;
  return { world, members, engine, member, holder, waiting, writer };
}

test('H7: a transaction of another member that writes a locked row wins, and its holder learns it before it asks to commit', () => {
  const { world, engine, member, holder, waiting, writer } = lockedHere(31);
  const other = writer.do('put', { table: TABLE, row: { k: 2, v: 8 } });
  until(world, () => member.appliedUpTo >= other.sequenceNumber);
  assert.equal(engine.lockedRows, 1);
  const { gtid, sequenceNumber } = writer.do('put', { table: TABLE, row: { k: 1, v: 9 } });
  until(world, () => member.appliedUpTo >= sequenceNumber);
  assert.equal(engine.lockedRows, 0);
  const { code, cause } = holder.fail('get', { tx: 't', table: TABLE, key: 1 });
  assert.deepEqual([code, cause.code, cause.winner.gtid], ['TRANSACTION_ABORTED', 'CERTIFICATION_CONFLICT', gtid]);
  assert.equal(member.conflicts(10, TABLE)[0]!.winner!.gtid, gtid);
  waiting.do('begin', { tx: 't' });
  assert.equal(waiting.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true }).v, 9);
});

test('other members show what is open here with the next notice, and end it for whoever asks them', () => {
  const { world, member, holder, writer } = lockedHere(34);
  const shown = () => writer.do('transactions') as readonly TransactionRow[];
  until(world, () => shown().length > 0);
  const [row] = shown();
  assert.deepEqual([row!.member, row!.tx, row!.locks, row!.holdsFloor], [member.memberId, 't', 1, true]);
  const { transactionId } = row!;
  assert.deepEqual(holder.do('transactions')[0].transactionId, transactionId);
  assert.deepEqual(writer.do('abortTransaction', { transactionId }), {});
  assert.equal(holder.fail('commit', { tx: 't' }).cause.code, 'CANCELLED');
  const error = writer.fail('abortTransaction', { transactionId });
  assert.deepEqual([error.code, error.transactionId], ['NO_SUCH_TRANSACTION', transactionId]);
  until(world, () => shown().length === 0);
});

test('one that has fallen silent leaves it unknown, and is not asked once that is known', () => {
  const { world, members, holder, writer } = lockedHere(35);
  const transactionId = holder.do('transactions')[0].transactionId as string;
  const [{ host }, ...others] = members as [(typeof members)[0], ...typeof members];
  for (const other of others) {
    world.network.block(host, other.host);
    world.network.block(other.host, host);
  }
  const { code, waitedFor } = writer.fail('abortTransaction', { transactionId });
  assert.deepEqual([code, waitedFor], ['TIMEOUT', 'member']);
  const later = writer.fail('abortTransaction', { transactionId });
  assert.match(later.problem, /not reached/);
});

test('H7: the same where the winner is large and taken through in slices', () => {
  const { world, engine, member, holder, writer } = lockedHere(32);
  const rows = Array.from({ length: 60 }, (_, k) => ({ op: 'put', table: TABLE, row: { k, v: 5 } }));
  const { gtid, sequenceNumber } = writer.do('transact', { steps: rows });
  until(world, () => member.appliedUpTo >= sequenceNumber);
  assert.equal(engine.lockedRows, 0);
  assert.equal(holder.fail('commit', { tx: 't' }).cause.winner.gtid, gtid);
});

test('H7: a row that is locked and not written refuses a commit that another member has overtaken', () => {
  const { world, member, holder, writer } = lockedHere(33);
  holder.do('put', { tx: 't', table: TABLE, row: { k: 7, v: 1 } });
  writer.do('put', { table: TABLE, row: { k: 1, v: 9 } });
  // Asked for at once: perhaps before this member has heard of the other's.
  const { code, cause = null } = holder.fail('commit', { tx: 't' });
  assert.ok(code === 'CERTIFICATION_CONFLICT' || cause?.code === 'CERTIFICATION_CONFLICT', code);
  until(world, () => member.appliedUpTo >= 6);
  assert.equal(holder.do('get', { table: TABLE, key: 7 }), null);
});
