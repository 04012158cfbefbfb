import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { SimulatedHost } from '../../../sim/world/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { Connections } from '../group/connections.ts';
import { GROUP_PROTOCOL_VERSION } from '../group/handshake.ts';
import { GROUP_DEFAULTS } from '../group/options.ts';
import { Roster } from '../group/roster.ts';
import type { GroupDefinition, GroupView, LogEntry } from '../types.ts';
import { foundingView, without } from '../views.ts';
import { type EntriesOutcome, type StateOutcome, type StateSource, TRANSFER_DEFAULTS } from './contract.ts';
import { EntrySource, EntryStream } from './entry-stream.ts';
import { decodeTransferFrame, encodeTransferFrame, type TransferFrame } from './frames.ts';
import { TransferClient } from './transfer-client.ts';
import { TransferServer } from './transfer-server.ts';

const SECONDS = 1_000_000;
const NAMES = ['a', 'b', 'c', 'r'];
const VIEW = foundingView(
  1,
  NAMES.map((name) => ({ memberId: `id-${name}`, groupAddress: `${name}:1`, host: name, port: 1 })),
);
const DEFINITION: GroupDefinition = { groupId: 'g', groupName: 'test', view: VIEW, options: {} };
const OPTIONS = { ...TRANSFER_DEFAULTS, chunkBytes: 100, silenceMs: 2000, retryMs: 100 };

/** Entries as a log would give them. */
function entry(index: number, bytes = 30): LogEntry {
  const payload = new Uint8Array(bytes).fill(index);
  const rest = { kind: 'message', origin: 0, incarnation: 1, stampMs: index, isCompressed: false } as const;
  return { index, term: 1, messageNumber: index, payload, ...rest };
}

function stateOf(bytes: number, fill: number): Uint8Array {
  return new Uint8Array(bytes).map((_, at) => (at + fill) & 0xff);
}

/** A member that has what others lack. */
class Donor {
  readonly host: SimulatedHost;
  readonly ordinal: number;
  view: GroupView = VIEW;
  isLeader = false;
  state: Uint8Array | null = null;
  /** Index of the log. */
  stateEnds = 1000;
  /** `[firstIndex, chosenUpTo]` */
  entries: readonly [number, number] = [1, 0];
  /** Its own directory is not whole. */
  isLending = false;
  pins = 0;
  opened = 0;
  openSources = 0;
  busySigns = 0;
  server: TransferServer | null = null;

  constructor(world: SimulatedWorld, name: string) {
    this.host = world.addHost(name, `${name}:1`);
    this.ordinal = NAMES.indexOf(name);
  }

  start(): this {
    this.host.start((environment) => {
      const { ordinal, host } = this;
      const memberId = `id-${host.name}`;
      const belonging = { definition: DEFINITION, self: ordinal, view: VIEW };
      const roster = new Roster({ belonging, chosen: this.view, groupAddress: host.address });
      const server = new TransferServer({
        clock: environment.clock,
        options: OPTIONS,
        openEntries: ({ from, upTo }) => {
          const [firstIndex, chosenUpTo] = this.entries;
          if (from < firstIndex) return this.isLending ? 'lacking' : 'not-kept';
          if (upTo > chosenUpTo) return this.isLending ? 'lacking' : 'not-ready';
          return this.#counted(new EntrySource({ entries: entriesFrom }, { from, upTo }));
        },
        pinLog: () => {
          this.pins++;
          return { release: () => this.pins-- };
        },
      });
      this.server = server;
      server.serve((atLeast) => {
        const { state } = this;
        if (state === null || this.stateEnds < atLeast) return null;
        let at = 0;
        return this.#counted({
          next: (bytesMax) => {
            if (at === state.length) return null;
            const chunk = state.slice(at, at + bytesMax);
            at += chunk.length;
            return chunk;
          },
          close: () => {},
        });
      });
      const connections = new Connections({
        environment,
        options: GROUP_DEFAULTS,
        memberId,
        transfers: server,
        owner: {
          introduction: () => ({
            protocolVersion: GROUP_PROTOCOL_VERSION,
            messageBytesMax: GROUP_DEFAULTS.messageBytesMax,
            memberId,
            incarnation: 1,
            groupId: 'g',
            ordinal,
            viewNumber: this.view.number,
            isLeader: this.isLeader,
            formation: null,
            groupAddress: host.address,
            host: host.name,
            port: 1,
          }),
          roster,
          isJoining: false,
          isLending: false,
          heard: (_peer, isBusy) => {
            if (isBusy) this.busySigns++;
          },
          received: () => null,
          linkChanged() {},
          noticed() {},
          applied() {},
          askedToRemove() {},
          couldNotRemove() {},
          viewLearnt() {},
          met() {},
          offered() {},
          toldToWait() {},
          turnedAway() {},
        },
      });
      connections.listen();
      const tick = (): void => {
        server.tick();
        environment.clock.schedule(100, tick);
      };
      tick();
    });
    return this;
  }

  #counted(source: StateSource): StateSource {
    this.opened++;
    this.openSources++;
    return {
      next: (bytesMax) => source.next(bytesMax),
      close: () => {
        this.openSources--;
        source.close();
      },
    };
  }
}

