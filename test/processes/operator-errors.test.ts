/** What an operator gets wrong, or finds broken: one line that says what and what to do, and nothing is written. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  agreedContent,
  ConcertProcess,
  freePorts,
  LocalGroup,
  type LocalMember,
  outgrowHistory,
  waitUntil,
  within,
} from '../../harness/index.ts';

/** Content of every file below `directory`, but for those of a running process. */
function contentOf(directory: string): Record<string, string> {
  const content: Record<string, string> = {};
  if (!existsSync(directory)) return content;
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'lock.mdb') continue;
    const file = path.join(entry.parentPath, entry.name);
    content[path.relative(directory, file)] = createHash('sha256').update(readFileSync(file)).digest('hex');
  }
  return content;
}

/** The one line with which `concert ARGS` ends. */
async function refusal(args: readonly string[], expectedCode = 1): Promise<string> {
  const run = new ConcertProcess(args);
  const ended = await within('an end', 20_000, run.ended).catch(async (error) => {
    await run.kill();
    throw new Error(`${(error as Error).message}: it said ${run.output}${run.errors}`);
  });
  assert.deepEqual(ended, { code: expectedCode, signal: null }, run.errors);
  assert.match(run.errors, /^concert: [^\n]+\n$/, 'one line');
  return run.errors;
}

function flipByte(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 0x55;
  writeFileSync(file, bytes);
}

