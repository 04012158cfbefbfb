/** The past by time in groups: at other members than the writer, in groups without work, after restarts and transfers (H13, H18). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIsoTime } from '../../../gcs/base/index.ts';
import { GROUP_DEFAULTS } from '../../../gcs/core/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';
import type { MemberOptions } from './index.ts';

const TABLE = 'a.b';

function startPast(seed: number, options: Partial<MemberOptions> = {}, spares = 0) {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, { options, spares });
  const founders = members.slice(0, members.length - spares);
  until(world, () => founders.every(({ member }) => member.state === 'ONLINE'));
  const clients = founders.map((member) => new SimulatedMemberClient(world, member));
  clients[0]!.do('createTable', { table: TABLE, primaryKey: ['k'] });
  const put = (v: number, at = 0): { commitTime: string; sequenceNumber: number } =>
    clients[at]!.do('put', { table: TABLE, row: { k: 1, v } });
  const pass = (ms: number): void => world.runFor(ms * 1000, () => false);
  const wallIso = (at: number): string => formatIsoTime(founders[at]!.host.clock.wallMs);
  return { world, members, founders, clients, put, pass, wallIso };
}

test('a commit is read at its time at every member, also in a group where nothing happens any more', () => {
  const { world, clients, founders, put, pass } = startPast(41);
  const times: string[] = [];
  for (let v = 1; v <= 5; v++) {
    times.push(put(v, v % 3).commitTime);
    pass(100);
  }
  pass(5000);
  const before = founders[0]!.member.appliedUpTo;
  for (const client of clients) {
    for (const [i, asOf] of times.entries()) assert.equal(client.do('get', { table: TABLE, key: 1, asOf }).v, i + 1);
  }
  // The end of the millisecond of the last commit: nothing was ordered behind it, so that a mark has to be.
  const iso = times[4]!.slice(0, times[4]!.lastIndexOf('.'));
  for (const client of clients) assert.equal(client.do('get', { table: TABLE, key: 1, asOf: iso }).v, 5);
  assert.equal(founders[0]!.member.appliedUpTo, before, 'a mark takes no sequence number');
  until(world, () => new Set(founders.map(({ member }) => member.certifier!.digest)).size === 1);
});

test('H13: the present of any member is answered soon, with what was committed before anywhere', () => {
  const { clients, put, pass, wallIso } = startPast(42);
  for (let v = 1; v <= 6; v++) {
    pass(700);
    put(v, v % 3);
    for (const [at, client] of clients.entries()) {
      const asOf = wallIso(at);
      assert.equal(client.do('get', { table: TABLE, key: 1, asOf, waitTimeoutMs: 500 }).v, v, asOf);
    }
  }
});

test('H13: what was answered as of a time stays so, whatever the clocks do afterwards', () => {
  const { clients, founders, put, pass, wallIso } = startPast(43);
  put(1);
  for (let round = 0; round < 6; round++) {
    pass(300);
    const asOf = wallIso(round % 3);
    const seen = clients[(round + 1) % 3]!.do('get', { table: TABLE, key: 1, asOf }).v;
    // Stamps go back: a commit behind the mark must not be as early as what was answered.
    for (const { host } of founders) host.clock.jump(-5000);
    put(100 + round, round % 3);
    for (const client of clients) assert.equal(client.do('get', { table: TABLE, key: 1, asOf }).v, seen);
    for (const { host } of founders) host.clock.jump(5000);
  }
});

test('H13: how far time has come survives a restart of all members', () => {
  const { world, founders, clients, put, pass, wallIso } = startPast(44);
  put(1);
  pass(1000);
  const asOf = wallIso(0);
  assert.equal(clients[1]!.do('get', { table: TABLE, key: 1, asOf }).v, 1);
  // A clean stop makes what was judged durable.
  for (const { host } of founders) host.crash('killed');
  for (const { host } of founders) host.clock.jump(-60_000);
  for (const member of founders) member.restart();
  until(world, () => founders.every(({ member }) => member.state === 'ONLINE'));
  const again = founders.map((member) => new SimulatedMemberClient(world, member));
  const { sequenceNumber } = again[0]!.do('put', { table: TABLE, row: { k: 1, v: 2 } });
  for (const client of again) {
    assert.equal(client.do('get', { table: TABLE, key: 1, asOf, atLeast: sequenceNumber }).v, 1);
  }
});

const RETAINED: Partial<MemberOptions> = {
  group: {
    ...GROUP_DEFAULTS,
    logKeepBytes: 0,
    log: { ...GROUP_DEFAULTS.log, segmentBytes: 4096 },
  },
  versions: { flushIntervalMs: 20, flushBytes: 1000, overlayBytesMax: 1e7 },
  history: { transactionsMax: 5, rowsMax: 5, bytesMax: 1e6, youngerThanMs: 4000 },
  historyUnfollowed: { transactionsMax: 5, rowsMax: 5, bytesMax: 1e6, youngerThanMs: 4000 },
  truncateEveryMs: 100,
  purgeStep: 1,
  verdicts: { chunkBytes: 512 },
};

/** The value as of each commit; null where that is no longer held. */
function valuesAt(client: SimulatedMemberClient, places: readonly (string | number)[]): readonly (number | null)[] {
  return places.map((asOf) => {
    const { ok, result, error } = client.ask('get', { table: TABLE, key: 1, asOf });
    if (ok) return result.v;
    assert.equal(error.code, 'SNAPSHOT_TOO_OLD');
    assert.ok(error.oldest > 0 && (error.oldestTime === null || /Z\.\d+$/.test(error.oldestTime)));
    return null;
  });
}

