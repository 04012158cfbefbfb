import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { connect } from '../../client/index.ts';
import { LocalGroup } from '../group/local-group.ts';
import { HistoryWriter } from './history-writer.ts';
import { readHistory } from './read-history.ts';
import { recordedClient } from './recorded-client.ts';

test('a recorded client works as it does, and leaves each request and each run of a transaction in the history', async (t) => {
  const group = await LocalGroup.create(t, { members: 1 });
  const file = path.join(group.folder, 'history.jsonl');
  const history = new HistoryWriter(file);
  const [inner, other] = await Promise.all([connect(group.members[0]!.url), connect(group.members[0]!.url)]);
  const client = recordedClient(inner, history);
  const table = 'test.products';
  await client.createTable({ table, primaryKey: ['id'] });
  await client.put(table, { id: 1, stock: 5 });
  let runs = 0;
  const left = await client.transaction(async (tx) => {
    const row = await tx.get<{ stock: number }>(table, 1);
    // Somebody else is faster, the first time.
    if (++runs === 1) await other.update(table, 1, { stock: 9 });
    await tx.update(table, 1, { stock: row!.stock - 1 });
    return row!.stock - 1;
  });
  assert.equal(left, 8);
  await assert.rejects(client.insert(table, { id: 1 }), { code: 'DUPLICATE_KEY' });
  await assert.rejects(
    client.transaction(async (tx) => {
      await tx.put(table, { id: 2 });
      throw new Error('changed my mind');
    }),
    /changed my mind/,
  );
  assert.equal(await client.count(table), 1);
  assert.deepEqual(client.urls, inner.urls);
  await Promise.all([client.close(), other.close()]);
  history.close();

  const { operations } = await readHistory(file);
  const told = operations.map(({ op, arguments: { tx }, outcome, error }) => {
    return [op, tx ?? '', outcome === 'ok' ? 'ok' : error!.code].join(' ');
  });
  const [first, second, third] = ['transaction-1, run 1', 'transaction-1, run 2', 'transaction-2, run 1'];
  assert.deepEqual(told, [
    'createTable  ok',
    'put  ok',
    `begin ${first} ok`,
    `get ${first} ok`,
    `update ${first} ok`,
    `commit ${first} CERTIFICATION_CONFLICT`,
    `begin ${second} ok`,
    `get ${second} ok`,
    `update ${second} ok`,
    `commit ${second} ok`,
    'insert  DUPLICATE_KEY',
    `begin ${third} ok`,
    `put ${third} ok`,
    'count  ok',
  ]);
  const reads = operations.filter(({ op }) => op === 'get').map(({ result }) => result);
  assert.deepEqual(reads, [
    { id: 1, stock: 5 },
    { id: 1, stock: 9 },
  ]);
  const [update] = operations.filter(({ op }) => op === 'update');
  assert.deepEqual(update!.arguments, { tx: first, table, key: 1, set: { stock: 4 } });
  assert(typeof (operations[9]!.result as { sequenceNumber: unknown }).sequenceNumber === 'number');
  assert.deepEqual(operations.at(-1)!.result, { count: 1 });
});