function entriesFrom(from: number, upTo: number, bytesMax: number): LogEntry[] {
  const found: LogEntry[] = [];
  let bytes = 0;
  for (let index = from; index <= upTo; index++) {
    const one = entry(index, index % 7 === 0 ? 1000 : 30);
    bytes += one.payload.length;
    if (found.length > 0 && bytes > bytesMax) break;
    found.push(one);
  }
  return found;
}

/** The one that lacks something. */
class Receiver {
  readonly host: SimulatedHost;
  client: TransferClient | null = null;
  donors: string[] = [];
  bytes: number[] = [];
  aborts: string[] = [];
  takesInTurn = 0;
  entries: LogEntry[] = [];
  outcome: StateOutcome | EntriesOutcome | null = null;
  expelled: GroupView | null = null;
  /** The latest of its log. */
  view: GroupView = VIEW;
  /** How long its disk takes for a chunk. */
  takeMs = 0;
  diskFails = false;

  constructor(world: SimulatedWorld, name = 'r') {
    this.host = world.addHost(name, `${name}:1`);
  }

  start(ask: () => void): void {
    this.host.start((environment) => {
      const client = new TransferClient({
        environment,
        memberId: `id-${this.host.name}`,
        incarnation: 1,
        groupAddress: this.host.address,
        host: this.host.name,
        port: 1,
        belonging: { definition: DEFINITION, self: NAMES.indexOf(this.host.name), view: VIEW },
        view: this.view,
        options: OPTIONS,
        messageBytesMax: GROUP_DEFAULTS.messageBytesMax,
        events: {
          expelled: (view) => {
            this.expelled = view;
          },
          refusedPeer: () => {},
        },
      });
      this.client = client;
      client.open();
      ask();
    });
  }

  askState(atLeast = 0): void {
    this.start(() => this.receiveState(atLeast));
  }

  askEntries(from: number, upTo: number): void {
    this.start(() => this.receiveEntries(from, upTo));
  }

  receiveState(atLeast: number): void {
    this.client!.receiveState(
      atLeast,
      (donor) => {
        this.donors.push(donor);
        this.bytes = [];
        return {
          take: (chunk, done) => {
            assert.equal(++this.takesInTurn, 1, 'one chunk at a time');
            const finish = (): void => {
              this.takesInTurn--;
              if (this.diskFails) return done(new Error('no disk'));
              this.bytes.push(...chunk);
              done(null);
            };
            if (this.takeMs === 0) finish();
            else this.host.process!.after(this.takeMs * 1000, finish);
          },
          aborted: (reason) => {
            assert.equal(this.takesInTurn, 0, 'no chunk is taken when the attempt is over');
            this.aborts.push(reason);
          },
        };
      },
      (outcome) => {
        this.outcome = outcome;
      },
    );
  }

  receiveEntries(from: number, upTo: number): void {
    this.client!.receiveEntries(
      { from, upTo },
      (one, done) => {
        this.entries.push(one);
        this.host.process!.after(this.takeMs * 1000, () => done(null));
      },
      (outcome) => {
        this.outcome = outcome;
      },
    );
  }
}

