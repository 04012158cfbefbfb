/** The rule `serial-safety-net`, in conversations with members of a group. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { type SimulatedMember, SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';

import type { VariableRow } from '../variables.ts';

const TABLE = 'a.b';
const RULE = { name: 'certification_rule', value: 'serial-safety-net' };

function startedGroup(seed: number, { isOn = true } = {}) {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const clients = members.map((member) => new SimulatedMemberClient(world, member));
  const [one, two, three] = clients as [SimulatedMemberClient, SimulatedMemberClient, SimulatedMemberClient];
  let last = 0;
  const appliedEverywhere = (): void => {
    last = Math.max(...members.map(({ member }) => member.appliedUpTo));
    until(world, () => members.every(({ member }) => member.appliedUpTo >= last));
  };
  one.do('createTable', { table: TABLE, primaryKey: ['k'] });
  for (let k = 1; k <= 4; k++) one.do('put', { table: TABLE, row: { k, v: 0 } });
  if (isOn) one.do('setVariable', RULE);
  appliedEverywhere();
  const begin = (client: SimulatedMemberClient, tx: string, more: object = {}) => {
    client.do('begin', { tx, isolation: 'SERIALIZABLE', atLeast: last, ...more });
    // The snapshot is that of the first statement.
    client.do('get', { tx, table: TABLE, key: 99 });
  };
  const read = (client: SimulatedMemberClient, tx: string, key: number) => client.do('get', { tx, table: TABLE, key });
  const write = (client: SimulatedMemberClient, tx: string, k: number, v: number) =>
    client.do('put', { tx, table: TABLE, row: { k, v } });
  return { world, members, one, two, three, appliedEverywhere, begin, read, write };
}

function ruleOf(rows: readonly VariableRow[]): VariableRow {
  return rows.find(({ name }) => name === RULE.name)!;
}

function digestOf({ member }: SimulatedMember): string {
  return member.memberStats().find(({ memberId }) => memberId === member.memberId)!.digest;
}

describe('under the rule serial-safety-net', () => {
  test('write skew is refused, over two members, and says which key and which other transaction', () => {
    const { one, two, begin, read, write, members, appliedEverywhere } = startedGroup(41);
    begin(one, 't');
    begin(two, 'u');
    read(one, 't', 1);
    write(one, 't', 2, 1);
    read(two, 'u', 2);
    write(two, 'u', 1, 1);
    const { gtid } = one.do('commit', { tx: 't' });
    const error = two.fail('commit', { tx: 'u' });
    assert.equal(error.code, 'CERTIFICATION_CONFLICT');
    assert.deepEqual(
      [error.reason, error.table, error.key, error.winner.gtid, error.before],
      ['dangerous structure', TABLE, 2, gtid, { table: TABLE, key: 1, gtid, member: members[0]!.memberId }],
    );
    appliedEverywhere();
    const [seen] = members[1]!.member.conflicts(1, TABLE);
    assert.deepEqual([seen!.reason, seen!.key, seen!.before!.key], ['dangerous-structure', 2, 1]);
  });

  test('admitted, and refused with read validation: who read a row that somebody else has written since', () => {
    for (const isOn of [true, false]) {
      const { one, two, begin, read, write } = startedGroup(42, { isOn });
      begin(one, 't');
      read(one, 't', 1);
      write(one, 't', 2, 1);
      two.do('put', { table: TABLE, row: { k: 1, v: 7 } });
      const answer = one.ask('commit', { tx: 't' });
      assert.equal(answer.ok, isOn, JSON.stringify(answer.error));
    }
  });

  test('admitted: who scanned a range into which somebody has inserted since', () => {
    for (const isOn of [true, false]) {
      const { one, two, begin, write } = startedGroup(43, { isOn });
      begin(one, 't');
      assert.equal(one.do('count', { tx: 't', table: TABLE, gte: 2 }).count, 3);
      write(one, 't', 1, 3);
      two.do('put', { table: TABLE, row: { k: 50, v: 1 } });
      assert.equal(one.ask('commit', { tx: 't' }).ok, isOn);
    }
  });

  test('admitted: three that read what the one before wrote, each behind the others back', () => {
    const { one, two, three, begin, read, write } = startedGroup(44);
    begin(one, 't');
    begin(two, 'u');
    begin(three, 'v');
    read(two, 'u', 1);
    read(three, 'v', 2);
    write(one, 't', 1, 1);
    write(two, 'u', 2, 1);
    write(three, 'v', 3, 1);
    one.do('commit', { tx: 't' });
    two.do('commit', { tx: 'u' });
    three.do('commit', { tx: 'v' });
  });

  test('no update is lost: who wrote what somebody has written since is refused as ever', () => {
    const { one, two, begin, read, write } = startedGroup(45);
    begin(one, 't');
    read(one, 't', 1);
    write(one, 't', 1, 1);
    two.do('put', { table: TABLE, row: { k: 1, v: 7 } });
    const { code, reason = null } = one.fail('commit', { tx: 't' });
    assert.deepEqual([code, reason], ['CERTIFICATION_CONFLICT', null]);
  });

  test('a row that was read forUpdate stays as it was (H7)', () => {
    const { one, two, begin, write } = startedGroup(46);
    begin(one, 't');
    one.do('get', { tx: 't', table: TABLE, key: 1, forUpdate: true });
    write(one, 't', 2, 1);
    two.do('put', { table: TABLE, row: { k: 1, v: 7 } });
    assert.equal(one.ask('commit', { tx: 't' }).ok, false);
  });

  test('the read-only anomaly is refused: a report is ordered, declared as read-only or not', () => {
    for (const more of [{}, { readOnly: true }]) {
      const { one, two, three, begin, read, write, appliedEverywhere } = startedGroup(47);
      begin(one, 'withdrawal');
      read(one, 'withdrawal', 1);
      write(one, 'withdrawal', 2, -11);
      two.do('put', { table: TABLE, row: { k: 1, v: 20 } });
      appliedEverywhere();
      begin(three, 'report', more);
      assert.equal(read(three, 'report', 1).v, 20);
      assert.equal(read(three, 'report', 2).v, 0);
      const answer = three.do('commit', { tx: 'report' });
      assert.equal(answer.gtid, null);
      const { reason } = one.fail('commit', { tx: 'withdrawal' });
      assert.equal(reason, 'dangerous structure');
    }
  });

  test('a report by one statement is ordered, too; one row is not worth it', () => {
    const { one, two, begin, read, write, appliedEverywhere, members } = startedGroup(48);
    begin(one, 'withdrawal');
    read(one, 'withdrawal', 1);
    write(one, 'withdrawal', 2, -11);
    two.do('put', { table: TABLE, row: { k: 1, v: 20 } });
    appliedEverywhere();
    const before = members[1]!.member.appliedUpTo;
    two.do('get', { table: TABLE, key: 2, isolation: 'SERIALIZABLE' });
    two.do('scan', { table: TABLE });
    assert.equal(members[1]!.member.appliedUpTo, before);
    assert.equal(two.do('scan', { table: TABLE, isolation: 'SERIALIZABLE' }).rows.length, 4);
    assert.equal(members[1]!.member.appliedUpTo, before + 1);
    assert.equal(one.fail('commit', { tx: 'withdrawal' }).reason, 'dangerous structure');
  });

  test('rows that were locked and never written are ordered as what was read', () => {
    const { one, begin, write, members } = startedGroup(55);
    one.do('begin', { tx: 't', isolation: 'SERIALIZABLE' });
    for (const key of [1, 2]) one.do('get', { tx: 't', table: TABLE, key, forUpdate: true });
    const before = members[0]!.member.appliedUpTo;
    assert.equal(one.do('commit', { tx: 't' }).gtid, null);
    assert.equal(members[0]!.member.appliedUpTo, before + 1);
    begin(one, 'u');
    write(one, 'u', 77, 1);
    one.do('delete', { tx: 'u', table: TABLE, key: 77 });
    one.do('get', { tx: 'u', table: TABLE, key: 77, forUpdate: true });
    one.do('commit', { tx: 'u' });
  });

  test('the past is not read at SERIALIZABLE', () => {
    const { one, members } = startedGroup(49);
    const asOf = members[0]!.member.appliedUpTo;
    one.do('begin', { tx: 'r', isolation: 'SERIALIZABLE', readOnly: true, asOf });
    const { code, argument } = one.fail('get', { tx: 'r', table: TABLE, key: 1 });
    assert.deepEqual([code, argument], ['INVALID_ARGUMENT', 'asOf']);
  });

  test('a member that restarts goes on as those that never stopped (H3)', () => {
    const { world, members, one, two, begin, read, write, appliedEverywhere } = startedGroup(50);
    begin(one, 't');
    read(one, 't', 1);
    write(one, 't', 2, 1);
    begin(two, 'u');
    read(two, 'u', 2);
    write(two, 'u', 3, 1);
    two.do('put', { table: TABLE, row: { k: 1, v: 7 } });
    one.do('commit', { tx: 't' });
    appliedEverywhere();
    const third = members[2]!;
    third.host.crash('killed');
    third.restart();
    until(world, () => third.member.state === 'ONLINE');
    assert.equal(ruleOf(third.member.variables()).value, 'serial-safety-net');
    // Behind the first, and so behind what the put overwrote.
    two.do('commit', { tx: 'u' });
    const again = new SimulatedMemberClient(world, third);
    again.do('put', { table: TABLE, row: { k: 4, v: 1 } });
    until(world, () => new Set(members.map(({ member }) => member.appliedUpTo)).size === 1);
    assert.equal(new Set(members.map(digestOf)).size, 1);
  });
});

describe('the variable certification_rule', () => {
  test('is changed in the order, shown everywhere, and told to who follows all changes', () => {
    const { one, two, members, appliedEverywhere } = startedGroup(51, { isOn: false });
    assert.deepEqual(
      [ruleOf(two.do('variables')).value, ruleOf(two.do('variables')).default],
      ['read-validation', 'read-validation'],
    );
    two.do('subscribe', { stream: 'changes' });
    const { sequenceNumber, changed } = one.do('setVariable', RULE);
    assert.equal(changed, true);
    appliedEverywhere();
    for (const { member } of members) {
      const { value, since } = ruleOf(member.variables());
      assert.deepEqual([value, since], ['serial-safety-net', sequenceNumber]);
    }
    assert.deepEqual(one.do('setVariable', RULE), { sequenceNumber, changed: false });
    two.do('ping');
    const told = two.events.find((event) => event.event === 'variableChange')!;
    assert.deepEqual([told.sequenceNumber, told.name, told.value], [sequenceNumber, RULE.name, RULE.value]);
  });

  test('is checked', () => {
    const { one } = startedGroup(52, { isOn: false });
    assert.equal(one.fail('setVariable', { name: 'nothing', value: '1' }).argument, 'name');
    assert.equal(one.fail('setVariable', { name: RULE.name, value: 'other' }).argument, 'value');
  });

  test('without it, who only reads is never ordered, and never refused', () => {
    const { one, two, begin, read, members } = startedGroup(53, { isOn: false });
    begin(one, 'r');
    read(one, 'r', 1);
    two.do('put', { table: TABLE, row: { k: 1, v: 7 } });
    read(one, 'r', 2);
    const before = members[1]!.member.appliedUpTo;
    assert.equal(one.do('commit', { tx: 'r' }).gtid, null);
    assert.equal(members[1]!.member.appliedUpTo, before);
  });

  test('a report that began under it is ordered though it has been given up since, and one from before it is not', () => {
    const { one, two, three, begin, read, members, appliedEverywhere } = startedGroup(54);
    begin(one, 'r');
    read(one, 'r', 1);
    two.do('setVariable', { ...RULE, value: 'read-validation' });
    appliedEverywhere();
    begin(three, 's', { readOnly: true });
    read(three, 's', 1);
    two.do('setVariable', RULE);
    appliedEverywhere();
    read(one, 'r', 2);
    read(three, 's', 2);
    const before = members[0]!.member.appliedUpTo;
    three.do('commit', { tx: 's' });
    assert.equal(members[2]!.member.appliedUpTo, before);
    one.do('commit', { tx: 'r' });
    assert.equal(members[0]!.member.appliedUpTo, before + 1);
  });
});
