import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NO_QUORUM, type Request, type ScriptedMember } from './testing/scripted-member.ts';
import { SimulatedWorld } from './testing/simulated-world.ts';
import type {
  ChangeEvent,
  Client,
  ProgressEvent,
  SchemaChangeEvent,
  Subscription,
  VariableChangeEvent,
} from './types.ts';

const change = (sequenceNumber: number, rows = 1) => ({
  event: 'change',
  sequenceNumber,
  gtid: `g:${sequenceNumber}`,
  commitTime: '',
  member: 'a',
  rows: Array.from({ length: rows }, (_, key) => ({ table: 't.t', key, before: null, after: { id: key } })),
});

/** Subscriptions of a member: it pushes what its log holds behind `from`, and goes on with what is added. */
class Publisher {
  readonly member: ScriptedMember;
  readonly log: object[] = [];
  readonly asked: (number | string | undefined)[] = [];
  /** What a time is. */
  readonly times = new Map<string, number>();
  /** The open one. */
  subscription: string | null = null;

  constructor(member: ScriptedMember) {
    this.member = member;
    member.on('subscribe', (request, link) => {
      const asked = request.from as number | string | undefined;
      this.asked.push(asked);
      this.subscription = `s${request.id}`;
      const from = (typeof asked === 'string' ? this.times.get(asked) : asked) ?? this.last;
      link.push({ id: request.id, ok: true, result: { subscription: this.subscription, sequenceNumber: from } });
      const missed = this.log.filter((event) => (event as { sequenceNumber: number }).sequenceNumber > from);
      if (missed.length > 0) link.push(...missed.map((event) => this.#addressed(event)));
      return 'hold';
    });
    member.on('unsubscribe', (request) => {
      if (request.subscription === this.subscription) this.subscription = null;
      return { result: {} };
    });
  }

  get last(): number {
    return (this.log.at(-1) as { sequenceNumber: number } | undefined)?.sequenceNumber ?? 0;
  }

  add(...events: object[]): void {
    this.log.push(...events);
    this.push(...events);
  }

  push(...events: object[]): void {
    if (this.subscription === null || this.member.links.length === 0) return;
    this.member.link.push(...events.map((event) => this.#addressed(event)));
  }

  #addressed(event: object): object {
    return { ...event, subscription: this.subscription };
  }
}

function reader<E>(subscription: Subscription<E>) {
  const events: E[] = [];
  let error: unknown;
  const done = (async () => {
    try {
      for await (const event of subscription) events.push(event);
    } catch (thrown) {
      error = thrown;
    }
  })();
  return {
    events,
    done,
    get error() {
      return error;
    },
    get numbers() {
      return events.map((event) => (event as { sequenceNumber: number }).sequenceNumber);
    },
  };
}

async function group(options = {}) {
  const world = new SimulatedWorld();
  const a = new Publisher(world.member('a'));
  const b = new Publisher(world.member('b'));
  const client = await world.connect([a.member, b.member], { prefer: 'first', ...options });
  return { world, a, b, client };
}

describe('a subscription to changes', () => {
  test('gives each transaction once, in order, from where it was told to start', async () => {
    const { world, a, client } = await group();
    a.add(change(1), change(2), change(3));
    const subscription = client.subscribe('changes', { from: 1, table: 't.t' });
    const read = reader(subscription);
    await world.settle();
    a.add(change(4));
    await world.settle();
    assert.deepEqual(read.numbers, [2, 3, 4]);
    assert.equal(subscription.position, 4);
    assert.equal('subscription' in read.events[0]!, false);
    assert.deepEqual(
      a.member.requestsOf('subscribe').map(({ stream, table, from }: Request) => [stream, table, from]),
      [['changes', 't.t', 1]],
    );
  });

  test('goes on at another member when its connection is lost: none twice, none missing', async () => {
    const { world, a, b, client } = await group();
    const read = reader(client.subscribe('changes', { from: 0 }));
    await world.settle();
    a.add(change(1), change(2));
    await world.settle();
    a.member.kill();
    b.add(change(1), change(2), change(3));
    await world.advance(1_000);
    b.add(change(4));
    await world.settle();
    assert.deepEqual(read.numbers, [1, 2, 3, 4]);
    assert.deepEqual(b.asked, [2]);
  });

  test('begins at a time, and goes on from the sequence number that it was, or from the time where nobody told', async () => {
    const { world, a, b, client } = await group();
    const time = '2026-11-20T09:00:00Z';
    for (const member of [a, b]) {
      member.times.set(time, 1);
      member.add(change(1), change(2));
    }
    const read = reader(client.subscribe('changes', { from: time }));
    await world.settle();
    a.member.kill();
    await world.advance(1_000);
    b.add(change(3));
    await world.settle();
    assert.deepEqual(read.numbers, [2, 3]);
    assert.deepEqual([a.asked, b.asked], [[time], [2]]);
    b.member.on('subscribe', () => ({ error: { code: 'TIMEOUT', retry: 'transaction', waitedFor: 'from', ms: 5 } }));
    const second = client.subscribe('changes', { from: time });
    await world.advance(10);
    assert.equal(second.position, 0);
    assert.ok(b.member.requestsOf('subscribe').filter(({ from }: Request) => from === time).length >= 1);
    second.close();
  });

  test('resumes from its start where it has been given nothing yet: the start that the member told', async () => {
    const { world, a, b, client } = await group();
    a.add(change(1), change(2));
    const subscription = client.subscribe('changes');
    const read = reader(subscription);
    await world.settle();
    assert.equal(subscription.position, 2);
    a.member.kill();
    b.add(change(1), change(2), change(3));
    await world.advance(1_000);
    assert.deepEqual(b.asked, [2]);
    assert.deepEqual(read.numbers, [3]);
  });

  test('drops what a member sends twice', async () => {
    const { world, a, client } = await group();
    const read = reader(client.subscribe('changes', { from: 0 }));
    await world.settle();
    a.push(change(1), change(2), change(1), change(2), change(3));
    await world.settle();
    assert.deepEqual(read.numbers, [1, 2, 3]);
  });

  test('moves its position with progress, and resumes from there', async () => {
    const { world, a, b, client } = await group();
    const subscription = client.subscribe('changes', { from: 0, table: 't.t' });
    const read = reader(subscription);
    await world.settle();
    a.push(change(1), { event: 'progress', upTo: 50 });
    await world.settle();
    assert.equal(subscription.position, 50);
    assert.deepEqual(read.numbers, [1]);
    a.member.kill();
    await world.advance(1_000);
    assert.deepEqual(b.asked, [50]);
  });

  test('has a position that tells what the reader was given, not what was received', async () => {
    const { world, a, client } = await group();
    const subscription = client.subscribe('changes', { from: 0 });
    await world.settle();
    a.push(change(1), change(2), { event: 'progress', upTo: 9 });
    await world.settle();
    assert.equal(subscription.position, 0);
    const iterator = subscription[Symbol.asyncIterator]();
    await iterator.next();
    assert.equal(subscription.position, 1);
    await iterator.next();
    assert.equal(subscription.position, 9);
  });

  test('tells progress to a reader who asks for it, only the last where several wait', async () => {
    const { world, a, client } = await group();
    const subscription: Subscription<ChangeEvent | SchemaChangeEvent | VariableChangeEvent | ProgressEvent> =
      client.subscribe('changes', {
        from: 0,
        progress: true,
      });
    await world.settle();
    a.push(change(1), { event: 'progress', upTo: 5 }, { event: 'progress', upTo: 7 }, change(8));
    await world.settle();
    const read = reader(subscription);
    await world.settle();
    assert.deepEqual(
      read.events.map((event) => (event.event === 'progress' ? `up to ${event.upTo}` : event.sequenceNumber)),
      [1, 'up to 7', 8],
    );
  });

  test('that the member ended resumes from where that says, at another member if there is one', async () => {
    const { world, a, b, client } = await group();
    const read = reader(client.subscribe('changes', { from: 0 }));
    await world.settle();
    a.add(change(1));
    a.push({ event: 'ended', reason: 'notOnline', sequenceNumber: 3, resumeFrom: 3 });
    await world.settle();
    assert.deepEqual(b.asked, [3]);
    b.add(change(4));
    await world.settle();
    assert.deepEqual(read.numbers, [1, 4]);
    b.push({ event: 'ended', reason: 'shuttingDown', sequenceNumber: 4, resumeFrom: 4 });
    b.member.kill();
    await world.advance(1_000);
    assert.deepEqual(a.asked, [0, 4]);
  });

  test('gives schema changes in their place', async () => {
    const { world, a, client } = await group();
    const read = reader(client.subscribe('changes', { from: 0 }));
    await world.settle();
    const created = { event: 'schemaChange', sequenceNumber: 2, change: 'createTable', table: 't.t', definition: {} };
    a.push(change(1), created, created, change(3));
    await world.settle();
    assert.deepEqual(
      read.events.map((event) => [event.event, event.sequenceNumber]),
      [
        ['change', 1],
        ['schemaChange', 2],
        ['change', 3],
      ],
    );
  });

  test('ends with HISTORY_PURGED where what it needs is gone, after what was received', async () => {
    const { world, a, b, client } = await group();
    const read = reader(client.subscribe('changes', { from: 0 }));
    await world.settle();
    a.push(change(1));
    await world.settle();
    for (const { member } of [a, b]) {
      member.on('subscribe', () => ({ error: { code: 'HISTORY_PURGED', retry: 'no', oldest: 90 } }));
    }
    a.push({ event: 'ended', reason: 'slow', resumeFrom: 1 });
    await world.advance(1_000);
    assert.deepEqual(read.numbers, [1]);
    assert.equal((read.error as { code: string }).code, 'HISTORY_PURGED');
    assert.deepEqual((read.error as { facts: object }).facts, { oldest: 90 });
  });

  test('is asked of another member where one cannot serve, and again and again while none can', async () => {
    const { world, a, b, client } = await group();
    for (const { member } of [a, b]) member.on('subscribe', () => NO_QUORUM);
    const read = reader(client.subscribe('changes', { from: 0 }));
    await world.advance(20_000);
    assert(a.member.requestsOf('subscribe').length + b.member.requestsOf('subscribe').length >= 4);
    const publisher = new Publisher(b.member);
    new Publisher(a.member).add(change(1));
    publisher.add(change(1));
    await world.advance(10_000);
    assert.deepEqual(read.numbers, [1]);
  });

  test('of a reader that is too slow unsubscribes, holds no more than its bound, and resumes when half is read', async () => {
    const { world, a, client } = await group({ eventsMax: 10 });
    const subscription = client.subscribe('changes', { from: 0 });
    await world.settle();
    for (let number = 1; number <= 30; number++) {
      a.add(change(number, 2));
      await world.settle();
    }
    // Two rows each: five transactions fill the bound.
    assert.equal(a.subscription, null);
    assert.equal(a.member.requestsOf('unsubscribe').length, 1);
    const numbers: number[] = [];
    const iterator = subscription[Symbol.asyncIterator]();
    for (let i = 0; i < 2; i++) numbers.push((await iterator.next()).value!.sequenceNumber);
    await world.settle();
    assert.deepEqual(a.asked, [0], 'more than half is held still');
    for (let i = 0; i < 28; i++) {
      numbers.push((await world.until(iterator.next())).value!.sequenceNumber);
      await world.settle();
    }
    assert.deepEqual(
      numbers,
      Array.from({ length: 30 }, (_, at) => at + 1),
    );
    assert.equal(a.asked[1], 5);
    assert(a.asked.length > 3);
  });

  test('ends when its reader leaves, and the member is told', async () => {
    const { world, a, client } = await group();
    const subscription = client.subscribe('changes', { from: 0 });
    await world.settle();
    a.push(change(1), change(2), change(3));
    await world.settle();
    for await (const event of subscription) if (event.sequenceNumber === 2) break;
    await world.settle();
    assert.equal(subscription.position, 2);
    assert.equal(a.member.requestsOf('unsubscribe').length, 1);
    assert.deepEqual(await subscription[Symbol.asyncIterator]().next(), { done: true, value: undefined });
    a.push(change(4));
    await world.advance(60_000);
    assert.equal(a.asked.length, 1);
  });

  test('ends with its client, and a reader that waits is let go', async () => {
    const { world, client } = await group();
    const read = reader(client.subscribe('changes'));
    await world.settle();
    await world.until(client.close());
    await world.until(read.done);
    assert.equal(read.error, undefined);
  });
});

describe('a subscription to views', () => {
  test('tells a view again after a lost connection only if it differs', async () => {
    const { world, a, b, client } = await group();
    const view = (viewId: string) => ({ event: 'view', sequenceNumber: 0, viewId, members: [{ memberId: 'a' }] });
    const read = reader(client.subscribe('views'));
    await world.settle();
    a.push(view('v1'), view('v2'));
    await world.settle();
    a.member.kill();
    await world.advance(1_000);
    b.push(view('v2'));
    b.push(view('v3'));
    await world.settle();
    assert.deepEqual(
      read.events.map(({ viewId }) => viewId),
      ['v1', 'v2', 'v3'],
    );
    assert.deepEqual(b.asked, [undefined]);
  });
});

describe('a subscription to conflicts', () => {
  test('gives them as they come, and survives its connection', async () => {
    const { world, a, b, client }: { world: SimulatedWorld; a: Publisher; b: Publisher; client: Client } =
      await group();
    const conflict = (key: number) => ({ event: 'conflict', sequenceNumber: key, conflict: { key } });
    const read = reader(client.subscribe('conflicts', { table: 't.t' }));
    await world.settle();
    a.push(conflict(1));
    await world.settle();
    a.member.kill();
    await world.advance(1_000);
    b.push(conflict(2));
    await world.settle();
    assert.deepEqual(
      read.events.map((event) => event.conflict.key),
      [1, 2],
    );
    assert.deepEqual(
      b.member.requestsOf('subscribe').map(({ stream, table }) => [stream, table]),
      [['conflicts', 't.t']],
    );
  });
});
