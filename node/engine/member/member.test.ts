import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NewWriterTable, packedWriterTable } from '../../../certifier/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import type { CommitOutcome } from '../replica.ts';
import { type SimulatedMember, startGroup, until } from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS, type MemberOptions } from './index.ts';
import { beginTransfer, DonorRecord } from './state-transfer/index.ts';

const KEY = '\0\0\0\x01key';

/** A certification database that remembers nobody: its member lets lost updates through. */
const forgetfulTable: NewWriterTable = () => ({
  size: 0,
  bytes: 0,
  lastWritten: () => 0,
  lastOpponent: () => undefined,
  put: () => {},
  forget: () => true,
  resize: () => {},
  newestFirst: () => [],
});

/** Of little, but long enough for members to tell each other their digests meanwhile. */
const SLOW_TRANSFERS: Partial<MemberOptions> = {
  group: {
    ...MEMBER_DEFAULTS.group,
    logKeepBytes: 0,
    log: { ...MEMBER_DEFAULTS.group.log, segmentBytes: 4096 },
    transfer: { ...MEMBER_DEFAULTS.group.transfer, chunkBytes: 16, windowChunks: 1 },
  },
  versions: { flushIntervalMs: 50, flushBytes: 4096, overlayBytesMax: 1e8 },
  history: { transactionsMax: 5, rowsMax: 50, bytesMax: 1e5 },
  historyUnfollowed: { transactionsMax: 5, rowsMax: 50, bytesMax: 1e5 },
  purgeStep: 10,
  truncateEveryMs: 100,
};

/** Writes one row on `snapshotVersion`, pre-certification left out: as if another writer's commit came in between. */
function commit(world: SimulatedWorld, { host, member }: SimulatedMember, snapshotVersion: number): CommitOutcome {
  let outcome: CommitOutcome | null = null;
  const transaction = { snapshotVersion, writeSet: [{ key: KEY, kind: 'put', image: new Uint8Array([1]) }] } as const;
  host.process!.turn(() => member.commit(transaction, Number.POSITIVE_INFINITY, (result) => (outcome = result)));
  until(world, () => outcome !== null);
  return outcome!;
}

test('H22: a member whose verdicts differ from those of the majority stops serving, and the others go on', () => {
  const world = new SimulatedWorld(1);
  const members = startGroup(world, { writerTables: [packedWriterTable, packedWriterTable, forgetfulTable] });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const [first, second, astray] = members;
  assert.equal(commit(world, first!, 0).kind, 'committed');
  until(world, () => members.every(({ member }) => member.appliedUpTo === 1));
  // An update on the empty database's snapshot: lost by the rule, and by the forgetful member let through.
  commit(world, astray!, 0);
  until(world, () => astray!.member.state === 'ERROR');
  assert.match(astray!.states.at(-1)!, /its digest differs from that of a majority/);
  assert.deepEqual([first!.member.state, second!.member.state], ['ONLINE', 'ONLINE']);
  assert.deepEqual(commit(world, astray!, 1), { kind: 'not-online', state: 'ERROR' });
  assert.equal(commit(world, second!, 1).kind, 'committed');
  until(world, () => first!.member.members().find(({ memberId }) => memberId === 'id-2')!.state === 'ERROR');
});

test('H22: a member whose data diverged does not come back with it: its next start receives the state of the others', () => {
  const world = new SimulatedWorld(4);
  const members = startGroup(world, { writerTables: [packedWriterTable, packedWriterTable, forgetfulTable] });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const [first, , astray] = members;
  assert.equal(commit(world, first!, 0).kind, 'committed');
  until(world, () => members.every(({ member }) => member.appliedUpTo === 1));
  commit(world, astray!, 0);
  until(world, () => astray!.member.state === 'ERROR');
  world.runUntil(world.nowUs + 100_000);
  const statesBefore = astray!.states.length;
  astray!.host.crash('power-lost');
  astray!.restart();
  until(world, () => astray!.member.state === 'ONLINE', 60);
  assert.deepEqual(astray!.restarts, ['state-received']);
  assert(!astray!.states.slice(statesBefore).some((state) => state.startsWith('ERROR')));
  assert.equal(astray!.member.appliedUpTo, 1);
  assert.equal(astray!.member.certifier!.digest, first!.member.certifier!.digest);
});

test('H22: a donor that turns out to have diverged breaks off, and the receiver takes the state of another', () => {
  const donors = new Set<string>();
  for (let seed = 1; !donors.has('id-2'); seed++) {
    const world = new SimulatedWorld(seed);
    const members = startGroup(world, { spares: 1, options: SLOW_TRANSFERS });
    const founders = members.slice(0, 3);
    until(world, () => founders.every(({ member }) => member.state === 'ONLINE'));
    const [first, , astray, spare] = members;
    for (let i = 0; i < 60; i++) {
      assert.equal(commit(world, first!, i).kind, 'committed');
      world.runUntil(world.nowUs + 50_000);
    }
    until(world, () => founders.every(({ member }) => member.group.log.firstIndex > 10));
    spare!.restart();
    until(world, () => spare!.restarts.includes('behind'));
    // As if it had judged something that the others have not.
    astray!.member.certifier!.refuseSchemaChange(1);
    commit(world, first!, 60);
    until(world, () => spare!.events.some((event) => event.startsWith('state began')));
    donors.add(/member (\S+) sends/.exec(spare!.events.find((event) => event.startsWith('state began'))!)![1]!);
    until(world, () => astray!.member.state === 'ERROR');
    until(world, () => spare!.member.state === 'ONLINE', 60);
    assert.equal(spare!.member.certifier!.digest, first!.member.certifier!.digest);
  }
});

