/** How stays and connections end where nobody says so; found by seeds of the simulator. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { without } from '../views.ts';
import { GROUP_FILE } from './definition.ts';
import { encodeFrame, GROUP_PROTOCOL_VERSION } from './handshake.ts';
import { GROUP_DEFAULTS } from './options.ts';
import { formedGroup, joined, until } from './testing/test-member.ts';

const SECONDS = 1_000_000;

test('a member whose log begins behind the end of its stay is told so, though nobody can be reached', () => {
  const world = new SimulatedWorld(70);
  const members = formedGroup(world);
  members[0]!.broadcast('x');
  until(world, () => members.every(({ run }) => run!.delivered.length === 1));
  const [member, ...others] = members.toSorted((a, b) => Number(a.isLeader) - Number(b.isLeader));
  for (const { host } of members) host.crash('power-lost');
  // As a state transfer leaves it: behind the view that goes on without it.
  const view = without(member!.run!.group.view!, member!.ordinal);
  let isReset = false;
  member!.host.start(({ disk }) => {
    const opened = SegmentLog.open(disk, GROUP_DEFAULTS.log, { memberId: member!.memberId });
    assert.ok(opened.kind === 'opened');
    const { log } = opened;
    log.reset({ index: 50, term: 9, view, lastMessages: new Map() }, log.hardState, () => {
      isReset = true;
    });
  });
  until(world, () => isReset);
  member!.restart(null);
  until(world, () => member!.run!.ended === 'expelled', 2);
  assert.ok(others.every(({ host }) => host.process === null));
});

test('an accepted connection on which nobody says anything is given up, before a hello and behind it', () => {
  const world = new SimulatedWorld(71);
  const [member] = formedGroup(world);
  const stranger = world.addHost('stranger', 'stranger:1');
  const closed: string[] = [];
  stranger.start(({ network }) => {
    for (const saysHello of [false, true]) {
      const connection = network.connect(member!.host.address, {
        opened: () => {
          if (!saysHello) return;
          const introduction = { ...INTRODUCTION, groupAddress: 'stranger:1' };
          connection.send(encodeFrame({ kind: 'hello', introduction, purpose: 'group' }));
        },
        received: () => {},
        closed: (reason) => closed.push(reason),
      });
    }
  });
  world.runFor(2 * SECONDS);
  assert.deepEqual(closed, []);
  until(world, () => closed.length === 2, 6);
});

test('a run has not ended before its file of the group is written: the next one, of the same process, may write it, too', () => {
  const world = new SimulatedWorld(72);
  const members = formedGroup(world);
  const [member] = members;
  const { disk, process } = member!.host;
  const happened: string[] = [];
  disk.passed = (when, operation, name) => {
    if (operation === 'replace' && name === GROUP_FILE) happened.push(when);
  };
  disk.conditions = { syncMinUs: 200_000, syncMaxUs: 200_000 };
  // A view that the directory has not got yet.
  joined(world, 'd', members[1]!);
  until(world, () => happened.length === 1);
  disk.conditions = { syncMinUs: 100, syncMaxUs: 100 };
  member!.do((group) => group.stop(() => happened.push('closed')));
  until(world, () => happened.includes('closed'));
  assert.deepEqual(happened, ['before', 'after', 'closed']);
  assert.equal(member!.host.process, process);
});

const INTRODUCTION = {
  protocolVersion: GROUP_PROTOCOL_VERSION,
  memberId: 'stranger',
  incarnation: 1,
  groupId: null,
  ordinal: null,
  viewNumber: 0,
  isLeader: false,
  messageBytesMax: GROUP_DEFAULTS.messageBytesMax,
  formation: 'seeds',
  host: 'stranger',
  port: 1,
} as const;
