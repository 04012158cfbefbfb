import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { packageVersion } from '../server/version.ts';

interface Result {
  readonly code: number | null;
  readonly output: string;
  readonly errors: string;
}

function concert(args: readonly string[], environment: Record<string, string> = {}): Promise<Result> {
  const main = path.join(import.meta.dirname, 'main.ts');
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...environment } });
  let output = '';
  let errors = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    errors += data;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, output, errors })));
}

describe('concert', { concurrency: 2 }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'cli-'));
  const servers: Server[] = [];
  after(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });
  const usedPort = async () => {
    const server = createServer();
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as { port: number }).port;
  };

  async function fails(code: number, expected: RegExp, args: readonly string[], environment?: Record<string, string>) {
    const result = await concert(args, environment);
    assert.match(result.errors, expected);
    assert.match(result.errors, /^concert: .*\n$/, 'one line');
    assert.equal(result.code, code);
  }

  test('help lists the commands, and each command its options', async () => {
    const overview = await concert(['--help']);
    assert.equal(overview.code, 0);
    for (const name of ['start', 'cluster', 'status', 'bench', 'version'])
      assert.match(overview.output, new RegExp(`^  ${name} `, 'm'));
    for (const args of [
      ['start', '--help'],
      ['help', 'start'],
    ]) {
      const help = await concert(args);
      assert.equal(help.code, 0);
      assert.match(help.output, /--bootstrap/);
      assert.match(help.output, /--group-port N/);
    }
  });

  test('version names Concert and the Node that runs it, however it is asked', async () => {
    for (const asked of ['version', '--version', '-v']) {
      const { output } = await concert([asked]);
      assert.ok(output.startsWith(`concert ${packageVersion()}, run by Node ${process.versions.node}`), asked);
    }
    const facts = JSON.parse((await concert(['version', '--json'])).output);
    assert.deepEqual(facts, { concert: packageVersion(), node: process.versions.node, executable: process.execPath });
  });

  test('an unknown command is an error that names it and the known ones', async () => {
    await fails(2, /unknown command "sing"; commands are start, cluster, .*, help/, ['sing']);
  });

  test('an unknown or wrong option is an error that names it', async () => {
    await fails(2, /unknown option --prot/, ['start', '--prot', '1']);
    await fails(2, /--port is "x"; it takes a whole number/, ['start', '--data', folder, '--port', 'x']);
    await fails(2, /CONCERT_GROUP_PORT is "x"/, ['start', '--data', folder], { CONCERT_GROUP_PORT: 'x' });
    await fails(2, /--data DIR is missing/, ['start']);
    await fails(2, /--group-name is fixed when a group is created/, ['start', '--data', folder, '--group-name', 'a']);
    await fails(2, /--port and --group-port are both 7001/, ['start', '--data', folder, '--group-port', '7001']);
    await fails(2, /--members is "0"; it takes a whole number from 1 to 9/, ['cluster', '--members', '0']);
    await fails(2, /--retention-mib bounds a past that nobody asked for/, [
      'start',
      '--data',
      folder,
      '--retention-mib',
      '9',
    ]);
  });

  test('status says in one line that nobody answers', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    await fails(1, /no member answers at .*connection refused/, ['status', '--url', `ws://127.0.0.1:${port}/v1`]);
    await fails(2, /--url: "nonsense" is no address of a member; expected ws:/, ['status', '--url', 'nonsense']);
  });

  test('a cluster says which port is in use', async () => {
    const port = await usedPort();
    const args = ['cluster', '--data', path.join(folder, 'a'), '--members', '1', '--port', String(port)];
    await fails(1, new RegExp(`127\\.0\\.0\\.1:${port} is in use; .*--port`), args);
  });

  test('a cluster refuses another shape than its data has', async () => {
    const data = path.join(folder, 'b');
    const port = String(await usedPort());
    await concert(['cluster', '--data', data, '--members', '2', '--port', port]);
    await fails(1, /was created with --members 2, not 3; leave --members away/, [
      'cluster',
      '--data',
      data,
      '--members',
      '3',
    ]);
    writeFileSync(path.join(data, 'cluster.json'), '{');
    await fails(1, /cluster\.json is damaged; write/, ['cluster', '--data', data]);
  });

  test('a cluster refuses ports that overlap', async () => {
    const args = ['cluster', '--data', path.join(folder, 'c'), '--port', '7100', '--group-port', '7101'];
    await fails(2, /--port 7100 and --group-port 7101 overlap/, args);
  });

  test('start refuses an address off loopback without --insecure', async () => {
    const args = ['start', '--data', path.join(folder, 'd'), '--host', '0.0.0.0', '--bootstrap'];
    await fails(1, /refusing to serve 0\.0\.0\.0: .*--insecure/, args);
  });

  test('start says which port is in use', async () => {
    const port = String(await usedPort());
    const data = path.join(folder, 'e');
    const args = ['start', '--data', data, '--bootstrap', '--log-level', 'silent'];
    await fails(1, /127\.0\.0\.1:.* is in use .*--port/, [...args, '--port', port, '--group-port', '0']);
    await fails(1, /127\.0\.0\.1:.* is in use .*--group-port/, [...args, '--port', '0', '--group-port', port]);
  });
});
