import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConflictRecord } from './replica.ts';
import { accounts, TABLE } from './testing/accounts.ts';
import { GROUP_ID, MEMBER_ID, type TestClient, testWorld } from './testing/solo-replica.ts';

const OTHER = 'bank.other';

function put(client: TestClient, id: number, v: number): void {
  client.do('put', { table: TABLE, row: { id, v } });
}

function numbersOf(client: TestClient): readonly number[] {
  return client.events.map(({ sequenceNumber }) => sequenceNumber);
}

test('a change tells every row of a transaction before and after, and what its commit answered', () => {
  const { client, clock } = accounts([1, 2]);
  const { subscription, sequenceNumber } = client.do('subscribe', { stream: 'changes' });
  assert.deepEqual([typeof subscription, sequenceNumber], ['string', 3]);
  const { gtid, commitTime } = client.do('transact', {
    steps: [
      { op: 'update', table: TABLE, key: 1, set: { v: 7 } },
      { op: 'delete', table: TABLE, key: 2 },
      { op: 'insert', table: TABLE, row: { id: 3, v: 9 } },
      { op: 'insert', table: TABLE, row: { id: 4 } },
      { op: 'delete', table: TABLE, key: 4 },
    ],
  });
  clock.advance(0);
  assert.deepEqual(client.events, [
    {
      event: 'change',
      subscription,
      sequenceNumber: 4,
      gtid,
      commitTime,
      member: MEMBER_ID,
      rows: [
        { table: TABLE, key: 1, before: { id: 1, v: 0 }, after: { id: 1, v: 7 } },
        { table: TABLE, key: 2, before: { id: 2, v: 0 }, after: null },
        { table: TABLE, key: 3, before: null, after: { id: 3, v: 9 } },
      ],
    },
  ]);
});

test('a row written often is told as it was before each time', () => {
  const { client, clock } = accounts([1]);
  const from = 2;
  for (let v = 1; v <= 5; v++) put(client, 1, v);
  client.do('subscribe', { stream: 'changes', from });
  clock.advance(0);
  put(client, 1, 6);
  clock.advance(0);
  client.do('subscribe', { stream: 'changes', from: from + 3 });
  clock.advance(0);
  const seen = client.events.map(({ rows }) => [rows[0].before.v, rows[0].after.v]);
  const all = [1, 2, 3, 4, 5, 6].map((v) => [v - 1, v]);
  assert.deepEqual(seen, [...all, ...all.slice(3)]);
});

test('with a change comes how large its rows are, before and after', () => {
  const { client, clock } = testWorld();
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  client.do('put', { table: TABLE, row: { id: 1, text: 'x'.repeat(1000) } });
  client.do('subscribe', { stream: 'changes' });
  client.do('put', { table: TABLE, row: { id: 1, text: 'x'.repeat(10_000) } });
  clock.advance(0);
  assert(client.eventBytes > 11_000 && client.eventBytes < 12_000, `${client.eventBytes}`);
});

test('of rows told before no more than a few megabytes are remembered for those that come', () => {
  const { client, clock, replica } = testWorld();
  client.do('createTable', { table: TABLE, primaryKey: ['id'] });
  const asked: number[] = [];
  const get = replica.get.bind(replica);
  replica.get = (key, snapshot) => {
    asked.push(snapshot);
    return get(key, snapshot);
  };
  const from = client.do('subscribe', { stream: 'changes' }).sequenceNumber;
  const text = 'x'.repeat(400_000);
  for (let v = 1; v <= 40; v++) {
    client.do('put', { table: TABLE, row: { id: v % 2, v, text } });
    asked.length = 0;
    clock.advance(0);
    if (asked.includes(from + v - 1) && v > 2) break;
  }
  const { rows, sequenceNumber } = client.events.at(-1)!;
  assert.equal(rows[0].before.v, sequenceNumber - from - 2);
  assert(sequenceNumber - from < 20, `remembered over ${sequenceNumber - from} rows`);
});

