/** Members whose log lost something that nobody may be left, or known, to give. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packedWriterTable } from '../../../certifier/index.ts';
import { SeededRandom } from '../../../gcs/base/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS } from './options.ts';

/** Logs and verdicts are given up early. */
const SPARING = {
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

test('R13: who founded its group alone finds the others again, though nothing of its log can be read', () => {
  const world = new SimulatedWorld(41);
  const members = startGroup(world, { writerTables: [packedWriterTable], spares: 2, options: SPARING });
  const [founder, ...others] = members;
  const isOnline = (): boolean => members.every(({ member }) => member?.state === 'ONLINE');
  until(world, () => founder!.member.state === 'ONLINE');
  for (const other of others) other.restart({ kind: 'seeds', seeds: [founder!.host.address] });
  until(world, isOnline);
  const client = new SimulatedMemberClient(world, founder!);
  client.do('createTable', { table: 'shop.stock', primaryKey: ['id'] });
  for (let round = 0; round < 4; round++) {
    for (let id = 0; id < 30; id++) client.do('put', { table: 'shop.stock', row: { id, filler: 'x'.repeat(200) } });
    world.runFor(1_000_000);
  }
  assert.ok(founder!.member.group.log.firstIndex > 1);
  founder!.host.crash('power-lost');
  const { disk } = founder!.host;
  for (const place of disk.durablePlaces((name) => name.startsWith('log-')).slice(0, -1)) {
    disk.damage({ ...place, length: 512 }, 'zeroed sector', new SeededRandom(1));
  }
  founder!.restart();
  until(world, isOnline, 60);
  assert.deepEqual(founder!.restarts, ['state-received']);
});

test('R13: a member that is alone says that nobody has what its log lost, and gives up nothing of what is left', () => {
  const world = new SimulatedWorld(42);
  const [alone] = startGroup(world, { writerTables: [packedWriterTable] });
  until(world, () => alone!.member.state === 'ONLINE');
  const client = new SimulatedMemberClient(world, alone!);
  client.do('createTable', { table: 'shop.stock', primaryKey: ['id'] });
  for (let id = 0; id < 20; id++) client.do('put', { table: 'shop.stock', row: { id } });
  const { lastIndex } = alone!.member.group.log;
  world.runFor(2_000_000);
  alone!.host.crash('power-lost');
  const { disk } = alone!.host;
  const places = disk.durablePlaces((name) => name.startsWith('log-'));
  disk.damage({ ...places[8]!, length: 512 }, 'zeroed sector', new SeededRandom(1));
  alone!.restart();
  until(world, () => alone!.events.some((event) => /failed: no other member/.test(event)));
  world.runFor(20_000_000);
  assert.deepEqual([alone!.member.state, alone!.member.group.log.lastIndex], ['RECOVERING', lastIndex]);
  assert.deepEqual(alone!.restarts, []);
});

test('R13: where all members lost something they say that nobody gives it, and not only that they recover', () => {
  const world = new SimulatedWorld(43);
  const members = startGroup(world, { options: SPARING });
  until(world, () => members.every(({ member }) => member?.state === 'ONLINE'));
  const client = new SimulatedMemberClient(world, members[0]!);
  client.do('createTable', { table: 'shop.stock', primaryKey: ['id'] });
  for (let round = 0; round < 4; round++) {
    for (let id = 0; id < 30; id++) client.do('put', { table: 'shop.stock', row: { id, filler: 'x'.repeat(200) } });
    world.runFor(1_000_000);
  }
  for (const { host } of members) host.crash('power-lost');
  for (const { host } of members) {
    for (const place of host.disk.durablePlaces((name) => name.startsWith('log-')).slice(0, -1)) {
      host.disk.damage({ ...place, length: 512 }, 'zeroed sector', new SeededRandom(1));
    }
  }
  for (const member of members) member.restart();
  until(world, () => members.every(({ events }) => events.some((event) => /failed: no other member/.test(event))), 60);
  for (const { member, restarts } of members) assert.deepEqual([member.state, restarts], ['RECOVERING', []]);
});

test('R13: members that all lost something else of what was kept for certain bring it back to one another', () => {
  const world = new SimulatedWorld(44);
  const group = { ...SPARING.group, logKeepBytes: 1e9, logBytesMax: 1e9 };
  const members = startGroup(world, { options: { ...SPARING, group } });
  const isOnline = (): boolean => members.every(({ member }) => member?.state === 'ONLINE');
  until(world, isOnline);
  const client = new SimulatedMemberClient(world, members[0]!);
  client.do('createTable', { table: 'shop.stock', primaryKey: ['id'] });
  for (let id = 0; id < 60; id++) client.do('put', { table: 'shop.stock', row: { id, filler: 'x'.repeat(200) } });
  world.runFor(3_000_000);
  for (const { host } of members) host.crash('power-lost');
  members.forEach(({ host }, at) => {
    const places = host.disk.durablePlaces((name) => name.startsWith('log-'));
    const place = places[Math.floor((places.length * (at + 1)) / 5)]!;
    host.disk.damage({ ...place, length: 512 }, 'zeroed sector', new SeededRandom(1));
  });
  for (const member of members) member.restart();
  until(world, isOnline, 60);
  for (const { member, restarts } of members) {
    assert.deepEqual(restarts, ['state-received']);
    assert.ok(member.counters.statesReceived === 0 && member.counters.faultyRepaired > 0);
  }
});

test('R13: where all logs lost what nobody knows to be chosen, the members say that nobody can lead, and what to do', () => {
  const world = new SimulatedWorld(45);
  const members = startGroup(world, {
    options: { versions: { flushIntervalMs: 1e6, flushBytes: 1e8, overlayBytesMax: 1e9 } },
  });
  until(world, () => members.every(({ member }) => member?.state === 'ONLINE'));
  const client = new SimulatedMemberClient(world, members[0]!);
  client.do('createTable', { table: 'shop.stock', primaryKey: ['id'] });
  for (let id = 0; id < 20; id++) client.do('put', { table: 'shop.stock', row: { id } });
  world.runFor(2_000_000);
  for (const { host } of members) host.crash('power-lost');
  for (const { host } of members) {
    const places = host.disk.durablePlaces((name) => name.startsWith('log-'));
    host.disk.damage({ ...places.at(-4)!, length: 512 }, 'zeroed sector', new SeededRandom(1));
  }
  for (const member of members) member.restart();
  until(world, () => members.every(({ events }) => events.some((event) => /^stuck: nobody leads/.test(event))), 60);
  for (const { member, events } of members) {
    assert.deepEqual(
      member.members().map(({ claims }) => claims),
      [true, true, true],
    );
    assert.match(events.at(-1)!, /so it is with 3 of the 3 members heard.*restore/);
  }
});
