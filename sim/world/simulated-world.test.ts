import assert from 'node:assert/strict';
import test from 'node:test';
import type { Connection, ConnectionHandler, DiskFile } from '../../gcs/base/index.ts';
import { EventQueue } from './event-queue.ts';
import { SimulatedWorld, withoutImpureGlobals } from './index.ts';

const QUIET: ConnectionHandler = { opened: () => {}, received: () => {}, closed: () => {} };

function bytesOf(value: number, length = 1): Uint8Array {
  return new Uint8Array(length).fill(value);
}

test('events happen in the order of time, then of insertion, and what ends a turn goes first', () => {
  const queue = new EventQueue();
  const seen: string[] = [];
  queue.push(20, 'input', () => seen.push('late'));
  for (let i = 0; i < 50; i++) queue.push(10, 'input', () => seen.push(`input ${i}`));
  queue.push(10, 'turn-end', () => seen.push('turn end'));
  for (let event = queue.pop(); event; event = queue.pop()) event.callback?.();
  assert.deepEqual(seen, ['turn end', ...Array.from({ length: 50 }, (_, i) => `input ${i}`), 'late']);
});

test('a timer runs once, not early, not when cancelled, and not after its process is gone', () => {
  const world = new SimulatedWorld(1);
  const host = world.addHost('a', 'a:1');
  const seen: string[] = [];
  host.start(({ clock }) => {
    const began = clock.monotonicMs();
    clock.schedule(10, () => seen.push(`after ${clock.monotonicMs() - began}`));
    clock.schedule(5, () => seen.push('cancelled')).cancel();
    clock.schedule(50, () => seen.push('too late'));
  });
  world.runUntil(20_000);
  host.crash('killed');
  world.runUntil(1_000_000);
  assert.deepEqual(seen, ['after 10']);
});

test('a call without delay runs after its turn and before new input of the same instant', () => {
  const world = new SimulatedWorld(1);
  const seen: string[] = [];
  world.addHost('a', 'a:1').start(({ clock }) => {
    clock.schedule(1, () => {
      clock.schedule(0, () => seen.push('turn end'));
      seen.push('turn');
    });
    clock.schedule(1, () => seen.push('input'));
  });
  world.runUntil(10_000);
  assert.deepEqual(seen, ['turn', 'turn end', 'input']);
});

test('a paused process gets what it missed, in order, when it goes on', () => {
  const world = new SimulatedWorld(1);
  const host = world.addHost('a', 'a:1');
  const seen: string[] = [];
  const process = host.start(({ clock }) => {
    for (const delay of [1, 2, 3])
      clock.schedule(delay, () => seen.push(`${delay} at ${Math.round(clock.monotonicMs())}`));
  });
  world.runUntil(1_500);
  process.pause();
  world.runUntil(9_000);
  assert.deepEqual(seen, ['1 at 1']);
  process.resume();
  world.runUntil(9_000);
  assert.deepEqual(seen, ['1 at 1', '2 at 9', '3 at 9']);
});

test('a wall clock jumps and drifts, a monotonic one never goes back', () => {
  const world = new SimulatedWorld(1);
  const host = world.addHost('a', 'a:1');
  let wallMs = () => 0;
  let monotonicMs = () => 0;
  host.start(({ clock }) => {
    ({ wallMs, monotonicMs } = clock);
  });
  const [wall, monotonic] = [wallMs(), monotonicMs()];
  host.clock.jump(-5000);
  assert.equal(wallMs(), wall - 5000);
  assert.equal(monotonicMs(), monotonic);
  host.clock.drift(1.1);
  world.runFor(1_000_000);
  assert.equal(Math.round(monotonicMs() - monotonic), 1100);
});

test('an error that leaves a turn ends the process', () => {
  const world = new SimulatedWorld(1);
  const host = world.addHost('a', 'a:1');
  const errors: unknown[] = [];
  host.processFailed = (error) => errors.push(error);
  host.start(({ clock }) => {
    clock.schedule(1, () => {
      throw new Error('broken');
    });
    clock.schedule(2, () => errors.push('still there'));
  });
  world.runFor(10_000);
  assert.equal(errors.length, 1);
  assert.equal(host.process, null);
});

