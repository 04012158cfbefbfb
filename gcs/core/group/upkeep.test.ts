import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import type { GroupOptions } from './contract.ts';
import { GROUP_DEFAULTS } from './options.ts';
import { Retention } from './retention.ts';
import { formedGroup, leaderOf, type TestMember, until } from './testing/test-member.ts';

const SECONDS = 1_000_000;

const SMALL_LOG: GroupOptions = {
  ...GROUP_DEFAULTS,
  fragmentBytesMax: 1000,
  compressionThresholdBytes: 500,
  logKeepBytes: 4 * 4096,
  logBytesMax: 16 * 4096,
  log: { segmentBytes: 4096, cacheBytesMax: 8192, blockBytesMax: 2048 },
};

/** Bytes that do not get shorter by compression. */
function noise(length: number, seed: number): Uint8Array {
  let state = seed + 1;
  return new Uint8Array(length).map(() => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state >> 8;
  });
}

function send(world: SimulatedWorld, member: TestMember, payload: Uint8Array): void {
  until(world, () => member.run!.group.canBroadcast());
  member.do((group) => group.broadcast(payload));
}

function sendMany(world: SimulatedWorld, member: TestMember, count: number, receivers: readonly TestMember[]): void {
  const before = receivers.map((receiver) => receiver.run!.deliveries.length);
  for (let i = 0; i < count; i++) send(world, member, noise(400, i));
  until(world, () => receivers.every((receiver, i) => receiver.run!.deliveries.length >= before[i]! + count));
}

describe('what is kept of the log', () => {
  test('the owner decides from where on; without its word nothing goes', () => {
    const world = new SimulatedWorld(1);
    const members = formedGroup(world, ['a', 'b', 'c'], SMALL_LOG);
    sendMany(world, members[0]!, 300, members);
    for (const member of members) assert.equal(member.run!.group.log.firstIndex, 1);
    for (const member of members) member.do((group) => group.truncate(200));
    for (const { run } of members) {
      const { firstIndex } = run!.group.log;
      assert.ok(firstIndex > 100 && firstIndex <= 200, `${firstIndex}`);
    }
  });

  test('so much is kept in any case, and nothing that is pinned goes', () => {
    const world = new SimulatedWorld(2);
    const members = formedGroup(world, ['a', 'b', 'c'], SMALL_LOG);
    sendMany(world, members[0]!, 300, members);
    const [a, b] = members;
    const pin = a!.do((group) => group.pinLog());
    for (const member of members) member.do((group) => group.truncate(Number.MAX_SAFE_INTEGER));
    world.runFor(2 * SECONDS);
    assert.equal(a!.run!.group.log.firstIndex, 1);
    assert.ok(b!.run!.group.logStatus.bytes >= SMALL_LOG.logKeepBytes);
    assert.ok(b!.run!.group.logStatus.bytes < SMALL_LOG.logKeepBytes + 3 * 4096);
    pin.release();
    world.runFor(2 * SECONDS);
    assert.ok(a!.run!.group.log.firstIndex > 1);
    for (const member of members) member.restart(null, { options: SMALL_LOG });
    until(world, () => members.every((member) => member.isReady));
    sendMany(world, members[1]!, 5, members);
  });

  test('R22: what one member has not received is kept while there is room for it, and no longer; that one is behind', () => {
    const world = new SimulatedWorld(3);
    const options = { ...SMALL_LOG, memberExpelTimeoutMs: 600_000 };
    const members = formedGroup(world, ['a', 'b', 'c'], options);
    const away = members.find((member) => !member.isLeader)!;
    const others = members.filter((member) => member !== away);
    away.host.crash('killed');
    for (const member of others) member.do((group) => group.truncate(Number.MAX_SAFE_INTEGER));
    sendMany(world, others[0]!, 100, others);
    world.runFor(2 * SECONDS);
    for (const { run } of others) {
      assert.ok(run!.group.logStatus.bytes > SMALL_LOG.logKeepBytes + 4 * 4096);
      assert.ok(run!.group.log.firstIndex < 10);
    }
    sendMany(world, others[0]!, 300, others);
    world.runFor(2 * SECONDS);
    for (const { run } of others) {
      assert.ok(run!.group.log.firstIndex > 1);
      assert.ok(run!.group.logStatus.bytes <= SMALL_LOG.logBytesMax + 3 * 4096);
    }
    away.start(null, { options });
    until(world, () => away.run!.ended === 'behind');
    // The leader goes on with the others.
    sendMany(world, others[0]!, 5, others);
  });

  test('a message that is not complete keeps its beginning', () => {
    const truncated: number[] = [];
    const log = (partials: Record<number, number>) => ({
      firstIndex: 1,
      lastIndex: 100,
      indexWithin: () => 101,
      partialFrom: (index: number) => partials[index] ?? index + 1,
      truncate: (upTo: number) => truncated.push(upTo),
    });
    const known = { deliveredUpTo: 90, receivedByAll: 100 };
    const retain = (partials: Record<number, number>): void => {
      const retention = new Retention(log(partials), { logKeepBytes: 0, logBytesMax: 0 });
      retention.need(50);
      retention.truncate(known);
    };
    retain({});
    // Of one member 40 to 60, of another 30 to 45: who needs 50 puts only the first one together.
    retain({ 49: 40, 39: 30 });
    retain({ 49: 1 });
    assert.deepEqual(truncated, [49, 39]);
  });

  test('R22: large messages of several members that overlap without end do not hold the log beyond its bound', () => {
    const world = new SimulatedWorld(3);
    const members = formedGroup(world, ['a', 'b', 'c'], { ...SMALL_LOG, logKeepBytes: 0 });
    const [a, b, c] = members as [TestMember, TestMember, TestMember];
    const large = noise(20_000, 1);
    const fromOf = (member: TestMember): number =>
      c.run!.deliveries.filter(({ origin }) => origin === member.ordinal).length;
    const sent = new Map([a, b].map((member) => [member, 0]));
    let bytesMost = 0;
    until(
      world,
      () => {
        const { log, status } = c.run!.group;
        const isUnderWay = log.partialFrom(status!.deliveredUpTo) <= status!.deliveredUpTo;
        for (const member of [a, b]) {
          // Each next one at once; the first of the second member in the middle of one of the first member.
          if (sent.get(member)! > fromOf(member) || (sent.get(b) === 0 && (member === b) !== isUnderWay)) continue;
          sent.set(member, sent.get(member)! + 1);
          send(world, member, large);
        }
        for (const member of members) member.do((group) => group.truncate(Number.MAX_SAFE_INTEGER));
        bytesMost = Math.max(bytesMost, c.run!.group.logStatus.bytes);
        return [a, b].every((member) => fromOf(member) >= 50);
      },
      200,
    );
    // Its bound, what came since the two messages under way began, and the segments that these are in.
    const boundBytes = SMALL_LOG.logBytesMax + 2 * 2 * large.length + 4 * 4096;
    assert.ok(bytesMost < boundBytes, `${bytesMost} of ${boundBytes}`);
  });
});

