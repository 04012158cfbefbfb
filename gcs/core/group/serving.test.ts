import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SeededRandom } from '../../base/index.ts';
import type { EntriesOutcome, StateOutcome } from '../transfer/contract.ts';
import { TransferClient } from '../transfer/transfer-client.ts';
import type { GroupView, LogEntry } from '../types.ts';
import { readBelonging } from './definition.ts';
import { GROUP_DEFAULTS } from './options.ts';
import { formedGroup, joined, leaderOf, membersOf, type TestMember, until } from './testing/test-member.ts';

const SECONDS = 1_000_000;

const SMALL_LOG = {
  ...GROUP_DEFAULTS,
  logKeepBytes: 4096,
  logBytesMax: 8192,
  log: { segmentBytes: 4096, cacheBytesMax: 8192, blockBytesMax: 2048 },
};

/** A member that receives, before it takes part. */
interface Reception {
  readonly client: TransferClient;
  expelled: GroupView | null;
}

function receive(member: TestMember): Reception {
  member.host.crash('killed');
  let reception: Reception | null = null;
  member.host.start((environment) => {
    const belonging = readBelonging(environment.disk);
    assert.equal(belonging?.kind, 'belonging');
    if (belonging?.kind !== 'belonging') return;
    const client = new TransferClient({
      environment,
      memberId: member.memberId,
      incarnation: ++member.incarnation,
      groupAddress: member.host.address,
      host: member.host.name,
      port: 7001,
      belonging,
      view: belonging.view,
      options: GROUP_DEFAULTS.transfer,
      messageBytesMax: GROUP_DEFAULTS.messageBytesMax,
      events: {
        expelled: (view) => {
          reception!.expelled = view;
        },
        refusedPeer: () => {},
      },
    });
    reception = { client, expelled: null };
    client.open();
  });
  return reception!;
}

