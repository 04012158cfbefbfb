/** Members that come and go: whole members in a simulated world, over one group each. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../../../gcs/base/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import {
  type SimulatedGroupOptions,
  type SimulatedMember,
  SimulatedMemberClient,
  startGroup,
  until,
} from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS } from './options.ts';

const TABLE = 'shop.stock';
const SECONDS = 1_000_000;

/** Everything is given up early. */
const SPARING: SimulatedGroupOptions['options'] = {
  group: {
    ...MEMBER_DEFAULTS.group,
    logKeepBytes: 0,
    logBytesMax: 16 * 1024,
    log: { ...MEMBER_DEFAULTS.group.log, segmentBytes: 4096 },
  },
  versions: { flushIntervalMs: 50, flushBytes: 4096, overlayBytesMax: 1e8 },
  history: { transactionsMax: 5, rowsMax: 50, bytesMax: 1e5 },
  historyUnfollowed: { transactionsMax: 5, rowsMax: 50, bytesMax: 1e5 },
  verdicts: { chunkBytes: 4096 },
  purgeStep: 10,
  truncateEveryMs: 100,
};

class Shop {
  readonly world: SimulatedWorld;
  readonly members: readonly SimulatedMember[];
  #written = 0;

  constructor(seed: number, options: SimulatedGroupOptions = {}) {
    this.world = new SimulatedWorld(seed);
    this.members = startGroup(this.world, options);
    this.allOnline(this.founders);
    this.client(this.members[0]!).do('createTable', { table: TABLE, primaryKey: ['id'] });
    until(this.world, () => this.founders.every(({ member }) => member.appliedUpTo === 1));
  }

  get founders(): readonly SimulatedMember[] {
    return this.members.slice(0, 3);
  }

  client(member: SimulatedMember): SimulatedMemberClient {
    return new SimulatedMemberClient(this.world, member);
  }

  /** One after the other, each with some bytes. */
  write(count: number, at: SimulatedMember = this.members[0]!): void {
    const client = this.client(at);
    for (let i = 0; i < count; i++) {
      const id = ++this.#written;
      client.do('put', { table: TABLE, row: { id: id % 40, by: id, filler: 'x'.repeat(200) } });
    }
  }

  allOnline(of: readonly SimulatedMember[]): void {
    until(this.world, () => of.every(({ member }) => member?.state === 'ONLINE'), 60);
  }

  pass(seconds: number): void {
    this.world.runUntil(this.world.nowUs + seconds * SECONDS);
  }

  /** All of them have the same rows, in number and content. */
  assertEqual(of: readonly SimulatedMember[]): void {
    const most = () => Math.max(...of.map(({ member }) => member.appliedUpTo));
    until(this.world, () => of.every(({ member }) => member.appliedUpTo === most()));
    const rows = of.map((member) => JSON.stringify(this.client(member).do('scan', { table: TABLE }).rows));
    for (const each of rows) assert.equal(each, rows[0]);
    const digests = of.map(({ member }) => member.certifier!.digest);
    for (const each of digests) assert.equal(each, digests[0]);
  }

  leader(among: readonly SimulatedMember[] = this.founders): SimulatedMember {
    const leads = () => among.find(({ member }) => member.group.status?.role === 'leader');
    until(this.world, () => leads() !== undefined);
    return leads()!;
  }

  /** Cuts a member off from all others. */
  cutOff(member: SimulatedMember): void {
    for (const { host } of this.members) {
      if (host === member.host) continue;
      this.world.network.block(host, member.host);
      this.world.network.block(member.host, host);
    }
  }
}