describe('large messages', () => {
  test('they come whole, once, in one order, with small ones between their parts, and their tickets come back', () => {
    for (let seed = 10; seed < 16; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world, ['a', 'b', 'c'], SMALL_LOG);
      const tickets = new Map<number, Uint8Array>();
      const sent: Uint8Array[][] = [[], [], []];
      const large = noise(60_000, 1);
      const dull = new Uint8Array(40_000).fill(7);
      const [a] = members;
      for (const payload of [large, noise(10, 2), dull, noise(20, 3), new Uint8Array()]) {
        tickets.set(
          a!.do((group) => group.broadcast(payload)),
          payload,
        );
        sent[0]!.push(payload);
      }
      for (const [i, member] of members.slice(1).entries()) {
        for (let n = 0; n < 5; n++) {
          const payload = noise(900 * n, 10 * i + n);
          member.do((group) => group.broadcast(payload));
          sent[i + 1]!.push(payload);
        }
      }
      until(world, () => members.every((member) => member.run!.deliveries.length === 15));
      const payloads = (member: TestMember) => member.run!.deliveries.map(({ payload }) => payload);
      for (const member of members) {
        assert.deepEqual(payloads(member), payloads(a!));
        for (const [i, { ordinal }] of members.entries()) {
          const own = member.run!.deliveries.filter(({ origin }) => origin === ordinal);
          assert.deepEqual(new Set(own.map(({ payload }) => payload.join())), new Set(sent[i]!.map((p) => p.join())));
        }
      }
      for (const { ticket, payload, origin } of a!.run!.deliveries) {
        assert.equal(ticket !== null, origin === a!.ordinal);
        if (ticket !== null) assert.deepEqual(payload, tickets.get(ticket));
      }
      const places = a!.run!.deliveries.map(({ payload }) => payload.length);
      assert.ok(places.indexOf(10) < places.indexOf(60_000), 'small ones do not wait for it');
    }
  });

  test('a member that restarts in the middle of one goes on with it; the one that sent it begins anew', () => {
    for (let seed = 20; seed < 40; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world, ['a', 'b', 'c'], SMALL_LOG);
      const [a, b, c] = members;
      const large = noise(50_000, 1);
      a!.do((group) => group.broadcast(large));
      world.runFor(world.random.split('when').below(SECONDS / 20));
      b!.restart(null, { options: SMALL_LOG });
      until(world, () => [a, b, c].every((member) => member!.run!.deliveries.length === 1));
      for (const member of members) assert.deepEqual(member.run!.deliveries[0]!.payload, large);
      a!.do((group) => group.broadcast(noise(50_000, 2)));
      world.runFor(world.random.split('when again').below(SECONDS / 100));
      a!.restart(null, { options: SMALL_LOG });
      until(world, () => a!.isReady);
      a!.do((group) => group.broadcast(large));
      until(world, () => members.every((member) => member.run!.deliveries.at(-1)!.payload.length === 50_000));
      until(world, () => members.every((member) => member.run!.deliveries.length === a!.run!.deliveries.length));
      const last = members.map((member) => member.run!.deliveries.at(-1)!.payload);
      assert.deepEqual(last[1], last[0]);
    }
  });
});