describe('giving a member what it lacks', () => {
  test('a member that receives its state for long is not expelled, and afterwards takes part', () => {
    const world = new SimulatedWorld(1);
    const members = formedGroup(world);
    const receiver = members.find((member) => !member.isLeader)!;
    const donors = members.filter((member) => member !== receiver);
    const { client } = receive(receiver);
    let outcome: StateOutcome | null = null;
    const bytes: number[] = [];
    client.receiveState(
      0,
      () => ({
        take: (chunk, done) => {
          bytes.push(...chunk);
          done(null);
        },
        aborted: () => {
          bytes.length = 0;
        },
      }),
      (how) => {
        outcome = how;
      },
    );
    // Nobody has a state to give yet.
    world.runFor(30 * SECONDS);
    assert.equal(outcome, null);
    assert.equal(membersOf(leaderOf(donors)).length, 3);
    for (const donor of donors) {
      donor.do((group) =>
        group.serve(() => {
          let isSent = false;
          return {
            next: () => {
              if (isSent) return null;
              isSent = true;
              return new Uint8Array([1, 2, 3]);
            },
            close: () => {},
          };
        }),
      );
    }
    until(world, () => outcome !== null);
    assert.deepEqual(bytes, [1, 2, 3]);
    world.runFor(30 * SECONDS);
    assert.equal(membersOf(leaderOf(donors)).length, 3, 'it goes on working with what it got');
    receiver.restart(null);
    until(world, () => receiver.isReady);
  });

  test('a receiver that is gone is expelled like any other', () => {
    const world = new SimulatedWorld(2);
    const members = formedGroup(world);
    const receiver = members.find((member) => !member.isLeader)!;
    const donors = members.filter((member) => member !== receiver);
    receive(receiver);
    world.runFor(20 * SECONDS);
    assert.equal(membersOf(leaderOf(donors)).length, 3);
    receiver.host.process!.pause();
    until(world, () => membersOf(leaderOf(donors)).length === 2, 10);
  });

  test('a receiver whose stay ends while it receives is told', () => {
    const world = new SimulatedWorld(3);
    const members = formedGroup(world);
    const receiver = members.find((member) => !member.isLeader)!;
    const donors = members.filter((member) => member !== receiver);
    const reception = receive(receiver);
    world.runFor(SECONDS);
    leaderOf(donors).do((group) => group.expel(receiver.ordinal, () => {}));
    until(world, () => reception.expelled !== null);
    receiver.restart({ kind: 'rejoin' });
    until(world, () => receiver.isReady && receiver.isVoter);
  });

  test('who receives for long hears who has joined meanwhile, and asks them when nobody else is left', () => {
    const world = new SimulatedWorld(9);
    const members = formedGroup(world);
    const receiver = members.find((member) => !member.isLeader)!;
    const founders = members.filter((member) => member !== receiver);
    const { client } = receive(receiver);
    const donors: string[] = [];
    let outcome: StateOutcome | null = null;
    client.receiveState(
      0,
      (donor) => {
        donors.push(donor);
        return { take: (_chunk, done) => done(null), aborted: () => {} };
      },
      (how) => {
        outcome = how;
      },
    );
    world.runFor(SECONDS);
    const newcomers = ['d', 'e', 'f'].map((name) => joined(world, name, founders[0]!));
    for (const founder of founders) {
      founder.do((group) => group.leave());
      until(world, () => founder.run!.ended === 'left', 60);
    }
    newcomers[0]!.do((group) => group.serve(() => ({ next: () => null, close: () => {} })));
    until(world, () => outcome !== null);
    assert.deepEqual(outcome, { kind: 'received' });
  });

  test('entries that a member cannot read any more come from the log of another, chosen ones only', () => {
    const world = new SimulatedWorld(4);
    const members = formedGroup(world);
    for (let i = 0; i < 20; i++) members[0]!.broadcast(`message ${i}`);
    until(world, () => members.every((member) => member.run!.delivered.length === 20));
    const receiver = members.find((member) => !member.isLeader)!;
    const [donor] = members.filter((member) => member !== receiver);
    const { lastIndex } = donor!.run!.group.log;
    const { client } = receive(receiver);
    const entries: LogEntry[] = [];
    let outcome: EntriesOutcome | null = null;
    const ask = (from: number, upTo: number): void => {
      outcome = null;
      client.receiveEntries(
        { from, upTo },
        (entry, done) => {
          entries.push(entry);
          done(null);
        },
        (how) => {
          outcome = how;
        },
      );
    };
    ask(3, lastIndex);
    until(world, () => outcome !== null);
    assert.deepEqual(entries, donor!.run!.group.log.entries(3, lastIndex, Number.POSITIVE_INFINITY));
    ask(lastIndex + 1, lastIndex + 1);
    world.runFor(3 * SECONDS);
    assert.equal(outcome, null);
    members.find((member) => member !== receiver)!.broadcast('one more');
    until(world, () => outcome !== null);
  });

  test('entries that are in the log of the donor and not chosen are not given', () => {
    const world = new SimulatedWorld(6);
    const members = formedGroup(world);
    const leader = leaderOf(members);
    const [receiver, third] = members.filter((member) => member !== leader);
    third!.host.crash('power-lost');
    const { client } = receive(receiver!);
    leader.broadcast('nobody else has it');
    const { lastIndex } = leader.run!.group.log;
    const entries: LogEntry[] = [];
    client.receiveEntries(
      { from: lastIndex, upTo: lastIndex },
      (entry, done) => {
        entries.push(entry);
        done(null);
      },
      () => {},
    );
    world.runFor(3 * SECONDS);
    assert.equal(leader.run!.group.log.lastIndex, lastIndex);
    assert.deepEqual(entries, []);
    third!.start(null);
    until(world, () => entries.length === 1);
  });

  test('R13: a member that repairs itself does not say that entries are kept no more, whether its log lost them or begins behind them', () => {
    for (const beginsBehind of [false, true]) {
      const world = new SimulatedWorld(7);
      const members = formedGroup(world, ['a', 'b', 'c'], SMALL_LOG);
      const [receiver, lender, third] = members as [TestMember, TestMember, TestMember];
      for (let i = 0; i < 200; i++) {
        until(world, () => receiver.run!.group.canBroadcast());
        receiver.broadcast('x'.repeat(200));
      }
      until(world, () => members.every(({ run }) => run!.delivered.length === 200));
      third.do((group) => group.truncate(200));
      if (beginsBehind) lender.do((group) => group.truncate(200));
      world.runFor(2 * SECONDS);
      for (const { host } of members) host.crash('power-lost');
      const { disk } = lender.host;
      const places = disk.durablePlaces((name) => name.startsWith('log-'));
      const newest = places.at(-1)!.name;
      const lost = beginsBehind ? places.filter(({ name }) => name === newest).slice(0, 1) : places.slice(0, 20);
      // Behind what says where the log begins.
      for (const { offset, ...place } of lost) {
        disk.damage({ ...place, offset: offset + 1024, length: 512 }, 'zeroed sector', new SeededRandom(1));
      }
      lender.start(null, { options: SMALL_LOG });
      const { damage, log } = lender.run!.group;
      assert.ok(damage !== null);
      lender.do((group) => group.lend(log.lastIndex));
      const index = beginsBehind ? 1 : damage.holes[0]!.from;
      assert.equal(index < log.firstIndex, beginsBehind);
      const { client } = receive(receiver);
      let outcome: EntriesOutcome | null = null;
      client.receiveEntries(
        { from: index, upTo: index },
        (_entry, done) => done(null),
        (how) => {
          outcome = how;
        },
      );
      world.runFor(20 * SECONDS);
      assert.equal(outcome, null);
      third.start(null, { options: SMALL_LOG });
      assert.ok(third.run!.group.log.firstIndex > index);
      until(world, () => outcome !== null);
      assert.deepEqual(outcome, { kind: 'not-kept' });
    }
  });

  test('the donor keeps its log while it serves', () => {
    const world = new SimulatedWorld(5);
    const [donor] = formedGroup(world, ['a'], SMALL_LOG);
    for (let i = 0; i < 200; i++) donor!.broadcast('x'.repeat(200));
    until(world, () => donor!.run!.delivered.length === 200);
    const pin = donor!.do((group) => group.pinLog());
    donor!.do((group) => group.truncate(100));
    assert.equal(donor!.run!.group.log.firstIndex, 1);
    pin.release();
    world.runFor(2 * SECONDS);
    assert.ok(donor!.run!.group.log.firstIndex > 1);
  });
});