describe('what an operator gets wrong or finds broken is one line that says what and what to do:', () => {
  let group: LocalGroup;
  /** A member of a group of three, stopped; a copy of its directory is broken in each test. */
  let stopped: LocalMember;
  const cleanups: (() => void | Promise<void>)[] = [];
  const context = { after: (cleanup: () => void | Promise<void>) => cleanups.push(cleanup) };

  before(async () => {
    group = await LocalGroup.create(context);
    const client = await group.members[0]!.client();
    await client.result('createTable', { table: 'test.t', primaryKey: ['id'] });
    const puts = Array.from({ length: 300 }, (_, id) =>
      client.result('put', { table: 'test.t', row: { id, filler: 'x'.repeat(200) } }),
    );
    await Promise.all(puts);
    let last = 0;
    for (let id = 0; id < 20; id++) {
      const result = await client.result('put', { table: 'test.t', row: { id } });
      last = result.sequenceNumber as number;
    }
    client.close();
    // Lanes and verdicts have something to be damaged.
    await outgrowHistory(group);
    stopped = group.members[2]!;
    await waitUntil('all is applied', 5_000, async () => (await stopped.stats()).appliedUpTo >= last);
    await stopped.process.stop();
  });
  after(async () => {
    for (const cleanup of cleanups) await cleanup();
  });

  /** A copy of the stopped member's directory. */
  const copy = (name: string): string => {
    const directory = path.join(group.folder, name);
    cpSync(stopped.directory, directory, { recursive: true });
    return directory;
  };
  /** Starts the stopped member on `directory`; it refuses, and has changed nothing but its number of starts. */
  const startRefused = async (directory: string, more: readonly string[] = []): Promise<string> => {
    const before = contentOf(directory);
    const { port, groupPort } = stopped;
    const ports = ['--port', String(port), '--group-port', String(groupPort)];
    const line = await refusal(['start', '--data', directory, ...ports, ...more]);
    const { 'member.json': _before, ...kept } = before;
    const { 'member.json': _after, ...found } = contentOf(directory);
    assert.deepEqual(found, kept, 'nothing was written');
    return line;
  };
  const fresh = (name: string): string => path.join(group.folder, name);

  test('a data directory that another process has', async () => {
    const { directory, port, groupPort, process } = group.members[0]!;
    const before = contentOf(directory);
    const [otherPort, otherGroupPort] = await freePorts(2);
    assert.notEqual(port + groupPort, otherPort! + otherGroupPort!);
    const line = await refusal([
      ...['start', '--data', directory],
      ...['--port', String(otherPort), '--group-port', String(otherGroupPort)],
    ]);
    assert(line.includes(directory) && line.includes(`process ${process.pid}`), line);
    assert.equal(contentOf(directory)['member.json'], before['member.json']);
  });

  test('a foreign directory, which stays as it is', async () => {
    const directory = fresh('foreign');
    mkdirSync(directory);
    writeFileSync(path.join(directory, 'thesis.txt'), 'mine');
    assert.match(await refusal(['start', '--data', directory, '--bootstrap']), /thesis\.txt.*give an empty/);
    assert.deepEqual(readdirSync(directory), ['thesis.txt']);
  });

  test('a file in place of a directory', async () => {
    const file = fresh('file');
    writeFileSync(file, 'mine');
    assert.match(await refusal(['start', '--data', file, '--bootstrap']), /is not a directory/);
  });

  for (const name of ['member.json', 'group.json']) {
    for (const [how, damage] of [
      ['a byte of it changed', (file: string) => flipByte(file, statSync(file).size >> 1)],
      ['empty', (file: string) => truncateSync(file, 0)],
    ] as const) {
      test(`${name}, ${how}`, async () => {
        const directory = copy(`${name}-${how.length}`);
        damage(path.join(directory, name));
        assert(/damaged/.test(await startRefused(directory)));
      });
    }
  }

  test('group.json lost', async () => {
    const directory = copy('no-group');
    rmSync(path.join(directory, 'group.json'));
    assert.match(await startRefused(directory), /group\.json is missing/);
    assert.match(await startRefused(directory, ['--seeds', group.members[0]!.groupAddress]), /group\.json is missing/);
  });

  test('member.json lost', async () => {
    const directory = copy('no-identity');
    rmSync(path.join(directory, 'member.json'));
    assert.match(await startRefused(directory), /no member\.json/);
  });

  test("another member's lanes", async () => {
    const directory = copy('lanes-of-another');
    rmSync(path.join(directory, 'lanes'), { recursive: true });
    cpSync(path.join(group.members[0]!.directory, 'lanes'), path.join(directory, 'lanes'), { recursive: true });
    const line = await startRefused(directory);
    assert(line.includes(group.members[0]!.memberId) && line.includes('lane-0'), line);
  });

  test('a port for clients, and one for the group, that another process has', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port: taken } = server.address() as { port: number };
    try {
      const { directory, port, groupPort } = stopped;
      const before = contentOf(directory);
      const start = ['start', '--data', directory];
      const client = await refusal([...start, '--port', String(taken), '--group-port', String(groupPort)]);
      assert(client.includes(`127.0.0.1:${taken} is in use`) && client.includes('--port'), client);
      const peers = await refusal([...start, '--port', String(port), '--group-port', String(taken)]);
      assert(peers.includes(`127.0.0.1:${taken} is in use`) && peers.includes('--group-port'), peers);
      const { 'member.json': _before, ...kept } = before;
      const { 'member.json': _after, ...found } = contentOf(directory);
      assert.deepEqual(found, kept);
    } finally {
      server.close();
    }
  });

  test('a wrong option, a wrong value, and a value that is missing', async () => {
    const directory = fresh('options');
    const start = ['start', '--data', directory];
    assert.match(await refusal([...start, '--prot', '7001'], 2), /unknown option --prot/);
    assert.match(await refusal([...start, '--port', 'many'], 2), /--port.*whole number/);
    assert.match(await refusal([...start, '--port'], 2), /--port has no value/);
    assert.match(await refusal([...start, '--port', '7001', '--group-port', '7001'], 2), /must differ/);
    assert.match(await refusal([...start, '--bootstrap', '--seeds', 'here'], 2), /--seeds.*HOST:PORT/);
    assert.match(await refusal(['start'], 2), /--data DIR is missing/);
    assert.match(await refusal(['strat'], 2), /unknown command "strat"/);
    assert(!existsSync(directory), 'nothing was made');
  });

  test('a new directory without --bootstrap or --seeds', async () => {
    const directory = fresh('new');
    assert.match(
      await refusal(['start', '--data', directory, '--port', '0', '--group-port', '0']),
      /--bootstrap.*--seeds/,
    );
    assert.ok(!existsSync(directory) || readdirSync(directory).length === 0, 'nothing was made');
  });

  test('a second --bootstrap', async () => {
    assert.match(await startRefused(copy('bootstrap'), ['--bootstrap']), /already belongs.*without --bootstrap/);
  });

  test('two members of one group with --bootstrap', async () => {
    const [one, two, onePort, twoPort] = await freePorts(4);
    const start = (name: string, port: number, groupPort: number, seed: number) => {
      const ports = ['--port', String(port), '--group-port', String(groupPort)];
      const how = ['--bootstrap', '--seeds', `127.0.0.1:${seed}`];
      return new ConcertProcess(['start', '--data', fresh(name), ...ports, ...how]);
    };
    const members = [start('bootstrap-1', onePort!, one!, two!), start('bootstrap-2', twoPort!, two!, one!)];
    try {
      const refused = await waitUntil('one is told', 15_000, () => members.find((member) => member.hasEnded));
      assert.match(refused.errors, /^concert: .*--bootstrap.*\n$/);
      assert.notEqual((await refused.ended).code, 0);
    } finally {
      await Promise.all(members.map((member) => member.kill()));
    }
  });

  test('an address that other machines reach, without --insecure', async () => {
    const directory = fresh('insecure');
    const line = await refusal(['start', '--data', directory, '--host', '0.0.0.0', '--bootstrap']);
    assert.match(line, /0\.0\.0\.0.*--insecure/);
    assert(!existsSync(directory), 'nothing was made');
  });

  test('another group address than the group knows', async () => {
    const [groupPort] = await freePorts(1);
    const directory = copy('moved');
    const line = await refusal(['start', '--data', directory, '--port', '0', '--group-port', String(groupPort)]);
    assert(line.includes(stopped.groupAddress) && line.includes(`${groupPort}`), line);
  });

  test('a group that is to be made with members of another one: it says so, and nobody is harmed', async () => {
    const [port, groupPort] = await freePorts(2);
    const start = ['start', '--data', fresh('stranger'), '--port', String(port), '--group-port', String(groupPort)];
    const line = await refusal([...start, '--bootstrap', '--seeds', group.members[0]!.groupAddress]);
    assert.match(line, /is there already: start with --seeds alone to join it/);
    assert.equal(await group.members[0]!.state(), 'ONLINE');
  });

  test('and after all that the member starts on its own directory and has everything', async () => {
    stopped.start();
    await stopped.online();
    await agreedContent(group.members, ['test.t']);
  });
});
