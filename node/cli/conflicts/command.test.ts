import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client } from '../../../client/index.ts';
import { type LocalGroup, Scope, waitUntil } from '../../../harness/index.ts';
import { type ConnectedGroup, connectedGroup } from '../testing/connected-group.ts';
import { RunningCommand, runCommand, succeeded } from '../testing/run-command.ts';

describe('concert conflicts', { timeout: 120_000 }, () => {
  const scope = new Scope();
  after(() => scope.end());
  let group: LocalGroup;
  let client: Client;
  let url: string;
  let address: ConnectedGroup['address'];
  before(async () => {
    ({ group, client, url, address } = await connectedGroup(scope));
    for (const table of ['shop.products', 'shop.orders']) await client.createTable({ table, primaryKey: ['id'] });
  });

  const conflicts = async (...more: string[]) =>
    succeeded(await runCommand(['conflicts', '--url', url, ...more])).output;
  /** A transaction of the one member that the other's has come before. Its member refuses it itself: no other knows. */
  const loses = async (loser: number, winner: number, table: string, id: number) => {
    const at = client.at(group.members[loser]!.url);
    await at.request('begin', { tx: 'late' });
    await at.request('put', { tx: 'late', table, row: { id, from: 'late' } });
    const won = await client.at(group.members[winner]!.url).put(table, { id, from: 'early' });
    // Seen there, so that it is known before the commit.
    await at.get(table, id, { atLeast: won.sequenceNumber! });
    await assert.rejects(at.request('commit', { tx: 'late' }), { code: 'CERTIFICATION_CONFLICT' });
    return won;
  };

  test('says so where there are none', async () => {
    assert.equal(await conflicts(), 'no conflicts\n');
    assert.equal(await conflicts('--top'), 'no conflicts\n');
    assert.deepEqual(JSON.parse(await conflicts('--json')), { conflicts: [] });
    const counts = { since: null, conflicts: 0, hotRows: [], pairs: [], causes: [], distances: [] };
    assert.deepEqual(JSON.parse(await conflicts('--top', '--json')), counts);
  });

  test('shows the last ones of all members, newest first: row, loser, winner', async () => {
    await loses(0, 1, 'shop.products', 5);
    const { gtid } = await loses(2, 1, 'shop.orders', 7);
    const lines = (await conflicts()).trimEnd().split('\n');
    assert.match(lines[0]!, /^ time +│ table +│ key │ reason +│ lost at +│ winner +│ late$/);
    const cells = lines.slice(2).map((line) => line.split('│').map((cell) => cell.trim()));
    assert.deepEqual(
      cells.map(([, ...rest]) => rest),
      [
        ['shop.orders', '7', 'conflict', address(2), address(1), '1'],
        ['shop.products', '5', 'conflict', address(0), address(1), '1'],
      ],
    );
    assert.equal((await conflicts('--last', '1')).trimEnd().split('\n').length, 3);
    const { conflicts: ofTable } = JSON.parse(await conflicts('--table', 'shop.products', '--json'));
    assert.equal(ofTable.length, 1);
    assert.equal(ofTable[0].key, 5);
    const { conflicts: last } = JSON.parse(await conflicts('--last', '1', '--json'));
    assert.deepEqual([last[0].winner.gtid, last[0].phase], [gtid, 'local']);
  });

  test('counts hot rows, and who lost to whom, with --top', async () => {
    await loses(0, 1, 'shop.products', 5);
    await loses(2, 0, 'shop.products', 6);
    const output = await conflicts('--top', '2');
    assert.match(output, /^4 conflicts since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+\n/);
    assert.match(
      output,
      /\n table +│ key │ conflicts │ last\n.*\n shop\.products │ +5 │ +2 │ \d{4}-.*\n.*│ +1 │.*\n\n/,
    );
    assert.match(output, new RegExp(`\\n ${address(0)} │ ${address(1)} │ +2\\n`));
    const { hotRows, pairs } = JSON.parse(await conflicts('--top', '--json'));
    assert.equal(hotRows.length, 3);
    assert.deepEqual(
      pairs.map(({ conflicts }: { conflicts: number }) => conflicts),
      [2, 1, 1],
    );
  });

  test('goes on with --watch until it is interrupted', async () => {
    const watching = new RunningCommand(['conflicts', '--url', url, '--watch', '--last', '1']);
    const counting = new RunningCommand(['conflicts', '--url', url, '--watch', '--top', '1', '--json']);
    const lines = () => watching.output.trimEnd().split('\n');
    await waitUntil('what is known is shown', 10_000, () => watching.output !== '' && counting.output !== '');
    assert.equal(lines().length, 3);
    await loses(1, 2, 'shop.orders', 8);
    await waitUntil('the new one is shown', 10_000, () => watching.output.includes(`│   8 │`));
    assert.match(lines().at(-1)!, new RegExp(`shop\\.orders +│ +8 │ conflict │ ${address(1)} +│ ${address(2)}`));
    await waitUntil('it is counted', 10_000, () => /"conflicts":5,.*\n$/.test(counting.output));
    await group.members[2]!.process.kill();
    await waitUntil('the lost member is named', 20_000, () =>
      watching.errors.includes(`${address(2)} does not answer`),
    );
    for (const command of [watching, counting]) {
      command.child.kill('SIGINT');
      assert.equal((await command.finished).code, 0);
    }
    const { code, output, errors } = await runCommand(['conflicts', '--url', url]);
    assert.equal(code, 0);
    assert.match(errors, /does not answer \(.*ECONNREFUSED.*\): conflicts that only it knows are missing\n$/);
    assert.match(output, /shop\.orders +│ +8 │/);
    await group.restart();
  });

  test('of a table that does not exist says so, unless a conflict was about it when it did', async () => {
    for (const more of [[], ['--top'], ['--json'], ['--watch']]) {
      const { code, errors, output } = await runCommand(['conflicts', '--url', url, '--table', 'shop.nope', ...more]);
      assert.equal(code, 1);
      assert.match(errors, /^concert: there is no table shop\.nope, .*schema\.table\n$/);
      assert.equal(output, '');
    }
    await client.createTable({ table: 'shop.past', primaryKey: ['id'] });
    assert.equal(await conflicts('--table', 'shop.past'), 'no conflicts\n');
    await loses(0, 1, 'shop.past', 1);
    await client.dropTable('shop.past');
    assert.match(await conflicts('--table', 'shop.past'), /shop\.past/);
  });

  test('refuses --top beside --last, naming both', async () => {
    const { code, errors } = await runCommand(['conflicts', '--url', url, '--top', '--last', '3']);
    assert.equal(code, 2);
    assert.match(errors, /^concert: --top .*--last .*\n$/);
  });

  test('fails in one line where nobody answers', async () => {
    const { code, errors } = await runCommand(['conflicts', '--url', 'ws://127.0.0.1:9/v1']);
    assert.equal(code, 1);
    assert.match(errors, /^concert: no member answers at ws:.*connection refused.*\n$/);
  });
});