describe('a full disk', () => {
  test('R16: the member says so, hands leadership on, and comes back by itself when there is room', () => {
    for (let seed = 50; seed < 55; seed++) {
      const world = new SimulatedWorld(seed);
      const members = formedGroup(world, ['a', 'b', 'c'], SMALL_LOG);
      const full = leaderOf(members);
      const others = members.filter((member) => member !== full);
      full.host.disk.roomBytes = full.host.disk.usedBytes;
      const [sender] = others;
      let count = 0;
      const talk = (): void => {
        sender!.host.process!.turn(() => {
          const { group } = sender!.run!;
          if (!group.canBroadcast()) return;
          group.broadcast(noise(400, count));
          count++;
        });
        if (count < 200) world.schedule(2000, talk);
      };
      talk();
      until(world, () => full.run!.room.length > 0 && !full.isLeader);
      until(world, () => others.every((member) => member.run!.deliveries.length === 200));
      assert.deepEqual(full.run!.room, [false]);
      assert.equal(full.run!.group.canBroadcast(), false);
      assert.equal(full.run!.ended, null);
      assert.ok(others.some((member) => member.isLeader));
      world.runFor(3 * SECONDS);
      assert.ok(!full.isLeader);
      full.host.disk.roomBytes = Number.POSITIVE_INFINITY;
      until(world, () => full.run!.deliveries.length === 200, 5);
      assert.deepEqual(full.run!.room, [false, true]);
      send(world, full, noise(5, 1));
      until(world, () => members.every((member) => member.run!.deliveries.length === 201));
    }
  });
});

describe('a full disk, and votes', () => {
  test('R16: a member without room for entries still votes, so that another can lead', () => {
    const world = new SimulatedWorld(56);
    const options = { ...SMALL_LOG, memberExpelTimeoutMs: 600_000 };
    const members = formedGroup(world, ['a', 'b', 'c'], options);
    const leader = leaderOf(members);
    const [full, other] = members.filter((member) => member !== leader);
    full!.host.disk.roomBytes = full!.host.disk.usedBytes;
    sendMany(world, leader, 100, [leader, other!]);
    assert.deepEqual(full!.run!.room, [false]);
    assert.ok(full!.run!.group.logStatus.waitingRequests > 0);
    leader.host.crash('power-lost');
    until(world, () => other!.isLeader, 10);
    full!.host.disk.roomBytes = Number.POSITIVE_INFINITY;
    sendMany(world, other!, 5, [full!, other!]);
  });
});

describe('reads and leadership', () => {
  test('a read index covers what was chosen before it was asked for, at every member; null where nobody leads', () => {
    const world = new SimulatedWorld(60);
    const members = formedGroup(world);
    members[0]!.broadcast('x');
    until(world, () => members.some((member) => member.run!.delivered.length === 1));
    const delivered = members.find((member) => member.run!.delivered.length === 1)!;
    const { index } = delivered.run!.deliveries[0]!;
    const answers: (number | null)[] = [];
    for (const member of members) member.do((group) => group.readIndex((found) => answers.push(found)));
    until(world, () => answers.length === 3);
    assert.ok(answers.every((found) => found !== null && found >= index));
    const leader = leaderOf(members);
    const others = members.filter((member) => member !== leader);
    for (const other of others) other.host.crash('power-lost');
    leader.do((group) => group.readIndex((found) => answers.push(found)));
    until(world, () => answers.length === 4);
    assert.equal(answers[3], null);
  });

  test('leadership goes where it is asked to', () => {
    const world = new SimulatedWorld(61);
    const members = formedGroup(world);
    for (const to of members) {
      const from = leaderOf(members);
      if (from === to) continue;
      // Only to one that has answered lately.
      world.runFor(SECONDS / 5);
      from.do((group) => group.transferLeadership(to.ordinal));
      until(world, () => to.isLeader, 0.5);
    }
  });

  test('R13: what an earlier run left unsealed is sealed by the next one, though that has nothing to write itself', () => {
    const world = new SimulatedWorld(63);
    const members = formedGroup(world);
    const away = members.find((member) => !member.isLeader)!;
    members[0]!.broadcast('x');
    until(world, () => members.every(({ run }) => run!.delivered.length === 1));
    assert.equal(away.run!.group.log.isSealed, false);
    away.restart(null);
    until(world, () => away.isReady && away.run!.group.status!.hasQuorum);
    assert.equal(away.run!.group.logStatus.writtenEntries, 0);
    until(world, () => away.run!.group.log.isSealed, 5);
  });

  test('an idle log is sealed', () => {
    const world = new SimulatedWorld(62);
    const [a] = formedGroup(world, ['a']);
    a!.broadcast('x');
    until(world, () => a!.run!.delivered.length === 1);
    assert.equal(a!.run!.group.log.isSealed, false);
    until(world, () => a!.run!.group.log.isSealed, 2);
  });
});