function until(world: SimulatedWorld, condition: () => boolean, seconds = 60): void {
  world.runUntil(world.nowUs + seconds * SECONDS, condition);
  assert.ok(condition(), 'the condition came true in time');
}

function stage(seed: number): { world: SimulatedWorld; donors: Donor[]; receiver: Receiver } {
  const world = new SimulatedWorld(seed);
  const donors = ['a', 'b', 'c'].map((name) => new Donor(world, name));
  return { world, donors, receiver: new Receiver(world) };
}

describe('receiving state', () => {
  test('it comes whole from a member that is not the leader, and nothing stays open', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, donors, receiver } = stage(seed);
      donors[0]!.isLeader = true;
      for (const [i, donor] of donors.entries()) {
        donor.state = stateOf(12_345, i);
        donor.start();
      }
      world.runFor(SECONDS);
      receiver.askState();
      until(world, () => receiver.outcome !== null);
      assert.deepEqual(receiver.outcome, { kind: 'received' });
      assert.notEqual(receiver.donors.at(-1), 'id-a');
      assert.deepEqual(
        new Uint8Array(receiver.bytes),
        stateOf(12_345, NAMES.indexOf(receiver.donors.at(-1)!.slice(3))),
      );
      until(world, () => donors.every((donor) => donor.pins === 0 && donor.openSources === 0));
      // Still there, in case that it has more to do: it is not to be taken for silent.
      const signs = donors.map((donor) => donor.busySigns);
      world.runFor(SECONDS);
      assert.ok(donors.every((donor, i) => donor.busySigns > signs[i]!));
    }
  });

  test('whose state ends too early is passed over, also where only the leader is left', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, donors, receiver } = stage(seed);
      donors[0]!.isLeader = true;
      for (const [i, donor] of donors.entries()) {
        donor.state = stateOf(100, i);
        donor.stateEnds = i === 0 ? 50 : 49;
        donor.start();
      }
      world.runFor(SECONDS);
      receiver.askState(50);
      until(world, () => receiver.outcome !== null);
      assert.deepEqual(receiver.donors, ['id-a']);
    }
  });

  test('whose state ends too early is taken where nobody has another', () => {
    const { world, donors, receiver } = stage(1);
    for (const [i, donor] of donors.entries()) {
      donor.state = stateOf(100, i);
      donor.stateEnds = 49;
      donor.start();
    }
    world.runFor(SECONDS);
    receiver.askState(50);
    until(world, () => receiver.outcome !== null);
    assert.deepEqual(receiver.outcome, { kind: 'received' });
  });

  test('whose connection was just lost is waited for before a state is taken that ends too early', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, donors, receiver } = stage(seed);
      const [leader] = donors;
      leader!.isLeader = true;
      for (const [i, donor] of donors.entries()) {
        donor.state = stateOf(100, i);
        donor.stateEnds = donor === leader ? 50 : 49;
        donor.start();
      }
      receiver.start(() => {});
      until(world, () => donors.every(({ busySigns }) => busySigns > 0));
      leader!.host.process!.turn(() => leader!.server!.stop());
      world.runFor(5_000);
      receiver.host.process!.turn(() => receiver.receiveState(50));
      until(world, () => receiver.outcome !== null);
      assert.deepEqual(receiver.donors, ['id-a']);
    }
  });

  test('who comes while a state is looked for that ends too early is asked for a better one', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, donors, receiver } = stage(seed);
      const [leader, ...followers] = donors;
      leader!.isLeader = true;
      leader!.state = stateOf(100, 0);
      leader!.stateEnds = 50;
      for (const donor of followers) donor.start();
      receiver.askState(50);
      world.runFor(SECONDS);
      leader!.start();
      // They have one only now, so that whoever asked them for any got none.
      until(world, () => leader!.busySigns > 0);
      for (const [i, donor] of followers.entries()) {
        donor.state = stateOf(100, i);
        donor.stateEnds = 49;
      }
      until(world, () => receiver.outcome !== null);
      assert.deepEqual(receiver.donors, ['id-a']);
    }
  });

  test('a state of no bytes is one, too', () => {
    const { world, donors, receiver } = stage(1);
    donors[0]!.state = new Uint8Array();
    for (const donor of donors) donor.start();
    receiver.askState();
    until(world, () => receiver.outcome !== null);
    assert.deepEqual(receiver.bytes, []);
  });

  test('the donor that dies in the middle is followed by another, and what it sent is dropped', () => {
    const { world, donors, receiver } = stage(3);
    for (const [i, donor] of donors.entries()) {
      donor.state = stateOf(50_000, i);
      donor.start();
    }
    receiver.askState();
    until(world, () => receiver.bytes.length > 5_000);
    const victim = donors.find((donor) => `id-${donor.host.name}` === receiver.donors[0])!;
    victim.host.crash('power-lost');
    until(world, () => receiver.outcome !== null);
    assert.equal(receiver.donors.length, 2);
    assert.equal(receiver.aborts.length, 1);
    const [, last] = receiver.donors;
    assert.deepEqual(new Uint8Array(receiver.bytes), stateOf(50_000, NAMES.indexOf(last!.slice(3))));
  });

  test('a donor that stands still is given up after the silence', () => {
    const { world, donors, receiver } = stage(4);
    for (const [i, donor] of donors.entries()) {
      donor.state = stateOf(50_000, i);
      donor.start();
    }
    receiver.askState();
    until(world, () => receiver.bytes.length > 5_000);
    const victim = donors.find((donor) => `id-${donor.host.name}` === receiver.donors[0])!;
    victim.host.process!.pause();
    until(world, () => receiver.outcome !== null, 10);
    assert.equal(receiver.donors.length, 2);
  });

  test('R22: the donor holds no more than the window for a receiver that takes slowly, and serves two at a time', () => {
    const world = new SimulatedWorld(5);
    const donor = new Donor(world, 'a');
    donor.state = stateOf(5_000, 0);
    donor.start();
    const receivers = ['b', 'c', 'r'].map((name) => new Receiver(world, name));
    for (const receiver of receivers) {
      receiver.takeMs = 200;
      receiver.askState();
    }
    let servedMax = 0;
    until(world, () => {
      servedMax = Math.max(servedMax, donor.openSources);
      return receivers.every((receiver) => receiver.outcome !== null);
    });
    assert.equal(servedMax, OPTIONS.servedMax);
    for (const receiver of receivers) assert.deepEqual(new Uint8Array(receiver.bytes), stateOf(5_000, 0));
  });

  test('a receiver that dies or stands still frees its place at the donor', () => {
    for (const how of ['power-lost', 'paused'] as const) {
      const world = new SimulatedWorld(6);
      const donor = new Donor(world, 'a');
      donor.state = stateOf(50_000, 0);
      donor.start();
      const receiver = new Receiver(world);
      receiver.askState();
      until(world, () => receiver.bytes.length > 1000);
      assert.equal(donor.pins, 1);
      if (how === 'paused') receiver.host.process!.pause();
      else receiver.host.crash('power-lost');
      until(world, () => donor.pins === 0 && donor.openSources === 0, 5);
    }
  });

  test("the receiver's own disk error ends it, and the donor is told", () => {
    const { world, donors, receiver } = stage(7);
    donors[1]!.state = stateOf(50_000, 0);
    for (const donor of donors) donor.start();
    receiver.diskFails = true;
    receiver.askState();
    until(world, () => receiver.outcome !== null);
    assert.equal(receiver.outcome!.kind, 'failed');
    until(world, () => donors.every((donor) => donor.pins === 0));
  });

  test('nobody has one to give at first: it is asked until somebody does', () => {
    const { world, donors, receiver } = stage(8);
    for (const donor of donors) donor.start();
    receiver.askState();
    world.runFor(3 * SECONDS);
    assert.equal(receiver.outcome, null);
    donors[2]!.state = stateOf(100, 1);
    until(world, () => receiver.outcome !== null);
  });

  test('under all the faults of a network it comes whole, or not yet', () => {
    for (let seed = 20; seed < 50; seed++) {
      const { world, donors, receiver } = stage(seed);
      for (const [i, donor] of donors.entries()) {
        donor.state = stateOf(9_000, i);
        donor.start();
      }
      Object.assign(world.network.conditions, {
        reordersPerMillion: 1000,
        resetsPerMillion: 20_000,
        halfOpenPercent: 30,
      });
      receiver.askState();
      until(world, () => receiver.outcome !== null, 600);
      const last = receiver.donors.at(-1)!;
      assert.deepEqual(new Uint8Array(receiver.bytes), stateOf(9_000, NAMES.indexOf(last.slice(3))));
    }
  });

  test('a member that is told that its stay is over says so, and asks no more', () => {
    const { world, donors, receiver } = stage(9);
    for (const donor of donors) {
      donor.view = without(VIEW, 3);
      donor.state = stateOf(10, 1);
      donor.start();
    }
    receiver.askState();
    until(world, () => receiver.expelled !== null);
    world.runFor(5 * SECONDS);
    assert.equal(receiver.outcome, null);
  });

  test('so does one that knows that view already: a state that it received before was from behind its stay', () => {
    const { world, donors, receiver } = stage(10);
    for (const donor of donors) {
      donor.view = without(VIEW, 3);
      donor.start();
    }
    receiver.view = without(VIEW, 3);
    receiver.askState();
    until(world, () => receiver.expelled !== null);
  });

  test('R4: whom a view leaves behind that was never chosen is asked all the same', () => {
    const { world, donors, receiver } = stage(11);
    const [first] = donors;
    first!.state = stateOf(500, 1);
    first!.start();
    // This member led, and was about to expel that one.
    receiver.view = without(VIEW, first!.ordinal);
    receiver.askState();
    until(world, () => receiver.outcome !== null);
    assert.deepEqual(receiver.donors, ['id-a']);
  });
});