test('H22: where all have the state of one member, one that goes astray stops alone, also in a restart of all', () => {
  const world = new SimulatedWorld(7);
  const members = startGroup(world, {
    writerTables: [packedWriterTable, packedWriterTable],
    spares: 1,
    options: SLOW_TRANSFERS,
  });
  const [first, second, third] = members;
  const online = (of: readonly SimulatedMember[]): void =>
    until(world, () => of.every(({ member }) => member?.state === 'ONLINE'), 60);
  online([first!, second!]);
  for (let i = 0; i < 60; i++) {
    assert.equal(commit(world, first!, i).kind, 'committed');
    world.runUntil(world.nowUs + 50_000);
  }
  // The second receives the state of the first, and the third that of one of them.
  second!.host.crash('power-lost');
  second!.host.start(({ disk }) => beginTransfer(disk, 0, (error) => assert.equal(error, null)));
  world.runUntil(world.nowUs + 100_000);
  second!.host.crash('power-lost');
  second!.restart();
  online([first!, second!]);
  assert.deepEqual(second!.restarts, ['state-received']);
  until(world, () => [first!, second!].every(({ member }) => member.group.log.firstIndex > 10));
  third!.restart();
  online(members);
  assert.deepEqual(third!.restarts, ['behind', 'state-received']);
  // Kept behind the view that the third votes in.
  assert.equal(commit(world, first!, 60).kind, 'committed');
  world.runUntil(world.nowUs + 5_000_000);
  for (const { host } of members) host.crash('power-lost');
  for (const member of members) {
    let from: string | null = 'not read';
    member.host.start(({ disk }) => {
      from = new DonorRecord(disk).from;
    });
    world.runUntil(world.nowUs + 1000);
    assert.equal(from, null, member.memberId);
    member.host.crash('power-lost');
  }
  for (const member of members) member.restart();
  until(world, () => members.every(({ member }) => member.certifier !== null));
  // While it recovers it would come back with the state of the others.
  online([second!]);
  second!.member.certifier!.refuseSchemaChange(1);
  until(world, () => second!.member.state === 'ERROR');
  assert.match(second!.states.at(-1)!, /its digest differs from that of a majority/);
  online([first!, third!]);
  assert.equal(commit(world, first!, 61).kind, 'committed');
});

test('H4, H22: a leader whose data diverged lets another lead, who raises the floor', () => {
  const world = new SimulatedWorld(6);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const leads = () => members.find(({ member }) => member.group.status?.role === 'leader')!;
  const astray = leads();
  astray.member.certifier!.refuseSchemaChange(1);
  const other = members.find((member) => member !== astray)!;
  assert.equal(commit(world, other, 0).kind, 'committed');
  until(world, () => astray.member.state === 'ERROR');
  until(world, () => leads() !== undefined && leads() !== astray);
});

test('two members that judge differently both stop: nobody knows who is right', () => {
  const world = new SimulatedWorld(2);
  const members = startGroup(world, { writerTables: [packedWriterTable, forgetfulTable] });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  assert.equal(commit(world, members[0]!, 0).kind, 'committed');
  until(world, () => members.every(({ member }) => member.appliedUpTo === 1));
  commit(world, members[1]!, 0);
  until(world, () => members.every(({ member }) => member.state === 'ERROR'));
  for (const { states } of members) assert.match(states.at(-1)!, /no majority agrees/);
});

test('without a quorum a commit is refused, and what is refused is never in the order', () => {
  const world = new SimulatedWorld(3);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const [alone, ...others] = members;
  for (const { host } of others) host.crash('power-lost');
  until(world, () => !alone!.member.hasQuorum);
  assert.deepEqual(commit(world, alone!, 0), { kind: 'no-quorum' });
  assert.equal(alone!.member.appliedUpTo, 0);
  assert.deepEqual(
    alone!.member.members().map(({ state }) => state),
    ['ONLINE', 'UNREACHABLE', 'UNREACHABLE'],
  );
});

test('how long commits took at one member is told by all', () => {
  const world = new SimulatedWorld(5);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  const [first, ...others] = members;
  first!.host.process!.turn(() => first!.member.commitAnswered(12, { l2Ms: 7, l0Ms: 2 }));
  const latencyAt = ({ member }: SimulatedMember) =>
    member.memberStats().find(({ memberId }) => memberId === 'id-0')?.commitLatencyMs.count;
  until(world, () => others.every((other) => latencyAt(other) === 1));
  const row = others[0]!.member.memberStats().find(({ memberId }) => memberId === 'id-0')!;
  const layers = { l2Ms: 7, l1Ms: 3, l0Ms: 2 };
  assert.deepEqual(row.commitLatencyMs, { count: 1, p50: 12, p95: 12, p99: 12, max: 12, layers });
  until(world, () => members.every((member) => latencyAt(member) === 0));
});

test('asked twice to stop, a member answers both', () => {
  const world = new SimulatedWorld(4);
  const [only] = startGroup(world, { writerTables: [packedWriterTable] });
  until(world, () => only!.member.state === 'ONLINE');
  const done: number[] = [];
  only!.host.process!.turn(() => {
    only!.member.stop(() => done.push(1));
    only!.member.stop(() => done.push(2));
  });
  until(world, () => done.length === 2);
  only!.host.process!.turn(() => only!.member.stop(() => done.push(3)));
  assert.deepEqual(done, [1, 2, 3]);
});