test('schema changes take their place among the changes', () => {
  const { client, clock } = testWorld();
  client.do('subscribe', { stream: 'changes' });
  client.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  client.do('put', { table: 'a.b', row: { k: 'x' } });
  client.do('truncateTable', { table: 'a.b' });
  client.do('put', { table: 'a.b', row: { k: 'x' } });
  client.do('dropTable', { table: 'a.b' });
  clock.advance(0);
  assert.deepEqual(numbersOf(client), [1, 2, 3, 4, 5]);
  const [created, , truncated, again, dropped] = client.events;
  const { event, change, table, definition, gtid, member } = created!;
  assert.deepEqual(
    { event, change, table, definition, gtid, member },
    {
      event: 'schemaChange',
      change: 'createTable',
      table: 'a.b',
      definition: {
        table: 'a.b',
        tableId: 1,
        schemaVersion: 1,
        primaryKey: ['k'],
        columns: null,
        indexes: [],
        foreignKeys: [],
        referencedBy: [],
      },
      gtid: `${GROUP_ID}:1`,
      member: MEMBER_ID,
    },
  );
  assert.deepEqual([truncated!.change, truncated!.definition.tableId], ['truncateTable', 3]);
  assert.deepEqual(again!.rows, [{ table: 'a.b', key: 'x', before: null, after: { k: 'x' } }]);
  assert.deepEqual([dropped!.change, dropped!.table, dropped!.definition], ['dropTable', 'a.b', null]);
});

test('a stream goes on behind the sequence number asked for, or once that is reached here', () => {
  const { client, clock } = accounts([1, 2, 3]);
  assert.equal(client.do('subscribe', { stream: 'changes', from: 2 }).sequenceNumber, 2);
  clock.advance(0);
  assert.deepEqual(numbersOf(client), [3, 4]);
  client.do('unsubscribe', { subscription: client.events[0]!.subscription });
  client.events.length = 0;
  client.do('subscribe', { stream: 'changes', from: 6 });
  for (let v = 5; v <= 8; v++) put(client, 1, v);
  clock.advance(0);
  assert.deepEqual(numbersOf(client), [7, 8]);
});

test('what is no longer held is refused with the oldest place to go on from', () => {
  const { client, clock, replica } = accounts([1, 2, 3]);
  replica.heldFrom = 2;
  const { code, retry, oldest } = client.fail('subscribe', { stream: 'changes', from: 1 });
  assert.deepEqual([code, retry, oldest], ['HISTORY_PURGED', 'no', 2]);
  client.do('subscribe', { stream: 'changes', from: 2 });
  clock.advance(0);
  assert.deepEqual(numbersOf(client), [3, 4]);
});

test('a stream of one table tells its rows only, and every second how far the others went', () => {
  const { client, clock } = accounts([1]);
  client.do('createTable', { table: OTHER, primaryKey: ['id'] });
  client.do('subscribe', { stream: 'changes', table: TABLE });
  clock.advance(5000);
  assert.equal(client.events.length, 0, 'nothing happened');
  client.do('put', { table: OTHER, row: { id: 1 } });
  const both = [
    { op: 'put', table: OTHER, row: { id: 2 } },
    { op: 'put', table: TABLE, row: { id: 2 } },
  ];
  clock.advance(0);
  assert.deepEqual(
    client.events.map(({ event, upTo }) => [event, upTo]),
    [['progress', 4]],
  );
  client.do('transact', { steps: both });
  client.do('put', { table: OTHER, row: { id: 3 } });
  clock.advance(990);
  assert.deepEqual(
    client.events.slice(1).map(({ rows }) => rows.map((row: { table: string }) => row.table)),
    [[TABLE]],
  );
  clock.advance(20);
  assert.deepEqual([client.events.at(-1)!.event, client.events.at(-1)!.upTo], ['progress', 6]);
  client.do('dropTable', { table: OTHER });
  client.do('truncateTable', { table: TABLE });
  clock.advance(10_000);
  assert.deepEqual(
    client.events.slice(3).map(({ change, sequenceNumber }) => [change, sequenceNumber]),
    [['truncateTable', 8]],
    'progress is told only where nothing else tells it',
  );
});