/** Two hosts with one connection from a to b; what b got, and both ends. */
function connected(world: SimulatedWorld) {
  const a = world.addHost('a', 'a:1');
  const b = world.addHost('b', 'b:1');
  const received: number[] = [];
  const closed: string[] = [];
  let accepted: Connection | null = null;
  let opened: Connection | null = null;
  b.start(({ network }) => {
    network.listen((connection) => {
      accepted = connection;
      return {
        ...QUIET,
        received: (bytes) => received.push(bytes[0]!),
        closed: (reason) => closed.push(`b: ${reason}`),
      };
    });
  });
  a.start(({ network }) => {
    opened = network.connect('b:1', { ...QUIET, closed: (reason) => closed.push(`a: ${reason}`) });
  });
  world.runFor(10_000);
  return { a, b, received, closed, accepted: accepted! as Connection, opened: opened! as Connection };
}

test('frames of one connection arrive whole, in order, each once, in spite of delays', () => {
  const world = new SimulatedWorld(7);
  const { opened, received } = connected(world);
  world.network.conditions.delaysPerMillion = 300_000;
  world.network.conditions.delayMaxUs = 100_000;
  for (let i = 0; i < 100; i++) opened.send(bytesOf(i));
  world.runFor(1_000_000);
  assert.deepEqual(
    received,
    Array.from({ length: 100 }, (_, i) => i),
  );
  assert.ok(world.faultCounts.of('delay') > 0);
});

test('a reset loses a tail of the stream, never a frame in its middle, and both ends learn of it', () => {
  let lostSome = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const world = new SimulatedWorld(seed);
    const { a, opened, received, closed } = connected(world);
    for (let i = 0; i < 10; i++) opened.send(bytesOf(i));
    world.network.resetConnectionsOf(a);
    world.runFor(1_000_000);
    assert.deepEqual(
      received,
      Array.from({ length: received.length }, (_, i) => i),
    );
    assert.deepEqual([...closed].sort(), ['a: connection reset', 'b: connection reset']);
    if (received.length < 10) lostSome++;
  }
  assert.ok(lostSome > 10);
});

test('a blocked link holds frames of one direction back until it heals', () => {
  const world = new SimulatedWorld(3);
  world.network.conditions.timeoutMinUs = 60_000_000;
  world.network.conditions.timeoutMaxUs = 60_000_000;
  const { a, b, opened, received } = connected(world);
  world.network.block(a, b);
  opened.send(bytesOf(1));
  opened.send(bytesOf(2));
  world.runFor(5_000_000);
  assert.deepEqual(received, []);
  world.network.unblockAll();
  world.runFor(1_000_000);
  assert.deepEqual(received, [1, 2]);
});

test('a connection over a link that stays blocked times out', () => {
  const world = new SimulatedWorld(3);
  const { a, b, opened, closed } = connected(world);
  world.network.block(a, b);
  opened.send(bytesOf(1));
  world.runFor(60_000_000);
  assert.deepEqual([...closed].sort(), ['a: timed out', 'b: timed out']);
});

test('peers of a killed process see it close soon; of a host that lost power, when they time out', () => {
  const killed = connected(new SimulatedWorld(5));
  killed.b.crash('killed');
  const world = new SimulatedWorld(5);
  const dark = connected(world);
  dark.b.crash('power-lost');
  world.runFor(500_000);
  assert.deepEqual(dark.closed, []);
  world.runFor(20_000_000);
  assert.deepEqual(dark.closed, ['a: timed out']);
});

test('a connection to nobody is closed', () => {
  const world = new SimulatedWorld(5);
  const reasons: string[] = [];
  world.addHost('a', 'a:1').start(({ network }) => {
    network.connect('nobody:1', { ...QUIET, closed: (reason) => reasons.push(reason) });
  });
  world.runFor(20_000_000);
  assert.deepEqual(reasons, ['connection refused']);
});

