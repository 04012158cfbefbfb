import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { type Cleanup, LocalGroup } from '../harness/index.ts';
import { TestBrowser, whyNoBrowser } from '../test/browser/browser.ts';

const root = path.join(import.meta.dirname, '..');
const look = { width: 800, height: 600, colorScheme: 'light' } as const;

/** What the compiler makes of the client's door for browsers and of what it imports, as plain files. */
function compiled(t: Cleanup): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-client-browser-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const compilerOptions = { rootDir: root, outDir: folder, composite: false, declaration: false };
  const config = {
    extends: path.join(root, 'client', 'tsconfig.browser.json'),
    compilerOptions: { ...compilerOptions, tsBuildInfoFile: path.join(folder, 'info') },
    files: [path.join(root, 'client', 'browser.ts')],
    references: [],
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  const compiler = path.join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [compiler, '-p', folder], { encoding: 'utf8' });
  assert.equal(status, 0, stdout);
  return folder;
}

/** Serves an empty page, and the files of `folder`, on loopback. */
async function served(t: Cleanup, folder: string): Promise<string> {
  const server = createServer((request, response) => {
    const isPage = request.url === '/';
    response.setHeader('Content-Type', isPage ? 'text/html' : 'text/javascript');
    response.end(
      isPage ? '<!doctype html><link rel="icon" href="data:,">' : readFileSync(path.join(folder, request.url!)),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

/** Runs in the page. `urls`: of the members. */
const BEFORE = (urls: readonly string[]) => `(async () => {
  const { connect, ConcertError } = await import('/client/browser.js');
  const client = await connect(${JSON.stringify(urls)}, { prefer: 'first' });
  window.client = client;
  const table = 'test.browser';
  await client.createTable({ table, primaryKey: ['id'] });
  window.told = [];
  const subscription = client.subscribe('changes', { table });
  (async () => {
    for await (const event of subscription) for (const { after } of event.rows ?? []) told.push(after.id);
  })();
  await client.put(table, { id: 1, count: 0, photo: new Uint8Array([1, 2, 250]) });
  const count = await client.transaction(async (tx) => {
    const row = await tx.get(table, 1);
    tx.update(table, 1, { count: row.count + 1 });
    return row.count + 1;
  });
  const row = await client.get(table, 1);
  const refusal = await client.insert(table, { id: 1 }).catch((error) => error);
  return {
    count,
    rowCount: row.count,
    photo: [...row.photo],
    isPlain: row.photo.constructor === Uint8Array,
    code: refusal instanceof ConcertError && refusal.code,
  };
})()`;

const AFTER = `(async () => {
  const table = 'test.browser';
  await client.transaction((tx) => tx.insert(table, { id: 2 }));
  while (!told.includes(2)) await new Promise((resolve) => setTimeout(resolve, 20));
  const first = client.status()[0].problem;
  await client.close();
  return { told, hasProblem: first !== null };
})()`;

describe('in a browser', { skip: whyNoBrowser() }, () => {
  test('the compiled client runs unbundled: transactions, bytes, errors, and a subscription that outlives a member', async (t) => {
    const folder = compiled(t);
    const page = await served(t, folder);
    const group = await LocalGroup.create(t);
    const browser = await TestBrowser.launch(t);
    const watched = await browser.open(page, look);
    const urls = group.members.map((member) => member.url);
    assert.deepEqual(await watched.page.evaluate(BEFORE(urls)), {
      count: 1,
      rowCount: 1,
      photo: [1, 2, 250],
      isPlain: true,
      code: 'DUPLICATE_KEY',
    });
    assert.deepEqual(watched.takeComplaints(), []);
    await group.members[0]!.process.kill();
    const after = await watched.page.evaluate(AFTER);
    assert.deepEqual(after, { told: [1, 1, 2], hasProblem: true });
    // A browser reports each connection that it could not open; nothing else is complained of.
    for (const complaint of watched.takeComplaints()) assert.match(complaint, /WebSocket connection to/);
  });
});
