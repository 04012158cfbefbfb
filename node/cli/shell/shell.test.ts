import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Client } from '../../../client/index.ts';
import { type LocalGroup, Scope, waitUntil } from '../../../harness/index.ts';
import { type ConnectedGroup, connectedGroup } from '../testing/connected-group.ts';
import { RunningCommand, runCommand, succeeded } from '../testing/run-command.ts';
import { Terminal, whyNoTerminal } from '../testing/terminal.ts';

const main = path.join(import.meta.dirname, '..', 'main.ts');

describe('concert shell', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-shell-'));
  const environment = { XDG_STATE_HOME: folder };
  after(() => rmSync(folder, { recursive: true, force: true }));
  const scope = new Scope();
  after(() => scope.end());
  let group: LocalGroup;
  let client: Client;
  let url: string;
  /** Of the member that a shell starts at, as its prompt shows it. */
  let address: ConnectedGroup['address'];
  before(async () => {
    ({ group, client, url, address } = await connectedGroup(scope));
    await client.createTable({ table: 'shop.products', primaryKey: ['id'] });
  });

  const run = (input: string, ...more: string[]) => runCommand(['shell', '--url', url, ...more], environment, input);

  describe('from a pipe', () => {
    test('goes back to savepoints, and locks rows', async () => {
      const { output } = succeeded(
        await run(`createTable shop.saved ["id"]
put shop.saved {id: 1, n: 0}
begin onError continue
get shop.saved 1 forUpdate
savepoint before
update shop.saved 1 {n: 1}
rollbackTo before
get shop.saved 1
rollback
dropTable shop.saved
`),
      );
      const done = output.replaceAll(/committed as \d+/g, 'committed as N').split('\n');
      assert.deepEqual(
        done.filter((line) => /savepoint|open|rolled|committed/.test(line)),
        [
          'committed as N',
          'transaction open',
          'savepoint set',
          '1 row matched, in the open transaction',
          'rolled back to the savepoint',
          'rolled back',
        ],
      );
    });

    test('increments, and says what that came to', async () => {
      const { output } = succeeded(
        await run(`createTable shop.counted ["id"]
put shop.counted {id: 1, n: 5}
increment shop.counted 1 n -2 min 0
begin
increment shop.counted 1 n 10 max 100
commit
dropTable shop.counted
`),
      );
      assert.equal(
        output.replaceAll(/committed as \d+/g, 'committed as N'),
        `done
committed as N
committed as N, shop.counted 1 n is 3
transaction open
in the open transaction
committed as N, shop.counted 1 n is 13
done
`,
      );
    });

    test('runs statements one after the other and shows rows as tables', async () => {
      const { output } = succeeded(
        await run(`# a shop
createTable shop.first ["id"] {id: {type: 'integer'}, name: {type: 'text'}}
insert shop.first {id: 1, name: 'violin'}; put shop.first {
  id: 9007199254740993,
  name: 'ヴィオラ',
}
begin
update shop.first 1 {name: "fiddle"}
get shop.first 1
commit
scan shop.first
count shop.first where {name: 'fiddle'}
delete shop.first 5
describe shop.first
getMany shop.first [7, 1]
dropTable shop.first
`),
      );
      assert.equal(
        output.replaceAll(/committed as \d+/g, 'committed as N'),
        `done
committed as N
committed as N
transaction open
1 row matched, in the open transaction
 id │ name
────┼───────
  1 │ fiddle
1 row
committed as N
 id               │ name
──────────────────┼─────────
                1 │ fiddle
 9007199254740993 │ ヴィオラ
2 rows
1
0 rows matched, nothing was written
shop.first
 column │ type    │ key │ nullable │ default
────────┼─────────┼─────┼──────────┼────────
 id     │ integer │   1 │ false    │
 name   │ text    │     │ false    │
2 columns
 id │ name
────┼───────
    │
  1 │ fiddle
2 rows
done
`,
      );
    });

    test('shows the group: its members and their figures', async () => {
      const { output } = succeeded(await run('members; stats; use; ping; tables; conflictSummary'));
      for (const { memberId, port } of group.members) {
        assert.match(output, new RegExp(`127\\.0\\.0\\.1:${port} │ ONLINE │ PRIMARY .*${memberId}`));
      }
      assert.match(output, /^ figure .*127\.0\.0\.1:\d+/m);
      assert.match(output, /^ commitLatencyMs\.p99 /m);
      assert.match(output, / shop\.products │ id +│ free-form/);
      assert.match(output, /^who lost to whom\n0 pairs$/m);
    });

    test('prints one JSON line a result with --json, errors too', async () => {
      const statements =
        'put shop.products {id: 1, photo: {$bytes: "AQID"}}; get shop.products 1; get shop.products 99; scan shop.products; get shop.nothing 1; ping';
      const { code, output, errors } = await run('', '--json', '--execute', statements);
      assert.equal(code, 1);
      const [put, got, missing, scanned, failed, ...more] = output
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
      assert.match(put.gtid, /:\d+$/);
      assert.deepEqual(got, { id: 1, photo: { $bytes: 'AQID' } });
      assert.equal(missing, null);
      assert.deepEqual(scanned, { rows: [got] });
      assert.equal(failed.error.code, 'NO_SUCH_TABLE');
      assert.deepEqual(more, [], 'nothing is run behind what failed');
      assert.equal(errors, 'concert: line 1: NO_SUCH_TABLE: There is no table "shop.nothing"\n');
    });

    test('ends with code 1 at what cannot be read, and names the line and what is wrong', async () => {
      const { code, output, errors } = await run('ping\n\nput shop.products {id: violin}\nping\n');
      assert.equal(code, 1);
      assert.equal(output.trimEnd().split('\n').length, 1);
      assert.equal(errors, 'concert: line 3: unexpected violin; texts are written in quotes\n');
      const exited = await run('begin; exit; ping');
      assert.match(exited.errors, /the input ends within a transaction/);
      const unfinished = await run('ping\nput shop.products {id: 1,\n');
      assert.equal(unfinished.code, 1);
      assert.match(unfinished.errors, /^concert: line 2: the input ends within a statement: \{ is not closed\n$/);
    });

    test('rolls back what the input leaves open, and says so by its exit code', async () => {
      const { code, errors } = await run('begin; put shop.products {id: 77}\n');
      assert.equal(code, 1);
      assert.match(errors, /the input ends within a transaction; it is rolled back/);
      assert.equal(await client.get('shop.products', 77), null);
      const doomed = await run('begin\nget shop.nothing 1\n');
      assert.match(doomed.errors, /line 2: NO_SUCH_TABLE: .*; the open transaction is doomed: rollback ends it\n$/);
    });

    test('a transaction that loses says who won', async () => {
      const shell = new RunningCommand(['shell', '--url', url], environment, null);
      shell.child.stdin!.write('put shop.products {id: 5, stock: 1}\nbegin\nupdate shop.products 5 {stock: 2}\n');
      await waitUntil('the transaction has its snapshot', 10_000, () => shell.output.includes('matched, in the open'));
      const other = client.at(group.members[2]!.url);
      const { gtid } = await other.put('shop.products', { id: 5, stock: 7 });
      shell.child.stdin!.end('commit\n');
      const { code, errors } = await shell.finished;
      assert.equal(code, 1);
      assert.match(errors, /^concert: line 4: CERTIFICATION_CONFLICT: Row 5 of shop\.products was written by /);
      assert.ok(errors.includes(`won by transaction ${gtid} of ${address(2)}; nothing was written`), errors);
    });

    test('reads a long result page by page, and ends when nobody reads it any more', async () => {
      const text = 'x'.repeat(2_000);
      const steps = Array.from({ length: 400 }, (_, id) => ({ op: 'put', table: 'shop.long', row: { id, text } }));
      await client.createTable({ table: 'shop.long', primaryKey: ['id'] });
      for (let i = 0; i < 6; i++) {
        await client.transact(steps.map((step) => ({ ...step, row: { ...step.row, id: step.row.id + 400 * i } })));
      }
      const { output: json } = succeeded(await run('scan shop.long reverse', '--json'));
      const { rows } = JSON.parse(json);
      assert.deepEqual(rows[0], { id: 2_399, text });
      assert.equal(rows.length, 2_400);
      const { output: table } = succeeded(await run('begin readOnly; scan shop.long limit 1234; rollback'));
      assert.match(table, /^ +1233 │ x+…$/m);
      assert.match(table, /^1,234 rows$/m);
      const piped = spawnSync(
        'bash',
        ['-o', 'pipefail', '-c', '"$@" | head -3', 'bash', process.execPath, main, 'shell', '--url', url],
        { input: 'scan shop.long', encoding: 'utf8', timeout: 60_000 },
      );
      assert.match(piped.stdout, /^ id +│ text\n─+┼─+\n.*\n$/);
      assert.equal(piped.status, 141, piped.stderr);
      assert.equal(piped.stderr, '');
    });
  });

  describe('at a terminal', { skip: whyNoTerminal() ?? false }, () => {
    const open = async (t: { after(cleanup: () => Promise<void>): void }, ...more: string[]) => {
      const terminal = new Terminal(['shell', '--url', url, ...more], environment);
      t.after(() => terminal.kill());
      await terminal.sees(`${address(0)}> `);
      return terminal;
    };

    test('remembers what was typed, also for the next shell, and keeps it for its owner', async (t) => {
      const first = await open(t);
      first.type('put shop.products {id: 8,\r');
      await first.sees('{> ');
      first.type('name: "bow"}\r');
      await first.sees(/committed as \d+, [\d.]+ m?s/);
      first.type('\u0004');
      assert.equal(await first.ended(), 0);
      const file = path.join(folder, 'concert', 'history');
      assert.equal(readFileSync(file, 'utf8'), 'put shop.products {id: 8, name: "bow"}\n');

      const second = await open(t);
      second.type('\u001b[A');
      await second.sees('put shop.products {id: 8, name: "bow"}');
      second.type('\r');
      await second.sees('committed as');
      second.type('exit\r');
      assert.equal(await second.ended(), 0);

      const secret = await open(t, '--no-history');
      secret.type('ping\r');
      await secret.sees(' ms\n');
      secret.type('exit\r');
      await secret.ended();
      assert.doesNotMatch(readFileSync(file, 'utf8'), /ping/);
    });

    test('Ctrl-C drops what is typed, Ctrl-D ends', async (t) => {
      const terminal = await open(t);
      terminal.type('put shop.products {id: 9,\r');
      await terminal.sees('{> ');
      await terminal.enters(' name: "dro');
      terminal.type('\u0003');
      await terminal.sees(`${address(0)}> `);
      terminal.type('count shop.products where {id: 9}\r');
      await terminal.sees(/\n0, [\d.]+ ms/);
      terminal.type('get shop.products violin\r');
      await terminal.sees(/KEY is violin; .*\n {2}get shop\.products violin\n {20}\^\n/);
      terminal.type('\u0004');
      assert.equal(await terminal.ended(), 0);
    });

    test('Tab completes statements and tables', async (t) => {
      const terminal = await open(t);
      await terminal.enters('des');
      terminal.type('\t');
      await terminal.sees('cribe ');
      await terminal.enters('shop.pr');
      terminal.type('\t');
      await terminal.sees('oducts ');
      terminal.type('\r');
      await terminal.sees('free-form beside its key');
    });

    test('the prompt shows the transaction, and what has become of it', async (t) => {
      const terminal = await open(t);
      terminal.type('begin\r');
      await terminal.sees(`${address(0)} [open]> `);
      terminal.type('put shop.products {id: 10}\r');
      await terminal.sees('in the open transaction');
      terminal.type('get shop.nothing 1\r');
      await terminal.sees(/NO_SUCH_TABLE: .*\n {2}the open transaction is doomed: rollback ends it/);
      await terminal.sees(`${address(0)} [doomed]> `);
      terminal.type('put shop.products {id: 11}\r');
      await terminal.sees(/TRANSACTION_ABORTED: .*NO_SUCH_TABLE/);
      terminal.type('commit\r');
      await terminal.sees(/TRANSACTION_ABORTED: .*\n {2}the transaction is rolled back: nothing of it was written/);
      await terminal.sees(`${address(0)}> `);
      terminal.type('begin\ruse 2\rrollback\ruse 2\r');
      await terminal.sees(/a transaction is open at .*; commit or rollback first/);
      await terminal.sees(`${address(1)}> `);
      terminal.type(`use ${group.members[2]!.url}\r`);
      await terminal.sees(`${address(2)}> `);
      terminal.type('begin\r');
      await terminal.sees('[open]> ');
      terminal.type('\u0004');
      await terminal.sees('the open transaction is rolled back');
      assert.equal(await terminal.ended(), 0);
      assert.deepEqual(await client.getMany('shop.products', [10, 11]), [null, null]);
    });

    test('subscribe shows what happens until Ctrl-C', async (t) => {
      const terminal = await open(t);
      terminal.type('subscribe changes shop.products\r');
      await terminal.sees('subscribed to changes; Ctrl-C ends it');
      const writer = client.at(group.members[1]!.url);
      const { sequenceNumber } = await writer.put('shop.products', { id: 20, stock: 1 });
      await terminal.sees(
        new RegExp(`^${sequenceNumber}  .*  ${address(1)}  shop.products 20  inserted {"id":20,"stock":1}`, 'm'),
      );
      await writer.update('shop.products', 20, { stock: 2 });
      await terminal.sees('{"id":20,"stock":1} → {"id":20,"stock":2}');
      await writer.truncateTable('shop.products');
      await terminal.sees(`${address(1)}  shop.products  truncateTable`);
      terminal.type('\u0003');
      await terminal.sees(`${address(0)}> `);
      terminal.type('format json\rsubscribe views limit 1\r');
      await terminal.sees(/\{"event":"view",.*"members":\[/);
      await terminal.sees(`${address(0)}> `);
    });

    test('rows that are too wide for a table are shown one column a line', async (t) => {
      const row = Object.fromEntries(
        Array.from({ length: 12 }, (_, i) => [`a column ${i}`, `value ${i} of some length`]),
      );
      await client.put('shop.products', { id: 30, ...row });
      const terminal = await open(t);
      terminal.type('get shop.products 30\r');
      await terminal.sees(/─\[ 1 \]─+\n id +│ 30\n a column 0 +│ value 0 of some length\n/);
      terminal.type('expanded off\rget shop.products 30\r');
      await terminal.sees(/ id │ a column 0 +│/);
    });

    test('Ctrl-C leaves what hangs, and says what may become of it', async (t) => {
      const terminal = await open(t);
      terminal.type('begin\rput shop.products {id: 60}\r');
      await terminal.sees(/in the open transaction.*\n.*\[open\]> /);
      const others = group.members.slice(1);
      for (const { process } of others) process.signal('SIGSTOP');
      try {
        await terminal.enters('commit');
        terminal.type('\r');
        await stuck(group);
        terminal.type('\u0003');
        await terminal.sees('not waited for: the transaction may be committed, now or later');
        await terminal.sees(`${address(0)}> `);
        await terminal.enters('put shop.products {id: 61}');
        terminal.type('\r');
        await stuck(group, 2);
        terminal.type('\u0003');
        await terminal.sees(/UNKNOWN_OUTCOME: .*\n {2}it may be committed, now or later/);
        await terminal.sees(`${address(0)}> `);
      } finally {
        for (const { process } of others) process.signal('SIGCONT');
      }
      const committed = async () => {
        const rows = await client.at(group.members[0]!.url).getMany('shop.products', [60, 61]);
        return rows.every((row) => row !== null);
      };
      await waitUntil('what hung is committed', 20_000, committed);
      terminal.type('begin\rget shop.products 60\r');
      await terminal.sees(/\n1 row.*\n.*\[open\]> /);
      const own = group.members[0]!.process;
      own.signal('SIGSTOP');
      await terminal.enters('scan shop.products');
      terminal.type('\r');
      await terminal.sees('\n');
      terminal.type('\u0003');
      await terminal.sees('stopped');
      own.signal('SIGCONT');
      await terminal.sees('[open]> ');
      terminal.type('get shop.products 60\r');
      await terminal.sees(/\n1 row/);
      terminal.type('rollback\r');
      await terminal.sees('rolled back');
    });

    test('goes on at another member when its own is lost, and says what is gone', async (t) => {
      const terminal = await open(t);
      terminal.type('begin\r');
      await terminal.sees('[open]> ');
      terminal.type('put shop.products {id: 40}\r');
      await terminal.sees('in the open transaction');
      await group.members[0]!.process.kill();
      await terminal.sees(`the connection to ${address(0)} was lost`);
      await terminal.sees('the open transaction is gone, nothing of it was written');
      const [, now] = await terminal.sees(/going on at (127\.0\.0\.1:\d+)/);
      assert.notEqual(now, address(0));
      await terminal.sees(`${now}> `);
      terminal.type('count shop.products where {id: 40}\r');
      await terminal.sees(/\n0, [\d.]+ m?s/);
      terminal.type('use 1\r');
      await terminal.sees(`${address(0)} does not serve: `);
      terminal.type('exit\r');
      assert.equal(await terminal.ended(), 0);
    });
  });

  test('a script ends where its member is lost within a transaction', async () => {
    await group.restart();
    const shell = new RunningCommand(['shell', '--url', url], environment, null);
    shell.child.stdin!.write('begin\nput shop.products {id: 50}\n');
    await waitUntil('the transaction is open', 10_000, () => shell.output.includes('in the open transaction'));
    await group.members[0]!.process.kill();
    // Where the shell has not heard of it yet, the read finds out: a commit might have come to pass.
    shell.child.stdin!.end('get shop.products 50\ncommit\n');
    const { code, errors } = await shell.finished;
    assert.equal(code, 1);
    assert.match(errors, /the open transaction is gone, nothing of it was written/);
    assert.equal(await client.get('shop.products', 50), null);
  });

  test('a write of which nobody knows what became is not sent again', async () => {
    await group.restart();
    const others = group.members.slice(1);
    for (const { process } of others) process.signal('SIGSTOP');
    try {
      const shell = new RunningCommand(['shell', '--url', url], environment, 'put shop.products {id: 70}; ping');
      await stuck(group);
      await group.members[0]!.process.kill();
      const { code, output, errors } = await shell.finished;
      assert.equal(code, 1);
      assert.equal(output, '');
      assert.match(
        errors,
        /line 1: UNKNOWN_OUTCOME: .*; it may be committed, now or later: look before you run it again\n$/,
      );
    } finally {
      for (const { process } of others) process.signal('SIGCONT');
    }
  });
});

/** Waits until commits wait for the group at its first member, which goes on alone. */
async function stuck({ members: [first] }: LocalGroup, commits = 1): Promise<void> {
  const waiting = () => first!.metric('concert_transactions_in_queue');
  await waitUntil('a commit waits', 10_000, async () => (await waiting()) >= commits);
}
