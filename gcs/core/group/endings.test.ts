/** How stays and connections end where nobody says so; found by seeds of the simulator. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SegmentLog } from '../log/segment-log.ts';
import { without } from '../views.ts';
import { encodeFrame } from './handshake.ts';
import { GROUP_DEFAULTS } from './options.ts';
import { formedGroup, until } from './testing/test-member.ts';

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

const INTRODUCTION = {
  protocolVersion: 3,
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
