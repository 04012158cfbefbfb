import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import type { Append } from './peer-message.ts';
import { TestCluster } from './testing/cluster.ts';
import { textOf } from './testing/describe.ts';
import { appendOf, diskWith, message, noop } from './testing/entries.ts';
import { everyone, led, sent, texts } from './testing/scenes.ts';

describe('the log', () => {
  test('R11: an entry that is chosen is never cut, whoever asks', () => {
    const cluster = led(3);
    const conflicting = appendOf({ term: 9, entries: [noop(1, 9)] });
    assert.throws(() => cluster.feed({ from: 2, to: 1, message: conflicting }), InvariantViolation);
  });

  test('two leaders of one term are an error of the program, not of the network', () => {
    const cluster = led(3);
    assert.throws(() => cluster.feed({ from: 2, to: 1, message: appendOf({ term: 1 }) }), InvariantViolation);
    assert.throws(() => cluster.feed({ from: 2, to: 0, message: appendOf({ term: 1 }) }), InvariantViolation);
  });

  test('R18: a new leader keeps what its log holds and puts its noop behind it', () => {
    const x = message({ index: 2, term: 1 }, { origin: 2, messageNumber: 1 }, 'x');
    const cluster = new TestCluster({
      members: 3,
      disks: [diskWith(1, null, noop(1, 1), x), diskWith(1, null, noop(1, 1)), diskWith(1, null)],
    });
    cluster.elect(0);
    const established = () => sent(cluster.packets, 'append').map((packet) => (packet.message as Append).established);
    assert.deepEqual(established(), [false, false], 'it does not know yet what was chosen before it');
    cluster.settle();
    assert.deepEqual(cluster.chosen.map(textOf), ['noop', 'x', 'noop']);
    for (const { ordinal } of cluster.members) assert.deepEqual(texts(cluster, ordinal), ['x']);
  });

  test('a follower whose log parted long ago is found by whole terms, not entry by entry', () => {
    const ours = [noop(1, 1), ...Array.from({ length: 40 }, (_, i) => noop(i + 2, 5))];
    const theirs = [noop(1, 1), ...Array.from({ length: 40 }, (_, i) => noop(i + 2, i < 20 ? 2 : 3))];
    const cluster = new TestCluster({ members: 3, disks: [diskWith(5, null, ...ours), diskWith(5, null, ...theirs)] });
    cluster.elect(0);
    cluster.settle();
    assert.equal(cluster.core(1).status().lastIndex, 42);
    const rejections = cluster.transcript.filter((line) => line.includes('1 sends 0: rejected'));
    assert.ok(rejections.length <= 3, rejections.join('\n'));
  });

  test('R22: what a silent peer has in flight is bounded, and it catches up from where it was', () => {
    const cluster = led(3, { windowMessagesMax: 3 });
    for (let i = 0; i < 50; i++) cluster.propose(0, `m${i}`);
    assert.equal(sent(cluster.packets, 'append').filter(({ to }) => to === 2).length, 3);
    everyone(cluster, 500);
    assert.equal(texts(cluster, 2).length, 50);
  });

  test('R22: the window is bounded in bytes, too', () => {
    const cluster = led(3, { windowBytesMax: 1000 });
    for (let i = 0; i < 50; i++) cluster.propose(0, 'x'.repeat(400));
    assert.equal(sent(cluster.packets, 'append').filter(({ to }) => to === 2).length, 3);
  });

  test('an append is bounded in entries and bytes, and one step sends a peer at most one', () => {
    const cluster = new TestCluster({ members: 3, options: { appendEntriesMax: 4, appendBytesMax: 300 } });
    cluster.propose(0, 'large'.repeat(100));
    for (let i = 0; i < 30; i++) cluster.propose(0, `m${i}`);
    cluster.elect(0);
    cluster.settle();
    everyone(cluster, 500);
    assert.equal(texts(cluster, 1).length, 31);
    for (const line of cluster.transcript.filter((each) => each.includes('0 sends 1: append'))) {
      assert.ok(line.split('=').length - 1 <= 4, line);
    }
  });

  test('a lost append shows up at the next one and is sent again', () => {
    const cluster = led(3);
    cluster.propose(0, 'lost');
    cluster.packets = [];
    cluster.propose(0, 'next');
    cluster.settle();
    assert.deepEqual(texts(cluster, 2), ['lost', 'next']);
  });

  test('old entries are read back from the disk when a peer needs them', () => {
    const cluster = led(3, { tailBytesMax: 1 });
    cluster.crash(2);
    for (let i = 0; i < 20; i++) cluster.propose(0, `m${i}`);
    cluster.settle();
    cluster.start(2);
    everyone(cluster, 500);
    assert.equal(texts(cluster, 2).length, 20);
  });

  test('received by all is what is durable on every member, told to all', () => {
    const cluster = led(3);
    cluster.cut(0, 2);
    cluster.propose(0, 'x');
    everyone(cluster, 200);
    assert.deepEqual(
      [0, 1].map((ordinal) => cluster.core(ordinal).status().receivedByAll),
      [1, 1],
    );
    cluster.heal(0, 2);
    everyone(cluster, 200);
    assert.deepEqual(
      [0, 1, 2].map((ordinal) => cluster.core(ordinal).status().receivedByAll),
      [2, 2, 2],
    );
  });
});