test('H14: a fourth member joins a group that is written to: a learner first, then a voter, and ONLINE with everything', () => {
  const shop = new Shop(21, { spares: 1 });
  shop.write(30);
  const [first, , , fourth] = shop.members;
  const follower = shop.client(first!);
  follower.do('subscribe', { stream: 'views' });
  fourth!.restart();
  let voters = 0;
  until(shop.world, () => {
    voters = fourth!.member.state === 'ONLINE' ? 4 : voters;
    return voters === 4;
  });
  shop.write(10, fourth!);
  shop.assertEqual(shop.members);
  const joined = follower.events.filter((event) => event.joined.length + event.left.length > 0);
  assert.deepEqual(
    joined.map((event) => event.joined),
    [['id-3']],
  );
  assert.deepEqual(
    joined[0]!.members.map((row: { learner: boolean }) => row.learner),
    [false, false, false, true],
  );
  const last = follower.events.at(-1)!;
  assert(last.members.every((row: { learner: boolean }) => !row.learner));
  assert.equal(fourth!.restarts.length, 0, 'the log still had everything');
});

test('H3: behind a truncated log a new member receives the state, and then the log from there on', () => {
  const shop = new Shop(22, { spares: 1, options: SPARING });
  for (let i = 0; i < 4; i++) {
    shop.write(40);
    shop.pass(1);
  }
  until(shop.world, () => shop.founders.every(({ member }) => member.group.log.firstIndex > 40));
  const [, , , fourth] = shop.members;
  fourth!.restart();
  until(shop.world, () => fourth!.restarts.includes('behind'));
  shop.write(20);
  shop.allOnline(shop.members);
  assert.deepEqual(fourth!.restarts, ['behind', 'state-received']);
  shop.write(20, fourth!);
  shop.assertEqual(shop.members);
  assert(fourth!.member.counters.statesReceived === 1 && fourth!.member.counters.stateBytesReceived > 1000);
  const sent = shop.founders.reduce((sum, { member }) => sum + member.counters.statesSent, 0);
  assert.equal(sent, 1);
});

test('H5, H15: a silent member is expelled, the floor it held is freed, and it comes back by itself with its own disk', () => {
  const shop = new Shop(23, { options: SPARING });
  const silent = shop.founders.find((member) => member !== shop.leader())!;
  const others = shop.founders.filter((member) => member !== silent);
  shop.write(30, others[0]!);
  shop.pass(2);
  shop.cutOff(silent);
  shop.pass(1);
  shop.write(30, others[0]!);
  const held = others[0]!.member.certifier!.purgeFloor;
  shop.pass(2);
  assert.equal(others[0]!.member.certifier!.purgeFloor, held, 'it is silent, and holds the floor');
  until(shop.world, () => others.every(({ member }) => member.members().length === 2), 30);
  shop.write(30, others[0]!);
  until(shop.world, () => others.every(({ member }) => member.certifier!.purgeFloor > held + 30));
  shop.world.network.unblockAll();
  until(shop.world, () => silent.restarts.includes('expelled'), 30);
  shop.allOnline(shop.founders);
  shop.write(10, silent);
  shop.assertEqual(shop.founders);
  assert.equal(silent.member.counters.expulsions, 1);
  assert.equal(silent.memberId, silent.member.memberId, 'the same member');
  assert(silent.states.some((state) => state.startsWith('OFFLINE: the group goes on without')));
});

test('a member that left answers what is asked, refuses statements, and joins again when it is told to', () => {
  const shop = new Shop(24);
  const leader = shop.leader();
  const client = shop.client(leader);
  shop.write(10, leader);
  const { viewId } = client.do('leave');
  assert.equal(leader.member.state, 'OFFLINE');
  assert.match(viewId, /:2$/);
  const others = shop.founders.filter((member) => member !== leader);
  until(shop.world, () => others.every(({ member }) => member.members().length === 2));
  shop.write(10, others[0]!);
  assert.equal(client.fail('get', { table: TABLE, key: 1 }).code, 'NOT_ONLINE');
  assert.equal(client.fail('leave').code, 'INVALID_ARGUMENT');
  assert.equal(shop.client(others[0]!).fail('join').code, 'INVALID_ARGUMENT');
  client.do('join');
  until(shop.world, () => leader.restarts.includes('join'));
  shop.allOnline(shop.founders);
  shop.write(10, leader);
  shop.assertEqual(shop.founders);
});

