import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { completions } from './completion.ts';

const offered = async (line: string) => (await completions(line, async () => ['shop.products', 'shop.orders']))[0];

describe('Tab', () => {
  test('completes statements, tables, clauses, and what else a statement takes', async () => {
    assert.deepEqual(await offered('upd'), ['update ']);
    assert.deepEqual(await offered('C'), ['commit ', 'conflictSummary ', 'conflicts ', 'count ', 'createTable ']);
    assert.deepEqual(await offered('get sh'), ['shop.products ', 'shop.orders ']);
    assert.deepEqual(await offered('get '), ['shop.products ', 'shop.orders ']);
    assert.deepEqual(await offered('scan shop.products li'), ['limit ']);
    assert.deepEqual(await offered('scan shop.products reverse limit 1 re'), []);
    assert.deepEqual(await offered('subscribe ch'), ['changes ']);
    assert.deepEqual(await offered('subscribe changes shop.o'), ['shop.orders ']);
    assert.deepEqual(await offered('conflicts limit 5 table shop.o'), ['shop.orders ']);
    assert.deepEqual(await offered('help trans'), ['transact ']);
    assert.deepEqual(await offered('begin; get shop.p'), ['shop.products ']);
  });

  test('offers nothing within a value, or behind what is no statement', async () => {
    assert.deepEqual(await offered('put shop.products {st'), []);
    assert.deepEqual(await offered('get shop.products "sh'), []);
    assert.deepEqual(await offered('select sh'), []);
  });

  test('tells readline which part of the line it completes', async () => {
    assert.equal((await completions('scan shop.products lim', async () => []))[1], 'lim');
  });
});