test('a client without room is sent nothing, and goes on where it was when it has room again', () => {
  const { client, clock } = accounts([1]);
  client.do('subscribe', { stream: 'changes' });
  client.hasRoom = false;
  for (let v = 1; v <= 10; v++) put(client, 1, v);
  clock.advance(60_000);
  assert.deepEqual(client.events, []);
  client.hasRoom = true;
  client.connection.roomAgain();
  clock.advance(0);
  assert.deepEqual(numbersOf(client), [3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
});

test('a client that is too slow for what is held is told its place, and that it has ended', () => {
  const { client, clock, replica, engine } = accounts([1]);
  const { subscription } = client.do('subscribe', { stream: 'changes' });
  put(client, 1, 1);
  clock.advance(0);
  client.hasRoom = false;
  for (let v = 2; v <= 10; v++) put(client, 1, v);
  replica.heldFrom = 9;
  put(client, 1, 11);
  clock.advance(0);
  const ended = { event: 'ended', subscription, sequenceNumber: 3, reason: 'tooSlow', resumeFrom: 3 };
  assert.deepEqual(client.events.slice(1), [ended]);
  assert.deepEqual([engine.openSubscriptions, engine.counters.slowSubscriptionsEnded, replica.watched], [0, 1, false]);
  assert.equal(client.fail('unsubscribe', { subscription }).code, 'NO_SUCH_SUBSCRIPTION');
  client.hasRoom = true;
  put(client, 1, 12);
  clock.advance(0);
  assert.equal(client.events.length, 2);
});

test('much is sent in parts, so that others are served in between, and large rows in smaller parts', () => {
  const { client, clock, connect } = accounts([]);
  client.do('createTable', { table: OTHER, primaryKey: ['id'] });
  const small = 2;
  for (let id = 1; id <= 1000; id++) put(client, id, 0);
  const large = small + 1000;
  for (let id = 1; id <= 5; id++) client.do('put', { table: OTHER, row: { id, text: 'x'.repeat(50_000) } });
  const partsOf = (from: number): readonly number[] => {
    const reader = connect();
    reader.do('subscribe', { stream: 'changes', from });
    const parts: number[] = [];
    for (let turn = 0; turn < 20; turn++) {
      const before = reader.events.length;
      clock.turn();
      if (reader.events.length > before) parts.push(reader.events.length - before);
    }
    return parts;
  };
  assert.deepEqual(partsOf(large), [3, 2]);
  assert.deepEqual(partsOf(small).slice(0, 4), [256, 256, 256, 235]);
});

test('views are told at the start and when they differ, the newest only to a client without room', () => {
  const { client, clock, replica } = testWorld();
  const { subscription } = client.do('subscribe', { stream: 'views' });
  clock.advance(0);
  assert.deepEqual(client.events, [
    { event: 'view', subscription, sequenceNumber: 0, viewId: '1:1', joined: [], left: [], members: replica.members() },
  ]);
  replica.viewChanged();
  clock.advance(0);
  assert.equal(client.events.length, 1, 'the same members');
  client.hasRoom = false;
  for (const state of ['ERROR', 'RECOVERING', 'OFFLINE'] as const) {
    replica.state = state;
    replica.viewChanged();
    clock.advance(0);
  }
  client.hasRoom = true;
  client.connection.roomAgain();
  clock.advance(0);
  assert.deepEqual(
    client.events.slice(1).map(({ members }) => members[0].state),
    ['OFFLINE'],
  );
});

test('each change of the membership is an event of its own, in their order, also to a client that had no room', () => {
  const { client, clock, replica } = testWorld();
  client.do('subscribe', { stream: 'views' });
  clock.advance(0);
  client.hasRoom = false;
  replica.viewInstalled({ joined: ['fourth'], left: [] });
  replica.viewInstalled({ joined: [], left: ['second'] });
  clock.advance(0);
  client.hasRoom = true;
  client.connection.roomAgain();
  clock.advance(0);
  assert.deepEqual(
    client.events.map(({ joined, left }) => ({ joined, left })),
    [
      { joined: [], left: [] },
      { joined: ['fourth'], left: [] },
      { joined: [], left: ['second'] },
    ],
  );
});

test('conflicts are told as they are seen, each once, those of the table asked for', () => {
  const { client, clock, replica } = accounts([1]);
  const conflictOf = (table: string, key: number): ConflictRecord => ({
    ...replica.conflicts(1, null)[0]!,
    table,
    key,
  });
  replica.conflictSeen(conflictOf(TABLE, 1));
  const all = client.do('subscribe', { stream: 'conflicts' }).subscription;
  const some = client.do('subscribe', { stream: 'conflicts', table: OTHER }).subscription;
  for (const [table, key] of [
    [TABLE, 2],
    [OTHER, 3],
  ] as const) {
    replica.conflictSeen(conflictOf(table, key));
  }
  clock.advance(0);
  const told = (subscription: string) =>
    client.events.filter((event) => event.subscription === subscription).map(({ conflict }) => conflict.key);
  assert.deepEqual([told(all), told(some)], [[2, 3], [3]]);
  const { sequenceNumber, conflict } = client.events[0]!;
  assert.deepEqual([sequenceNumber, conflict.table, conflict.phase], [2, TABLE, 'group']);
});

test('a client that is too slow for the conflicts that are kept is told that its stream has ended', () => {
  const { client, clock, replica } = accounts([1]);
  const { subscription } = client.do('subscribe', { stream: 'conflicts' });
  replica.conflictsKeptMax = 2;
  client.hasRoom = false;
  for (let i = 0; i < 3; i++) replica.conflictSeen(replica.conflicts(1, null)[0]!);
  clock.advance(0);
  client.hasRoom = true;
  client.connection.roomAgain();
  clock.advance(0);
  assert.deepEqual(
    client.events.map(({ event, reason, subscription: name }) => [event, reason, name]),
    [['ended', 'tooSlow', subscription]],
  );
});

test('behind the answer to unsubscribe nothing more is sent', () => {
  const { client, clock, replica } = accounts([1]);
  const { subscription } = client.do('subscribe', { stream: 'changes' });
  put(client, 1, 1);
  assert.deepEqual(client.do('unsubscribe', { subscription }), {});
  clock.advance(0);
  assert.deepEqual(client.events, []);
  assert.equal(replica.watched, false);
  const error = client.fail('unsubscribe', { subscription });
  assert.deepEqual([error.code, error.subscription], ['NO_SUCH_SUBSCRIPTION', subscription]);
});

test('subscriptions belong to their connection, and end with it', () => {
  const { client, clock, connect, engine, replica } = accounts([1]);
  const other = connect();
  const { subscription } = client.do('subscribe', { stream: 'changes' });
  assert.equal(other.fail('unsubscribe', { subscription }).code, 'NO_SUCH_SUBSCRIPTION');
  other.do('subscribe', { stream: 'changes' });
  assert.equal(engine.openSubscriptions, 2);
  other.connection.close();
  assert.equal(engine.openSubscriptions, 1);
  put(client, 1, 1);
  clock.advance(0);
  assert.deepEqual([client.events.length, other.events.length], [1, 0]);
  client.connection.close();
  assert.deepEqual([engine.openSubscriptions, replica.watched], [0, false]);
});

test('a shutdown ends every subscription with the place to go on from', () => {
  const { client, clock } = accounts([1]);
  const { subscription } = client.do('subscribe', { stream: 'changes' });
  put(client, 1, 1);
  clock.advance(0);
  client.connection.shutDown();
  const ended = { event: 'ended', subscription, sequenceNumber: 3, reason: 'shuttingDown', resumeFrom: 3 };
  assert.deepEqual(client.events.at(-1), ended);
  assert.equal(client.fail('subscribe', { stream: 'changes' }).code, 'SHUTTING_DOWN');
});

test('changes are told by a member that is ONLINE only, views and conflicts by any', () => {
  const { client, clock, replica } = accounts([1]);
  const { subscription } = client.do('subscribe', { stream: 'changes' });
  replica.state = 'ERROR';
  replica.viewChanged();
  clock.advance(0);
  const ended = { event: 'ended', subscription, sequenceNumber: 2, reason: 'notOnline', resumeFrom: 2 };
  assert.deepEqual(client.events, [ended]);
  assert.equal(client.fail('subscribe', { stream: 'changes' }).code, 'NOT_ONLINE');
  client.do('subscribe', { stream: 'views' });
  client.do('subscribe', { stream: 'conflicts' });
});

test('a connection has so many subscriptions at most', () => {
  const { client } = testWorld({ subscriptionsMax: 2 });
  const { subscription } = client.do('subscribe', { stream: 'views' });
  client.do('subscribe', { stream: 'views' });
  assert.equal(client.fail('subscribe', { stream: 'views' }).code, 'OVERLOADED');
  client.do('unsubscribe', { subscription });
  client.do('subscribe', { stream: 'views' });
});