describe('receiving entries of the log', () => {
  test('they come in order, each once, though donors die on the way', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, donors, receiver } = stage(seed);
      for (const donor of donors) {
        donor.entries = [1, 500];
        donor.start();
      }
      receiver.takeMs = 1;
      receiver.askEntries(10, 400);
      until(world, () => receiver.entries.length > 100);
      const victim = donors.find((donor) => donor.openSources > 0)!;
      victim.host.crash('killed');
      until(world, () => receiver.outcome !== null);
      assert.deepEqual(receiver.outcome, { kind: 'received' });
      assert.deepEqual(receiver.entries, entriesFrom(10, 400, Number.POSITIVE_INFINITY));
      assert.ok(donors.filter((donor) => donor.opened > 0).length === 2);
    }
  });

  test('where one has truncated them another is asked; where all have, the receiver is told', () => {
    const { world, donors, receiver } = stage(2);
    for (const donor of donors) {
      donor.entries = [50, 500];
      donor.start();
    }
    donors[0]!.entries = [10, 500];
    receiver.askEntries(10, 60);
    until(world, () => receiver.outcome !== null);
    assert.equal(receiver.outcome!.kind, 'received');
    const other = stage(3);
    for (const donor of other.donors) {
      donor.entries = [50, 500];
      donor.start();
    }
    other.receiver.askEntries(10, 60);
    until(other.world, () => other.receiver.outcome !== null);
    assert.equal(other.receiver.outcome!.kind, 'not-kept');
  });

  test('who lost them, too, has no say in whether they are kept, and does not keep the others from saying no', () => {
    const { world, donors, receiver } = stage(14);
    const [first, ...lenders] = donors;
    first!.entries = [50, 500];
    for (const lender of lenders) {
      lender.isLending = true;
      lender.entries = [1, 20];
    }
    for (const donor of donors) donor.start();
    receiver.askEntries(30, 31);
    until(world, () => receiver.outcome !== null, 5);
    assert.deepEqual(receiver.outcome, { kind: 'not-kept' });
  });

  test('where only such members answer nothing is given up: one that keeps them may come', () => {
    const { world, donors, receiver } = stage(15);
    const [keeper, ...lenders] = donors;
    for (const lender of lenders) {
      lender.isLending = true;
      lender.entries = [50, 500];
      lender.start();
    }
    receiver.askEntries(30, 31);
    world.runFor(30 * SECONDS);
    assert.equal(receiver.outcome, null);
    keeper!.entries = [1, 500];
    keeper!.start();
    until(world, () => receiver.outcome !== null, 10);
    assert.deepEqual(receiver.outcome, { kind: 'received' });
  });

  test('whose connection was just lost is waited for before it is said that nobody keeps them', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const { world, donors, receiver } = stage(seed);
      for (const donor of donors) {
        donor.entries = [50, 500];
        donor.start();
      }
      donors[0]!.entries = [1, 500];
      receiver.start(() => {});
      until(world, () => donors.every(({ busySigns }) => busySigns > 0));
      donors[0]!.host.process!.turn(() => donors[0]!.server!.stop());
      world.runFor(5_000);
      receiver.host.process!.turn(() => receiver.receiveEntries(30, 31));
      until(world, () => receiver.outcome !== null);
      assert.deepEqual(receiver.outcome, { kind: 'received' });
    }
  });

  test('a member that stands still from before it was dialled on does not keep the others from being asked again', () => {
    const { world, donors, receiver } = stage(16);
    for (const donor of donors) donor.start();
    donors[2]!.host.process!.pause();
    receiver.askEntries(3, 4);
    world.runFor(SECONDS / 2);
    donors[0]!.entries = [1, 10];
    until(world, () => receiver.outcome !== null, 1);
  });

  test('a donor that goes away when all is taken, before that is told, has given all', () => {
    const { world, donors, receiver } = stage(13);
    for (const donor of donors) donor.start();
    donors[0]!.entries = [1, 10];
    receiver.takeMs = 500;
    receiver.askEntries(3, 4);
    until(world, () => receiver.entries.length === 2);
    donors[0]!.host.crash('killed');
    until(world, () => receiver.outcome !== null, 10);
    assert.deepEqual([receiver.outcome, receiver.entries.map(({ index }) => index)], [{ kind: 'received' }, [3, 4]]);
  });

  test('entries that are not chosen yet are not given', () => {
    const { world, donors, receiver } = stage(4);
    for (const donor of donors) {
      donor.entries = [1, 20];
      donor.start();
    }
    receiver.askEntries(10, 21);
    world.runFor(3 * SECONDS);
    assert.equal(receiver.entries.length, 0);
    donors[1]!.entries = [1, 21];
    until(world, () => receiver.outcome !== null);
  });

  test('any cut of the stream gives the same entries', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (cuts) => {
        const source = new EntrySource({ entries: entriesFrom }, { from: 3, upTo: 40 });
        const stream = new EntryStream(3);
        const found: LogEntry[] = [];
        for (let i = 0; ; i++) {
          const chunk = source.next(cuts[i % cuts.length]!);
          if (chunk === null) break;
          found.push(...stream.take(chunk)!);
        }
        assert.ok(stream.isAtBoundary);
        assert.deepEqual(found, entriesFrom(3, 40, Number.POSITIVE_INFINITY));
      }),
    );
  });

  test('foreign bytes are no entries, and never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        new EntryStream(1).take(bytes);
      }),
    );
  });
});

