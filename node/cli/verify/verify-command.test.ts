import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { Client } from '../../../client/index.ts';
import { LocalGroup, Scope } from '../../../harness/index.ts';
import { connectedGroup } from '../testing/connected-group.ts';
import { type Finished, runCommand } from '../testing/run-command.ts';
import { AlteringProxy } from './testing/altering-proxy.ts';

type Row = Record<string, unknown>;

describe('concert verify', { timeout: 120_000 }, () => {
  const scope = new Scope();
  let group: LocalGroup;
  let client: Client;
  let urls: readonly string[];
  const ROWS = 2_500;
  before(async () => {
    ({ group, client, urls } = await connectedGroup(scope));
    await client.createTable({ table: 'a.numbers', primaryKey: ['part', 'id'] });
    await client.createTable({
      table: 'a.typed',
      primaryKey: ['id'],
      columns: {
        id: { type: 'integer' },
        photo: { type: 'bytes' },
        sum: { type: 'decimal' },
        big: { type: 'integer' },
      },
    });
    for (let from = 0; from < ROWS; from += 500) {
      const steps = Array.from({ length: 500 }, (_, i) => {
        return {
          op: 'put',
          table: 'a.numbers',
          row: { part: `é${(from + i) % 3}`, id: from + i, text: `row ${from + i}` },
        };
      });
      await client.transact(steps);
    }
    await client.put('a.typed', { id: 1, photo: new Uint8Array([1]), sum: '1.5', big: 2n ** 60n });
  });
  after(() => scope.end());

  /** With member 3 behind a proxy that changes what it answers. */
  async function verifyAltered(alter: (result: unknown) => unknown, ...more: string[]): Promise<Finished> {
    const proxy = await AlteringProxy.before(urls[2]!, alter);
    try {
      return await runCommand(['verify', '--url', [...urls.slice(0, 2), proxy.url].join(','), ...more]);
    } finally {
      await proxy.close();
    }
  }

  /** Changes the rows of an answer of `scan`. */
  const rowsChanged = (change: (row: Row) => readonly Row[]) => (result: unknown) => {
    const { rows } = (result ?? {}) as { rows?: readonly Row[] };
    return rows === undefined ? result : { ...(result as object), rows: rows.flatMap(change) };
  };

  test('finds the members of a group by any of them, and says that they hold the same', async () => {
    const { code, output, errors } = await runCommand(['verify', '--url', urls[1]!]);
    assert.equal(code, 0, errors);
    assert.match(output, /^a\.numbers +2500 +0$/m);
    assert.match(output, /^a\.typed +1 +0$/m);
    assert.match(
      output,
      /^equal: 3 members hold the same 2,501 rows in 2 tables at sequence number \d+; digests equal at \d+$/m,
    );
    const alone = await runCommand(['verify', '--url', urls[1]!, '--table', 'a.typed', '--json']);
    const report = JSON.parse(alone.output);
    assert.deepEqual(report.tables, [{ table: 'a.typed', rows: 1, differences: 0 }]);
    assert.equal(report.equal, true);
    assert.deepEqual(
      report.members.map(({ memberId }: Row) => memberId),
      group.members.map((member) => member.memberId),
    );
  });

  test('says the same through a proxy that changes nothing', async () => {
    const { code, errors } = await verifyAltered((result) => result);
    assert.equal(code, 0, errors);
  });

  test('shows the rows that differ, are missing, or are one too many, with what each member holds', async () => {
    const { code, output } = await verifyAltered(
      rowsChanged((row) => {
        if (row.big !== undefined) return [{ ...row, photo: new Uint8Array([2]) }];
        if (row.id === 7) return [{ ...row, text: 'astray' }];
        if (row.id === 1500) return [];
        return row.id === 2001 ? [row, { ...row, id: 2001.5 }] : [row];
      }),
      '--json',
    );
    assert.equal(code, 1);
    const { equal, rowDifferences, tables } = JSON.parse(output);
    assert.equal(equal, false);
    const [first, second, third] = group.members.map((member) => member.memberId);
    const row = (part: string, id: number) => ({ part, id, text: `row ${id}` });
    assert.deepEqual(rowDifferences, [
      {
        table: 'a.numbers',
        key: ['é0', 1500],
        rows: { [first!]: row('é0', 1500), [second!]: row('é0', 1500), [third!]: null },
      },
      {
        table: 'a.numbers',
        key: ['é0', 2001.5],
        rows: { [first!]: null, [second!]: null, [third!]: { part: 'é0', id: 2001.5, text: 'row 2001' } },
      },
      {
        table: 'a.numbers',
        key: ['é1', 7],
        rows: { [first!]: row('é1', 7), [second!]: row('é1', 7), [third!]: { part: 'é1', id: 7, text: 'astray' } },
      },
      {
        table: 'a.typed',
        key: 1,
        rows: Object.fromEntries(
          [first, second, third].map((member) => {
            const photo = { $bytes: member === third ? 'Ag==' : 'AQ==' };
            return [member, { id: 1, photo, sum: '1.5', big: String(2n ** 60n) }];
          }),
        ),
      },
    ]);
    assert.deepEqual(tables, [
      { table: 'a.numbers', rows: ROWS + 1, differences: 3 },
      { table: 'a.typed', rows: 1, differences: 1 },
    ]);
  });

  test('shows the first differences only, and counts the others', async () => {
    const alter = rowsChanged((row) => [{ ...row, text: 'astray' }]);
    const { code, output } = await verifyAltered(alter, '--table', 'a.numbers', '--limit', '2');
    assert.equal(code, 1);
    assert.equal(output.match(/^row \["é0",\d\] of a\.numbers is not the same:$/gm)?.length, 2);
    assert.match(output, /not shown \(see --limit\): 2,498$/m);
    assert.match(output, /^different: /m);
  });

  test('tells a table that is not the same, and digests that are not', async () => {
    const ofTables = await verifyAltered((result) => {
      const isTables = Array.isArray(result) && result.some((one) => one?.tableId !== undefined);
      return isTables ? result.filter(({ table }) => table !== 'a.typed') : result;
    });
    assert.equal(ofTables.code, 1);
    assert.match(ofTables.output, /^table a\.typed is not the same:\n[\s\S]*no such table/m);
    const ofDigests = await verifyAltered((result) => {
      const isStats = Array.isArray(result) && result.some((one) => one?.digest !== undefined);
      return isStats ? result.map((one) => ({ ...one, digest: 'astray' })) : result;
    });
    assert.equal(ofDigests.code, 1);
    assert.match(ofDigests.output, /^the digests at sequence number \d+ are not the same:\n[\s\S]*"astray"/m);
  });

  test('compares at one sequence number while the group is written to through all members', async () => {
    let isOver = false;
    const writers = urls.map(async (url, writer) => {
      const own = client.at(url);
      for (let i = 0; !isOver; i++) await own.put('a.numbers', { part: 'w', id: writer * 100 + (i % 50), i });
    });
    try {
      const { code, output, errors } = await runCommand(['verify', '--url', urls[0]!, '--json']);
      assert.equal(code, 0, errors);
      const report = JSON.parse(output);
      assert.equal(report.sequenceNumbers.length, 1);
      assert.equal(report.tables[0].differences, 0);
    } finally {
      isOver = true;
      await Promise.all(writers);
    }
  });

  test('does not compare, and names who is not there, when a member is down', async () => {
    const proxy = await AlteringProxy.before(urls[2]!, (result) => result);
    await proxy.close();
    const unreachable = await runCommand(['verify', '--url', `${urls[0]},${proxy.url}`]);
    assert.equal(unreachable.code, 2);
    assert.match(
      unreachable.errors,
      new RegExp(`^concert: not compared: the member at ${proxy.url} does not answer`, 'm'),
    );
    await group.members[1]!.process.kill();
    const { code, errors } = await runCommand(['verify', '--url', urls[0]!]);
    assert.equal(code, 2);
    assert.match(errors, new RegExp(`^concert: not compared: the member at ${urls[1]} does not answer`, 'm'));
    await group.restart();
    assert.equal((await runCommand(['verify', '--url', urls[0]!])).code, 0);
  });

  test('does not compare what is not there, or not of one group', async (t) => {
    const none = await runCommand(['verify', '--url', urls[0]!, '--table', 'a.none']);
    assert.deepEqual([none.code, none.errors], [2, 'concert: not compared: there is no table a.none\n']);
    const other = await LocalGroup.create(t, { members: 1 });
    const two = await runCommand(['verify', '--url', `${urls[0]},${other.members[0]!.url}`]);
    assert.equal(two.code, 2);
    assert.match(two.errors, /are of different groups/);
  });
});