test('H18: the past of so many seconds is read at every member, after flushes, restarts and a state transfer too', () => {
  const { world, members, founders, clients, put, pass } = startPast(45, RETAINED, 1);
  const commits: { commitTime: string; sequenceNumber: number }[] = [];
  for (let v = 0; v < 100; v++) {
    commits.push(put(v));
    pass(100);
  }
  const times = commits.map(({ commitTime }) => commitTime);
  const numbers = commits.map(({ sequenceNumber }) => sequenceNumber);
  const first = valuesAt(clients[0]!, times);
  const held = first.findIndex((v) => v !== null);
  // Commits take some time themselves: some 30 to 40 lie within four seconds.
  assert.ok(held > 55 && held < 75, `from ${held} on`);
  assert.deepEqual(
    first.slice(held),
    Array.from({ length: 100 - held }, (_, i) => held + i),
  );
  for (const client of clients) {
    assert.deepEqual(valuesAt(client, times), first);
    assert.deepEqual(valuesAt(client, numbers), first);
  }
  // What lies before has gone to the lanes, and the log up to there is given up.
  for (const { member } of founders) {
    assert.ok(member.store!.flushedUpTo > 40 && member.store!.flushedUpTo <= member.heldFrom);
    assert.ok(member.group.log.firstIndex > 1);
  }
  const joins = members.at(-1)!;
  joins.restart();
  until(world, () => joins.member?.state === 'ONLINE', 60);
  for (const { host } of founders) host.crash('power-lost');
  for (const member of founders) member.restart();
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'), 60);
  for (const member of members) {
    const values = valuesAt(new SimulatedMemberClient(world, member), times);
    // What a lane had not taken yet is held, too.
    assert.deepEqual(values.slice(held), first.slice(held));
    for (const [v, value] of values.entries()) assert.ok(value === null || value === v);
  }
});

test('H5: declared readers, and those of the past, hold no purge floor, and read on; whoever may write does', () => {
  const { world, founders, clients, put } = startPast(46, { purgeStep: 1 });
  const first = put(1).sequenceNumber;
  const [reader, writer] = [clients[0]!, clients[1]!];
  until(world, () => founders.every(({ member }) => member.appliedUpTo >= first));
  reader.do('begin', { tx: 'reads', readOnly: true });
  reader.do('begin', { tx: 'past', asOf: first });
  reader.do('begin', { tx: 'serial', readOnly: true, isolation: 'SERIALIZABLE' });
  for (const tx of ['reads', 'past', 'serial']) reader.do('get', { tx, table: TABLE, key: 1 });
  for (let v = 2; v < 30; v++) put(v, v % 3);
  const floorOf = () => founders[0]!.member.certifier!.purgeFloor;
  until(world, () => floorOf() > first + 10);
  for (const tx of ['reads', 'past', 'serial']) assert.equal(reader.do('get', { tx, table: TABLE, key: 1 }).v, 1);
  writer.do('begin', { tx: 'writes' });
  writer.do('get', { tx: 'writes', table: TABLE, key: 1 });
  const [row] = writer.do('transactions').filter(({ tx }: { tx: string }) => tx === 'writes');
  assert.ok(row.holdsFloor && row.floorHeld > first);
  for (let v = 30; v < 60; v++) put(v, v % 3);
  world.runFor(3_000_000, () => false);
  assert.ok(floorOf() <= row.floorHeld);
  for (const tx of ['reads', 'past', 'serial']) {
    assert.equal(reader.do('get', { tx, table: TABLE, key: 1 }).v, 1);
    assert.equal(reader.do('commit', { tx }).snapshotVersion, first);
  }
  writer.do('rollback', { tx: 'writes' });
  until(world, () => floorOf() > row.floorHeld);
});