test('a member that left comes back with its next start, also one that never heard the end of it', () => {
  for (const silenced of [false, true]) {
    const shop = new Shop(32);
    const gone = shop.founders.find((member) => member !== shop.leader())!;
    const others = shop.founders.filter((member) => member !== gone);
    shop.write(10, others[0]!);
    if (silenced) {
      gone.host.process!.turn(() => gone.member.administer({ kind: 'leave' }, () => {}));
      until(shop.world, () => others.some(({ member }) => member.group.view!.members.length === 2));
    } else shop.client(gone).do('leave');
    gone.host.crash('power-lost');
    until(shop.world, () => others.every(({ member }) => member.members().length === 2));
    shop.write(10, others[0]!);
    gone.restart();
    shop.allOnline(shop.founders);
    shop.write(10, gone);
    shop.assertEqual(shop.founders);
  }
});

test('C6: a member is stopped in the middle of a transfer, at any time, and receives the state at its next start', () => {
  for (const [seed, ms] of [0, 3, 10, 30, 100].entries()) {
    const shop = new Shop(33 + seed, { spares: 1, options: SPARING });
    for (let i = 0; i < 4; i++) {
      shop.write(40);
      shop.pass(1);
    }
    until(shop.world, () => shop.founders.every(({ member }) => member.group.log.firstIndex > 40));
    const fourth = shop.members[3]!;
    fourth.restart();
    until(shop.world, () => fourth.events.some((event) => event.startsWith('state began')));
    shop.pass(ms / 1000);
    let isStopped = false;
    fourth.host.process!.turn(() => fourth.member.stop(() => (isStopped = true)));
    until(shop.world, () => isStopped, 5);
    fourth.host.crash('power-lost');
    fourth.restart();
    shop.allOnline(shop.members);
    shop.write(10, fourth);
    shop.assertEqual(shop.members);
  }
});

test('an expelled member that may not come back by itself stays OFFLINE, until it is told to join', () => {
  const shop = new Shop(25, { autorejoinTries: 0 });
  const leader = shop.leader();
  const [gone] = shop.founders.filter((member) => member !== leader);
  shop.client(leader).do('expel', { memberId: gone!.memberId });
  until(shop.world, () => gone!.member.state === 'OFFLINE');
  shop.pass(5);
  assert.deepEqual(gone!.restarts, []);
  shop.client(gone!).do('join');
  shop.allOnline(shop.founders);
  shop.assertEqual(shop.founders);
});

test('leadership is handed to whom it is asked for, and only the leader can do it', () => {
  const shop = new Shop(26);
  const leader = shop.leader();
  const [next] = shop.founders.filter((member) => member !== leader);
  assert.equal(shop.client(next!).fail('transferLeadership').code, 'INVALID_ARGUMENT');
  shop.client(leader).do('transferLeadership', { memberId: next!.memberId });
  until(shop.world, () => next!.member.group.status?.role === 'leader');
  shop.write(5, leader);
});

test('C25: a member that lost its disk is replaced by a new one, and the old one is expelled', () => {
  const shop = new Shop(27, { options: SPARING });
  shop.write(100);
  const lost = shop.founders.find((member) => member !== shop.leader())!;
  const oldId = lost.memberId;
  lost.host.crash('power-lost');
  lost.loseDisk();
  const others = shop.founders.filter((member) => member !== lost);
  lost.restart({ kind: 'seeds', seeds: others.map(({ host }) => host.address) });
  shop.write(20, others[0]!);
  shop.allOnline([lost]);
  until(shop.world, () => others[0]!.member.members().every(({ memberId }) => memberId !== oldId), 60);
  assert.equal(others[0]!.member.members().length, 3);
  shop.write(10, lost);
  shop.assertEqual(shop.founders);
});

