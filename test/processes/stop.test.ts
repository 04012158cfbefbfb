import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LocalGroup, verifyEverywhere, Workload, within } from '../../harness/index.ts';

describe('a clean stop (SIGTERM)', () => {
  test('under load answers each request or closes with 1001, ends with code 0, and the restart finds everything', async (t) => {
    const group = await LocalGroup.create(t);
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    const stopping = await group.leader();
    const client = await stopping.client();
    await client.result('begin', { tx: 'open' });
    await client.result('put', { tx: 'open', table: 'test.counters', row: { id: 'open', count: 1 } });
    const inFlight = Array.from({ length: 200 }, (_, i) => {
      return client.ask('put', { table: 'test.requests', row: { id: i } });
    });
    // Pipelined behind them on one connection: those that come too late are answered all the same.
    const ended = stopping.process.stop();
    const answers = await within('each request is answered', 10_000, Promise.all(inFlight));
    assert.equal(await within('the connection is closed', 10_000, client.closed), 1001);
    assert.deepEqual(await ended, { code: 0, signal: null });
    assert.equal(stopping.process.errors, '');
    assert(stopping.process.events.some((event) => event.event === 'stopped'));
    for (const answer of answers) {
      if (answer.kind === 'error') assert(['NO_SUCH_TABLE', 'SHUTTING_DOWN'].includes(answer.error.code));
      // What the member had not read when it closed; the close says why.
      else assert.deepEqual(answer, { kind: 'lost', code: 1001 });
    }
    await workload.commits(group.others(stopping), 20);
    await group.restart();
    await workload.commits(group.members, 20);
    await workload.stop();
    await verifyEverywhere(group, workload);
    for (const { fate, why } of workload.entries) {
      // What was sent while the close was on its way to the writer.
      if (fate === 'unknown') assert(why === 1001 || why === null, `a writer was told nothing, but ${why}`);
    }
    const reader = await stopping.client();
    assert.equal((await reader.ask('get', { table: 'test.counters', key: 'open' })).kind, 'result');
    reader.close();
  });

  test('of all members at once under load ends each with code 0, and all is there at the next start', async (t) => {
    const group = await LocalGroup.create(t);
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    const ends = await Promise.all(group.members.map((member) => member.process.stop()));
    for (const end of ends) assert.deepEqual(end, { code: 0, signal: null });
    await workload.stop();
    await group.restart();
    await verifyEverywhere(group, workload);
  });
});
