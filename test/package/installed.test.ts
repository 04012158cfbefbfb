import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { waitUntil, within } from '../../harness/wait-until.ts';
import { checkout, installedPackage, outerEnvironment, run, runs } from './testing/empty-project.ts';
import { freeRange } from './testing/free-range.ts';
import { olderNode } from './testing/older-node.ts';

const readyMsMax = 60_000;
const members = ['member-1', 'member-2', 'member-3'];
/** The machine's own, where that is an older one. */
const node = olderNode() ?? process.execPath;

describe('the package, installed in an empty project', () => {
  let project: string;
  let installed: string;
  let urls: string[];
  const started: ChildProcess[] = [];

  before(async () => {
    project = await installedPackage();
    installed = path.join(project, 'node_modules', 'concert');
  });
  after(async () => {
    for (const { pid } of started) end(-pid!);
    // The members of a cluster are processes apart from it.
    const left = globSync('*/member-*/pid', { cwd: project });
    for (const file of left) end(Number(readFileSync(path.join(project, file), 'utf8')));
    rmSync(project, { recursive: true, force: true });
  });

  /** In a process group of its own, as under a terminal. */
  const start = (program: string, args: readonly string[]): { child: ChildProcess; said(): string } => {
    const child = spawn(program, args, { cwd: project, env: outerEnvironment(), detached: true });
    started.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (data) => {
        said += data;
      });
    }
    return { child, said: () => said };
  };
  const ready = ({ child, said }: ReturnType<typeof start>): Promise<unknown> =>
    waitUntil('three members are ONLINE', readyMsMax, () => {
      assert.equal(child.exitCode, null, said());
      return said().includes('3 of 3 members ONLINE');
    });
  const clusterArguments = async (data: string): Promise<string[]> => {
    const port = await freeRange(6);
    urls = members.map((_, i) => `ws://127.0.0.1:${port + i}/v1`);
    return ['cluster', '--data', data, '--port', String(port), '--group-port', String(port + 3)];
  };
  const stoppedCleanly = (data: string): boolean =>
    members.every((member) => {
      const folder = path.join(project, data, member);
      return (
        /"event":"stopped"/.test(readFileSync(path.join(folder, 'log'), 'utf8')) &&
        !existsSync(path.join(folder, 'pid'))
      );
    });

  test('holds what is needed to run it and to program it, and no tests', () => {
    for (const file of [
      'README.md',
      'LICENSE',
      'docs/asyncapi.yaml',
      'bin/concert.cjs',
      'dist/node/server/console/index.html',
      'dist/client/node.d.ts',
      'dist/client/browser.d.ts',
    ]) {
      assert.ok(existsSync(path.join(installed, file)), file);
    }
    const files = globSync('**', { cwd: installed, withFileTypes: true }).filter((entry) => entry.isFile());
    const foreign = files.filter(({ name, parentPath }) => {
      const isSource = name.endsWith('.ts') && !name.endsWith('.d.ts');
      return isSource || name.includes('.test.') || path.basename(parentPath) === 'testing';
    });
    assert.deepEqual(
      foreign.map(({ name }) => name),
      [],
    );
  });

  test('names no TypeScript file, which Node would refuse in node_modules', () => {
    for (const file of globSync('dist/**/*.js', { cwd: installed })) {
      const code = readFileSync(path.join(installed, file), 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
      const named = /['"`/]([\w-]+\.ts)['"`]/.exec(code);
      assert.ok(named === null, `${file} names ${named?.[1]}`);
    }
  });

  test("the browser's client is made of its own files alone", () => {
    const files = ['dist/client/browser.js'];
    for (const file of files) {
      const source = readFileSync(path.join(installed, file), 'utf8');
      for (const [, from] of source.matchAll(/(?:^|\n)(?:import|export)[^;]*? from '([^']+)'/g)) {
        assert.match(from!, /^\.{1,2}\/.*\.js$/, `${file} imports ${from}`);
        const next = path.join(path.dirname(file), from!);
        if (!files.includes(next)) files.push(next);
      }
    }
    assert.ok(files.length > 5, files.join());
  });

  test('a typed program compiles against it, however its modules are found', async () => {
    copyFileSync(path.join(import.meta.dirname, 'program', 'first-sale.ts'), path.join(project, 'first-sale.ts'));
    const compile = (options: object): Promise<unknown> => {
      const compilerOptions = { strict: true, skipLibCheck: false, target: 'ES2022', types: [], ...options };
      const config = { compilerOptions, files: ['first-sale.ts'] };
      writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(config));
      return runs(process.execPath, [path.join(checkout, 'node_modules', 'typescript', 'bin', 'tsc')], {
        cwd: project,
      });
    };
    const bundler = { module: 'esnext', moduleResolution: 'bundler', lib: ['ES2022', 'DOM'], noEmit: true };
    await compile(bundler);
    await compile({ ...bundler, customConditions: ['browser'] });
    await compile({ module: 'nodenext', lib: ['ES2022'], exactOptionalPropertyTypes: true, declaration: true });
  });

  test('a group and a program run by the older Node: a transaction commits, and the members stop cleanly', async () => {
    const cluster = start(node, [path.join(installed, 'bin', 'concert.cjs'), ...(await clusterArguments('first'))]);
    await ready(cluster);
    const program = `import { codeOfUnknownTable, firstSale } from './first-sale.js';
      const urls = process.argv.slice(1);
      console.log(JSON.stringify({ ...(await firstSale(urls)), code: await codeOfUnknownTable(urls) }));`;
    const said = await runs(node, ['--input-type=module', '--eval', program, ...urls], { cwd: project });
    const { product, gtid, code } = JSON.parse(said);
    assert.deepEqual(product, { id: 5, name: 'violin', stock: 4 });
    assert.match(gtid, /^[0-9a-f-]{36}:\d+$/);
    assert.equal(code, 'NO_SUCH_TABLE');

    const status = JSON.parse(await runs('npx', ['concert', 'status', '--json', '--url', urls[1]!], { cwd: project }));
    assert.deepEqual(
      status.members.map(({ state }: { state: string }) => state),
      ['ONLINE', 'ONLINE', 'ONLINE'],
    );
    const origin = urls[0]!.replace('ws:', 'http:');
    for (const file of ['/', '/uplot.js', '/metrics']) {
      assert.equal((await fetch(new URL(file, origin))).status, 200, file);
    }

    cluster.child.kill('SIGTERM');
    assert.deepEqual(await within('it ends', readyMsMax, once(cluster.child, 'exit')), [0, null]);
    assert.match(cluster.said(), /all members stopped\n$/);
    assert.ok(stoppedCleanly('first'));
  });

  test('a group that npx started stops with npx', async () => {
    const cluster = start('npx', ['concert', ...(await clusterArguments('second'))]);
    await ready(cluster);
    cluster.child.kill('SIGTERM');
    await waitUntil('the members have stopped cleanly', readyMsMax, () => stoppedCleanly('second'));
  });

  test('measures: the load generator is a process of the package, too', async () => {
    const report = path.join(project, 'report.json');
    const sizes = ['--rows', '200', '--seconds', '1', '--warmup', '0', '--connections', '3', '--json', report];
    await runs('npx', ['concert', 'bench', 'micro', ...sizes], { cwd: project });
    const { verified, committed } = JSON.parse(readFileSync(report, 'utf8'));
    assert.equal(verified, true);
    assert.ok(committed > 0);
  });

  test('runs from a folder beside a link to it', async () => {
    const linked = path.join(project, 'linked');
    mkdirSync(linked);
    writeFileSync(path.join(linked, 'package.json'), '{ "name": "linked", "private": true }\n');
    await runs('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', checkout], { cwd: linked });
    assert.match(await runs('npx', ['concert', 'version'], { cwd: linked }), /run by Node 24\./);
    const types = `import('concert').then(({ connect }) => console.log(typeof connect))`;
    assert.equal(await runs(node, ['--eval', types], { cwd: linked }), 'function\n');
  });

  test('without the pinned Node, an older one says what is missing', { skip: node === process.execPath }, async () => {
    const folders = globSync('node_modules/node-{linux,darwin,win,bin}-*', { cwd: project });
    for (const folder of folders) renameSync(path.join(project, folder), path.join(project, `${folder}-hidden`));
    const { code, errors } = await run('npx', ['concert', 'version'], { cwd: project });
    assert.match(errors, /^concert: needs Node 24 or newer, this is v\d+.*is not installed: run `npm install`.*\n$/m);
    assert.equal(code, 1);
  });
});

/** Negative: a process group. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}
