import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Client, connect, type Row } from '../../../client/index.ts';
import { LocalGroup, Scope, waitUntil } from '../../../harness/index.ts';
import { connectedGroup } from '../testing/connected-group.ts';
import { type Finished, RunningCommand, runCommand, succeeded } from '../testing/run-command.ts';

describe('concert import', { timeout: 180_000 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-import-'));
  const states = path.join(folder, 'state', 'concert', 'imports');
  const environment = { XDG_STATE_HOME: path.join(folder, 'state') };
  after(() => rmSync(folder, { recursive: true, force: true }));
  const scope = new Scope();
  let group: LocalGroup;
  let client: Client;
  let url: string;
  before(async () => {
    ({ group, client, url } = await connectedGroup(scope));
  });
  after(() => scope.end());

  const write = (name: string, content: string | Uint8Array) => {
    const file = path.join(folder, name);
    writeFileSync(file, content);
    return file;
  };
  const importFile = (file: string, ...more: string[]) =>
    runCommand(['import', file, '--url', url, ...more], environment);
  const rowsOf = async (table: string): Promise<Row[]> => {
    const rows: Row[] = [];
    for await (const row of client.rows(table)) rows.push(row);
    return rows;
  };
  const failed = (finished: Finished, expected: RegExp, code = 1) => {
    assert.match(finished.errors, expected);
    assert.equal(finished.errors.trimEnd().split('\n').at(-1)!.startsWith('concert: '), true);
    assert.equal(finished.code, code);
  };
  const PEOPLE = [
    { id: 1, name: 'Ann', born: '1970' },
    { id: 2, name: 'Bób, "the"\nfirst', born: '' },
  ];

  test('puts the rows of CSV, JSON lines and JSON arrays into tables that it creates, packed or not', async () => {
    const csv = 'id,name,born\n1,Ann,1970\n2,"Bób, ""the""\nfirst",\n';
    const files = {
      csv: write('people.csv', csv),
      packed: write('people.csv.gz', gzipSync(csv)),
      tabs: write('people.tsv', 'id\tname\tborn\n1\tAnn\t1970\n2\t"Bób, ""the""\nfirst"\t\n'),
      lines: write('people.jsonl', PEOPLE.map((row) => `${JSON.stringify(row)}\n`).join('')),
      array: write('people.json', JSON.stringify(PEOPLE, null, 2)),
    };
    for (const [name, file] of Object.entries(files)) {
      const { output } = succeeded(await importFile(file, '--table', `people.${name}`, '--key', 'id'));
      assert.match(output, new RegExp(`^2 rows put into people\\.${name}, created for them, in `));
      assert.deepEqual(await rowsOf(`people.${name}`), PEOPLE);
    }
    const { columns } = await client.describe('people.csv');
    assert.deepEqual(columns, {
      id: { type: 'integer', nullable: false },
      name: { type: 'text', nullable: false },
      born: { type: 'text', nullable: false },
    });
    assert.equal((await client.describe('people.array')).columns, null);
  });

  test('reads standard input, and has the types that it is told', async () => {
    const args = [
      'import',
      '-',
      '--url',
      url,
      '--table',
      'typed.a',
      '--key',
      'id',
      '--format',
      'csv',
      '--header',
      'id,at,price',
    ];
    const types = ['--columns', 'id:text,at:timestamp,price:double?', '--json', '--create'];
    const finished = await runCommand(
      [...args, ...types],
      environment,
      '007,2026-11-20T09:00:00Z,1.50\n008,2026-11-20T00:00:00.5Z,\n',
    );
    const report = JSON.parse(succeeded(finished).output);
    assert.deepEqual([report.rows, report.isCreated, report.badRows, report.table], [2, true, 0, 'typed.a']);
    assert.deepEqual(await rowsOf('typed.a'), [
      { id: '007', at: '2026-11-20T09:00:00.000Z', price: 1.5 },
      { id: '008', at: '2026-11-20T00:00:00.500Z', price: null },
    ]);
    failed(
      await runCommand([...args, ...types], environment, '007,2026-11-20T09:00:00Z,1.50\n'),
      /typed\.a exists already; leave --create away/,
    );
  });

  test('compares with a table that exists what it is told and what the file has', async () => {
    await client.createTable({
      table: 'known.a',
      primaryKey: ['id'],
      columns: { id: { type: 'integer' }, name: { type: 'text' }, note: { type: 'text', nullable: true } },
    });
    const file = write('known.csv', 'id,name\n1,Ann\n');
    succeeded(await importFile(file, '--table', 'known.a'));
    assert.deepEqual(await rowsOf('known.a'), [{ id: 1, name: 'Ann', note: null }]);
    const refused = async (content: string, expected: RegExp, ...more: string[]) =>
      failed(await importFile(write('refused.csv', content), '--table', 'known.a', ...more), expected);
    await refused('id,name\n1,Ann\n', /primary key id, not name/, '--key', 'name');
    await refused('id,name,colour\n', /no column "colour", which the file has/);
    await refused('id,note\n', /needs a value for column "name"/);
    await refused('id,name,name\n', /two columns named "name"/);
    await refused('id,name\n', /column "id" of known\.a is integer, not text/, '--columns', 'id:text');
    failed(await importFile(file, '--table', 'new.a'), /say --key COLUMN/, 2);
    failed(await importFile(file, '--table', 'new.a', '--key', 'x'), /--key names "x", which is no column/, 2);
    failed(await importFile(file, '--table', 'nowhere', '--key', 'id'), /INVALID_ARGUMENT.*schema\.table/);
    failed(
      await importFile(path.join(folder, 'none.csv'), '--table', 'new.a'),
      /none\.csv cannot be read: there is no such file/,
    );
    failed(await importFile(folder, '--table', 'new.a', '--format', 'csv'), /is a directory/);
    failed(await importFile(write('x.dat', ''), '--table', 'new.a'), /x\.dat does not tell its format/, 2);
  });

  test('keeps the last of several rows with one key', async () => {
    const rows = Array.from({ length: 400 }, (_, i) => ({ id: i % 7, i }));
    const file = write('twice.json', JSON.stringify(rows));
    succeeded(await importFile(file, '--table', 'twice.a', '--key', 'id', '--batch', '3', '--concurrency', '8'));
    assert.deepEqual(
      await rowsOf('twice.a'),
      rows.slice(-7).sort((a, b) => a.id - b.id),
    );
  });

  const BAD = [
    '{"id":1,"n":1}',
    '{"id":2,"n":"two"}',
    '{"id":3,',
    '{"id":4,"n":4}',
    `{"id":"${'x'.repeat(2000)}","n":5}`,
    '{"id":6}',
  ];

  test('stops at the first row that does not fit, names its place, and has the rows before it in', async () => {
    const file = write('bad.jsonl', BAD.join('\n'));
    const args = ['--table', 'bad.a', '--key', 'id', '--columns', 'id:text,n:integer'];
    failed(
      await importFile(file, ...args),
      /bad\.jsonl line 1, row 1, column "id": expected text, not a whole number: 1; 0 rows are in; .*--errors FILE/,
    );
    await client.dropTable('bad.a');
    failed(
      await importFile(file, ...args.with(-1, 'id:json,n:integer')),
      /Argument "columns\.id\.type": json has no order and cannot be a key/,
    );
    const numbers = ['--table', 'bad.b', '--key', 'id', '--columns', 'id:integer,n:integer'];
    failed(
      await importFile(file, ...numbers),
      /line 2, row 2, column "n": expected integer, not text: "two"; 1 row is in; the same command goes on behind row 1;/,
    );
    assert.deepEqual(await rowsOf('bad.b'), [{ id: 1, n: 1 }]);
  });

  test('passes rows by that do not fit, and writes them to a file, up to a limit', async () => {
    const file = write('passed.jsonl', BAD.join('\n'));
    const errors = path.join(folder, 'errors.jsonl');
    const args = ['--table', 'passed.a', '--key', 'id', '--errors', errors];
    const { output } = succeeded(await importFile(file, ...args));
    assert.match(output, /^4 rows put into/);
    assert.match(output, /^2 bad rows passed by: see .*errors\.jsonl$/m);
    const passed = readFileSync(errors, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual(passed.map(({ line, row, column }) => [line, row, column]).sort(), [
      [3, 3, null],
      [5, 5, null],
    ]);
    assert.match(passed.find(({ row }) => row === 3).problem, /^not JSON/);
    assert.match(passed.find(({ row }) => row === 5).problem, /the key has \d+ bytes/, 'what only a member knows');
    assert.deepEqual(
      (await rowsOf('passed.a')).map(({ id }) => id),
      [1, 2, 4, 6],
    );
    const again = ['--table', 'passed.b', '--key', 'id', '--errors', errors, '--errors-max', '1'];
    failed(await importFile(file, ...again), /--errors-max allows no more than 1 bad row/);
  });

  test('names the line where a file cannot be read any further', async () => {
    const file = write('cut.json', '[\n{"id":1},\n{"id":2},\n{"id":');
    failed(await importFile(file, '--table', 'cut.a', '--key', 'id'), /cut\.json line 4: .*no end; 2 rows are in/);
    assert.equal(await client.count('cut.a'), 2);
    const packed = write('broken.csv.gz', gzipSync('id\n1\n').subarray(0, 20));
    failed(
      await importFile(packed, '--table', 'cut.b', '--key', 'id'),
      /broken\.csv\.gz cannot be read: unexpected end/,
    );
  });

  const MANY = Array.from({ length: 12_000 }, (_, i) => ({ id: i, text: `row ${i}` }));
  const SLOWLY = ['--batch', '10', '--concurrency', '2'];

  /** Starts an import of `MANY`, and waits until it has noted how far it is. */
  async function underWay(name: string): Promise<{ run: RunningCommand; again: readonly string[] }> {
    const file = write(`${name}.jsonl`, MANY.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const again = ['import', file, '--url', url, '--table', `many.${name}`, '--key', 'id'];
    rmSync(states, { recursive: true, force: true });
    const run = new RunningCommand([...again, ...SLOWLY], environment);
    await waitUntil('the import has noted how far it is', 30_000, () => {
      assert.equal(run.child.exitCode, null, run.errors);
      mkdirSync(states, { recursive: true });
      return readdirSync(states).some((one) => one.endsWith('.json'));
    });
    return { run, again };
  }

  test('goes on where it was when it was killed', async () => {
    const { run, again } = await underWay('killed');
    run.child.kill('SIGKILL');
    assert.equal((await run.finished).signal, 'SIGKILL');
    const { errors, output } = succeeded(await runCommand(again, environment));
    const behind = Number(/going on behind row ([\d,]+)/.exec(errors)![1]!.replaceAll(',', ''));
    const put = Number(/^([\d,]+) rows put/.exec(output)![1]!.replaceAll(',', ''));
    assert.ok(behind > 0 && put === MANY.length - behind, `${behind} and ${put}`);
    assert.deepEqual(await rowsOf('many.killed'), MANY);
    assert.deepEqual(readdirSync(states), [], 'what is through leaves nothing behind');
  });

  test('ends what is under way at Ctrl-C, says how to go on, and goes on', async () => {
    const { run, again } = await underWay('interrupted');
    run.child.kill('SIGINT');
    const { code, output } = await run.finished;
    assert.equal(code, 130);
    const rows = Number(/^([\d,]+) rows put/.exec(output)![1]!.replaceAll(',', ''));
    assert.match(output, /interrupted: the same command goes on behind row /);
    assert.equal(await client.count('many.interrupted'), rows, 'all that was under way is in, and counted');
    const { errors } = succeeded(await runCommand(again, environment));
    assert.match(errors, /going on behind row/);
    assert.deepEqual(await rowsOf('many.interrupted'), MANY);
  });

  test('begins at the beginning where the table was truncated since, the file was changed, or it is told so', async () => {
    const { run, again } = await underWay('anew');
    run.child.kill('SIGINT');
    await run.finished;
    const short = ['--errors', path.join(folder, 'no-errors.jsonl')];
    const told = await runCommand([...again, '--no-resume', ...short], environment);
    assert.match(succeeded(told).output, /^12,000 rows put/);

    const second = await underWay('anew');
    second.run.child.kill('SIGINT');
    await second.run.finished;
    await client.truncateTable('many.anew');
    const { errors, output } = succeeded(await runCommand(again, environment));
    assert.match(errors, /beginning at the beginning: many\.anew was dropped or truncated since an earlier run/);
    assert.match(output, /^12,000 rows put/);
    assert.deepEqual(await rowsOf('many.anew'), MANY);
  });

  test('fails where the table is truncated meanwhile: rows are gone that were in', async () => {
    const { run } = await underWay('emptied');
    await client.truncateTable('many.emptied');
    failed(await run.finished, /many\.emptied was dropped or truncated during the import/);
  });

  test('goes on through the other members when one dies, and has every row once at all of them', async () => {
    const { run } = await underWay('orphaned');
    await group.members[1]!.process.kill();
    const finished = succeeded(await run.finished);
    assert.match(finished.output, /^12,000 rows put/);
    await group.restart();
    assert.deepEqual(await rowsOf('many.orphaned'), MANY);
    const verified = await runCommand(['verify', '--url', url, '--table', 'many.orphaned', '--json']);
    assert.equal(verified.code, 0, verified.errors);
    assert.equal(JSON.parse(verified.output).tables[0].rows, MANY.length);
  });

  test('takes the table of another group for another table', async (t) => {
    const { run, again } = await underWay('elsewhere');
    run.child.kill('SIGINT');
    await run.finished;
    const other = await LocalGroup.create(t, { members: 1 });
    const elsewhere = again.map((arg) => (arg === url ? other.members[0]!.url : arg));
    const otherClient = await connect(other.members[0]!.url);
    // As in a group that was made anew: tables of that name may even have the same id.
    await otherClient.createTable({ table: 'many.elsewhere', primaryKey: ['id'] });
    const { errors, output } = succeeded(await runCommand(elsewhere, environment));
    assert.match(errors, /beginning at the beginning: this is another group/);
    assert.match(output, /^12,000 rows put/);
    assert.equal(await otherClient.count('many.elsewhere'), MANY.length);
    await otherClient.close();
  });
});