test('R16: without room on the disk a member answers reads, refuses writes, gives up leading, and comes back by itself', () => {
  const shop = new Shop(28, { options: SPARING });
  const full = shop.leader();
  const others = shop.founders.filter((member) => member !== full);
  shop.write(20, full);
  full.host.disk.roomBytes = full.host.disk.usedBytes;
  for (let i = 0; full.member.hasRoom && i < 200; i++) shop.write(1, others[0]!);
  assert(!full.member.hasRoom);
  until(shop.world, () => others.some(({ member }) => member.group.status?.role === 'leader'));
  assert.equal(full.member.state, 'ONLINE');
  const client = shop.client(full);
  assert.equal(client.fail('put', { table: TABLE, row: { id: 1 } }).code, 'DISK_FULL');
  assert.equal(client.do('get', { table: TABLE, key: 1 }).id, 1);
  until(shop.world, () => {
    const row = others[0]!.member.members().find(({ memberId }) => memberId === full.memberId);
    return row?.hasRoom === false;
  });
  shop.write(20, others[0]!);
  full.host.disk.roomBytes = Number.POSITIVE_INFINITY;
  until(shop.world, () => full.member.hasRoom, 30);
  until(shop.world, () => full.member.state === 'ONLINE', 60);
  shop.write(10, full);
  shop.assertEqual(shop.founders);
  assert.deepEqual(full.events.filter((event) => event === 'disk full' || event === 'room').slice(0, 2), [
    'disk full',
    'room',
  ]);
});

test('R16: whose lanes have no room does not go on leading, also where it is made to lead again', () => {
  const shop = new Shop(40, { options: SPARING });
  const full = shop.leader();
  const other = shop.founders.find((member) => member !== full)!;
  full.lane.hasRoom = false;
  for (let i = 0; full.member.hasRoom && i < 100; i++) shop.write(1, other);
  const next = () => shop.founders.find(({ member }) => member.group.status?.role === 'leader');
  until(shop.world, () => next() !== undefined && next() !== full);
  shop.client(next()!).do('transferLeadership', { memberId: full.memberId });
  until(shop.world, () => next() !== undefined && next() !== full);
  const floor = other.member.certifier!.purgeFloor;
  shop.write(40, other);
  full.lane.hasRoom = true;
  until(shop.world, () => full.member.hasRoom);
  shop.write(20, full);
  until(shop.world, () => other.member.certifier!.purgeFloor > floor);
  shop.assertEqual(shop.founders);
});

test('R16: who has no room for verdicts of a risen purge floor stops without an error', () => {
  const shop = new Shop(41, { options: { ...SPARING, verdicts: { chunkBytes: 8192 } } });
  const full = shop.founders.find((member) => member !== shop.leader())!;
  const other = shop.founders.find((member) => member !== full)!;
  const floor = (): number => full.member.certifier!.purgeFloor;
  let before = floor();
  for (let i = 0; (full.member.hasRoom || floor() === before) && i < 500; i++) {
    // For another segment of the log, but for no chunk of verdicts.
    full.host.disk.roomBytes = full.host.disk.usedBytes + 5000;
    if (full.member.hasRoom) before = floor();
    shop.write(1, other);
    shop.pass(1);
  }
  assert(!full.member.hasRoom && floor() > before);
  shop.pass(5);
  let isStopped = false;
  full.host.process!.turn(() => full.member.stop(() => (isStopped = true)));
  until(shop.world, () => isStopped);
  assert.equal(full.member.state, 'OFFLINE');
});

/** A member that was down until the group had gone on without it and kept no more what it needs; it is being started. */
function comingBack(shop: Shop): SimulatedMember {
  const behind = shop.founders.find((member) => member !== shop.leader())!;
  const other = shop.founders.find((member) => member !== behind)!;
  shop.write(20, other);
  behind.host.crash('power-lost');
  for (let i = 0; i < 4; i++) {
    shop.write(40, other);
    shop.pass(3);
  }
  behind.restart();
  until(shop.world, () => behind.restarts.includes('expelled'), 60);
  return behind;
}

/** Not even for the smallest file. */
function setFull({ host: { disk } }: SimulatedMember, isFull: boolean): void {
  disk.roomBytes = isFull ? 0 : Number.POSITIVE_INFINITY;
  disk.hasRoomForReplacements = !isFull;
}

test('R16: who is let in again and has no room to remember it waits for room', () => {
  const shop = new Shop(30, { options: SPARING });
  const member = comingBack(shop);
  const { ordinal } = member.member.group.self!;
  setFull(member, true);
  until(shop.world, () => member.events.includes('disk full'), 60);
  shop.pass(5);
  assert.deepEqual([member.member.group.self!.ordinal, member.member.hasRoom], [ordinal, false]);
  setFull(member, false);
  shop.allOnline(shop.founders);
  assert(member.restarts.includes('state-received'));
  shop.write(10, member);
  shop.assertEqual(shop.founders);
});