test('a crash keeps what was reported durable, and any subset of the sectors of a write in flight', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const world = new SimulatedWorld(seed);
    const host = world.addHost('a', 'a:1');
    let isFirstDurable = false;
    host.start(({ disk }) => {
      disk.create('log', 2048, (_error, file) => {
        file!.write(0, [bytesOf(1, 512)], () => {
          file!.write(512, [bytesOf(2, 512), bytesOf(2, 512)], () => {});
          isFirstDurable = true;
        });
      });
    });
    world.runFor(1_000_000, () => isFirstDurable);
    host.crash('power-lost');
    host.start(({ disk }) => {
      const file = disk.open('log');
      assert.equal(file.sizeBytes, 2048);
      const content = file.read(0, 2048);
      const sectors = [0, 512, 1024, 1536].map((at) => content[at]);
      outcomes.add(sectors.join());
    });
  }
  assert.deepEqual([...outcomes].sort(), ['1,0,0,0', '1,0,2,0', '1,2,0,0', '1,2,2,0']);
});

test('a replaced file is whole old or whole new after a crash, and new once it was reported', () => {
  const outcomes = new Set<number>();
  for (let seed = 1; seed <= 40; seed++) {
    const world = new SimulatedWorld(seed);
    const host = world.addHost('a', 'a:1');
    host.start(({ disk }) => {
      disk.replace('state', bytesOf(1, 700), () => disk.replace('state', bytesOf(2, 700), () => {}));
    });
    const isSecond = seed % 2 === 0;
    world.runFor(isSecond ? 1_000_000 : 4_100);
    const reported = host.disk.writesInFlight === 0;
    host.crash('killed');
    host.start(({ disk }) => {
      const content = disk.readWhole('state');
      if (content !== null) assert.deepEqual(content, bytesOf(content[0]!, 700));
      if (reported) assert.equal(content?.[0], 2);
      outcomes.add(content?.[0] ?? 0);
    });
  }
  assert.ok(outcomes.has(1) && outcomes.has(2));
});

test('a removed file may come back after a crash', () => {
  const outcomes = new Set<boolean>();
  for (let seed = 1; seed <= 20; seed++) {
    const world = new SimulatedWorld(seed);
    const host = world.addHost('a', 'a:1');
    host.start(({ disk }) => disk.replace('old', bytesOf(1), () => disk.remove('old')));
    world.runFor(100_000);
    host.crash('power-lost');
    host.start(({ disk }) => outcomes.add(disk.list().includes('old')));
  }
  assert.deepEqual(outcomes, new Set([true, false]));
});

test('two runs of one seed have equal fingerprints, two seeds differ', () => {
  const fingerprint = (seed: number) => {
    const world = new SimulatedWorld(seed);
    const { opened } = connected(world);
    let file: DiskFile | null = null;
    world.hosts[0]!.process!.turn(() => opened.send(bytesOf(1, 1000)));
    world.addHost('c', 'c:1').start(({ disk, clock, random }) => {
      clock.schedule(random.below(100), () => disk.create('f', 10, (_error, made) => (file = made)));
    });
    world.runFor(1_000_000);
    assert.notEqual(file, null);
    return world.story.fingerprint;
  };
  assert.equal(fingerprint(9), fingerprint(9));
  assert.notEqual(fingerprint(9), fingerprint(10));
});

test('the time, chance and timers of the real world are not there while a world runs, and are back afterwards', () => {
  const { setTimeout: before } = globalThis;
  withoutImpureGlobals(() => {
    assert.throws(() => Date.now());
    assert.throws(() => new Date());
    assert.throws(() => Math.random());
    assert.throws(() => performance.now());
    assert.throws(() => process.hrtime());
    assert.throws(() => crypto.randomUUID());
    assert.throws(() => setTimeout(() => {}, 0));
    assert.throws(() => setInterval(() => {}, 0));
    assert.throws(() => setImmediate(() => {}));
    assert.equal(new Date(0).toISOString(), '1970-01-01T00:00:00.000Z');
  });
  assert.equal(globalThis.setTimeout, before);
  assert.ok(Date.now() > 0 && Math.random() < 1 && performance.now() > 0);
});
