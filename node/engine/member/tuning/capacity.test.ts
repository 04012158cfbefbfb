/** The capacity of the certification database as the group tunes it, and as an operator sets it. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from '../../testing/simulated-group.ts';
import { CERTIFICATION_CAPACITY, CERTIFICATION_CAPACITY_TUNED } from '../../variables.ts';

const TABLE = 'a.b';
/** What the groups of these tests begin with. */
const BASE = 100;
const WRITTEN = 400;

function startedGroup(seed: number, memoryBytesMax: number) {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, {
    options: { capacityTuning: { memoryBytesMax }, noticeEveryMs: 200, purgeStep: 10 },
  });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const clients = members.map((member) => new SimulatedMemberClient(world, member));
  const [one, two] = clients as [SimulatedMemberClient, SimulatedMemberClient];
  one.do('createTable', { table: TABLE, primaryKey: ['k'] });
  const appliedEverywhere = (): void => {
    const last = Math.max(...members.map(({ member }) => member.appliedUpTo));
    until(world, () => members.every(({ member }) => member.appliedUpTo >= last));
  };
  appliedEverywhere();
  const value = (client: SimulatedMemberClient, name: string): number =>
    Number(client.do('variables').find((row: { name: string }) => row.name === name).value);
  return { world, members, one, two, appliedEverywhere, value };
}

/** A transaction of `two` that stays open while `one` writes rows. */
function longTransaction(seed: number, memoryBytesMax: number) {
  const group = startedGroup(seed, memoryBytesMax);
  const { world, one, two } = group;
  two.do('begin', { tx: 't', timeoutMs: 60_000 });
  two.do('put', { tx: 't', table: TABLE, row: { k: -1 } });
  for (let k = 0; k < WRITTEN; k++) {
    one.do('put', { table: TABLE, row: { k } });
    world.runFor(20_000);
  }
  return group;
}

describe('the capacity of the certification database', () => {
  test('grows while a long transaction needs it, on all members, and comes back when that is over', () => {
    const { world, members, one, two, appliedEverywhere, value } = longTransaction(71, 1e9);
    assert.ok(value(two, CERTIFICATION_CAPACITY_TUNED) > WRITTEN);
    assert.equal(value(two, CERTIFICATION_CAPACITY), BASE);
    two.do('commit', { tx: 't' });
    // What is not needed any more goes with what is written.
    for (let i = 0; value(one, CERTIFICATION_CAPACITY_TUNED) > BASE; i++) {
      assert.ok(i < 1000, 'it comes back');
      one.do('put', { table: TABLE, row: { k: i % 10 } });
      world.runFor(20_000);
    }
    appliedEverywhere();
    for (const { member } of members) assert.equal(member.certifier!.capacity, BASE);
    const [raised, lowered] = members.reduce(
      ([up, down], { member: { counters } }) => [up + counters.capacityRaised, down + counters.capacityLowered],
      [0, 0],
    );
    assert.ok(raised >= 2 && raised <= 4 && lowered === raised, `${raised} up, ${lowered} down`);
  });

  test('without a bound of memory stays, and the long transaction is too old', () => {
    const { two, value } = longTransaction(72, 0);
    assert.equal(value(two, CERTIFICATION_CAPACITY_TUNED), BASE);
    assert.equal(two.fail('commit', { tx: 't' }).code, 'SNAPSHOT_TOO_OLD');
  });

  test('is set by an operator, for all members at one place, and what is tuned begins there', () => {
    const { members, one, two, appliedEverywhere, value } = startedGroup(73, 1e9);
    assert.equal(one.do('setVariable', { name: CERTIFICATION_CAPACITY, value: 5000 }).changed, true);
    appliedEverywhere();
    assert.deepEqual([value(two, CERTIFICATION_CAPACITY), value(two, CERTIFICATION_CAPACITY_TUNED)], [5000, 5000]);
    for (const { member } of members) assert.equal(member.certifier!.capacity, 5000);
    for (const wrong of [0, -1, 1.5, 'many', '1e3', 16_000_001]) {
      const error = one.fail('setVariable', { name: CERTIFICATION_CAPACITY, value: wrong });
      assert.deepEqual([error.code, error.argument], ['INVALID_ARGUMENT', 'value']);
    }
    const tuned = one.fail('setVariable', { name: CERTIFICATION_CAPACITY_TUNED, value: 7 });
    assert.deepEqual([tuned.code, tuned.argument], ['INVALID_ARGUMENT', 'name']);
    assert.match(tuned.problem, /tunes itself/);
  });

  test('what is out of range in the order changes nothing, whoever put it there', () => {
    const { members, one, appliedEverywhere } = startedGroup(74, 1e9);
    const before = members[0]!.member.appliedUpTo;
    const outcomes: unknown[] = [];
    for (const value of ['32000000 of 100', 'NaN of 100', '0 of 100', '200', '200 of x', '1e3 of 100']) {
      const change = { kind: 'set-variable', name: CERTIFICATION_CAPACITY_TUNED, value } as const;
      members[0]!.host.process!.turn(() =>
        members[0]!.member.changeSchema(change, Number.MAX_SAFE_INTEGER, (outcome) => outcomes.push(outcome)),
      );
    }
    one.do('put', { table: TABLE, row: { k: 1 } });
    appliedEverywhere();
    assert.equal(outcomes.length, 6);
    assert.equal(members[0]!.member.appliedUpTo, before + 1);
    for (const { member } of members) assert.deepEqual([member.state, member.certifier!.capacity], ['ONLINE', BASE]);
  });
});