test('R16: who needs a state and has no room for the marker of it waits for room', () => {
  const shop = new Shop(31, { options: SPARING });
  const member = comingBack(shop);
  const { ordinal } = member.member.group.self!;
  until(shop.world, () => member.member.group.self!.ordinal !== ordinal, 60);
  setFull(member, true);
  until(shop.world, () => member.events.includes('disk full'), 60);
  shop.pass(5);
  assert(!member.restarts.includes('behind'), 'the marker comes first');
  setFull(member, false);
  shop.allOnline(shop.founders);
  assert.deepEqual(member.restarts.slice(-2), ['behind', 'state-received']);
  shop.write(10, member);
  shop.assertEqual(shop.founders);
});

test('R13: what rotted in the log of a member is found at its start and comes from another member', () => {
  const shop = new Shop(29);
  const damaged = shop.founders.find((member) => member !== shop.leader())!;
  const others = shop.founders.filter((member) => member !== damaged);
  shop.write(60, others[0]!);
  shop.pass(1);
  damaged.host.crash('power-lost');
  const places = damaged.host.disk.durablePlaces((name) => name.startsWith('log-'));
  damaged.host.disk.damage(places[Math.floor(places.length / 2)]!, 'zeroed sector', new SeededRandom(1));
  damaged.restart();
  shop.write(10, others[0]!);
  shop.allOnline(shop.founders);
  shop.write(10, damaged);
  shop.assertEqual(shop.founders);
  assert(
    damaged.events.some((event) => event.startsWith('damage in log-')),
    damaged.events.join('; '),
  );
});

test('R16: who repairs its log and has no room for it waits for room, and goes on by itself', () => {
  const group = { ...SPARING!.group!, logKeepBytes: 1e9, logBytesMax: 1e9 };
  const shop = new Shop(33, { options: { ...SPARING, group } });
  const damaged = shop.founders.find((member) => member !== shop.leader())!;
  const other = shop.founders.find((member) => member !== damaged)!;
  shop.write(60, other);
  shop.pass(1);
  damaged.host.crash('power-lost');
  const places = damaged.host.disk.durablePlaces((name) => name.startsWith('log-'));
  // More than fits into what there is of files.
  for (const place of places.slice(0, places.length / 2)) {
    damaged.host.disk.damage(place, 'zeroed sector', new SeededRandom(1));
  }
  setFull(damaged, true);
  damaged.restart();
  until(shop.world, () => damaged.events.includes('disk full'));
  shop.pass(5);
  assert.deepEqual([damaged.member.state, damaged.member.hasRoom, damaged.restarts], ['RECOVERING', false, []]);
  setFull(damaged, false);
  shop.allOnline(shop.founders);
  assert(damaged.member.counters.faultyRepaired > 0);
  shop.write(10, damaged);
  shop.assertEqual(shop.founders);
});

test('H3: a group without work gives up its log behind a floor that rose after the last of it', () => {
  const group = { ...SPARING!.group!, logKeepBytes: 0 };
  const shop = new Shop(35, { options: { ...SPARING, group, purgeStep: 1 } });
  const [writer] = shop.founders;
  const client = new SimulatedMemberClient(shop.world, writer!);
  // It holds the floor until all is flushed.
  client.do('begin', { tx: 'open' });
  client.do('get', { tx: 'open', table: TABLE, key: 1 });
  shop.write(60, shop.founders[1]!);
  shop.pass(5);
  client.do('rollback', { tx: 'open' });
  shop.pass(5);
  for (const { member } of shop.founders) {
    const { firstIndex, lastIndex } = member.group.log;
    const needed = member.verdicts!.stateAtEnd;
    assert(needed.purgeFloor === needed.sequenceNumber, `${needed.purgeFloor} of ${needed.sequenceNumber}`);
    assert(lastIndex - firstIndex < 30, `${firstIndex} to ${lastIndex}`);
  }
});