describe('the frames of a transfer', () => {
  const frames: TransferFrame[] = [
    { kind: 'ask-state', request: 1, atLeast: 300 },
    { kind: 'ask-entries', request: 2, from: 3, upTo: 4 },
    { kind: 'acknowledge', request: 2, number: 7 },
    { kind: 'cancel', request: 2 },
    { kind: 'chunk', request: 2, number: 1, bytes: new Uint8Array([1, 2, 3]) },
    { kind: 'end', request: 2, chunks: 9 },
    { kind: 'unavailable', request: 2, why: 'not-kept' },
    { kind: 'unavailable', request: 3, why: 'lacking' },
  ];

  test('come back as they were sent', () => {
    for (const frame of frames) assert.deepEqual(decodeTransferFrame(encodeTransferFrame(frame)), frame);
  });

  test('never throw when they are foreign, and a chunk with any bit changed is found', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        decodeTransferFrame(bytes);
      }),
    );
    const chunk = encodeTransferFrame(frames[4]!);
    for (let bit = 0; bit < chunk.length * 8; bit++) {
      const changed = chunk.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      const decoded = decodeTransferFrame(changed);
      if (decoded.kind === 'chunk') assert.deepEqual(decoded.bytes, new Uint8Array([1, 2, 3]));
    }
  });
});
