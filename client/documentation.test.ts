import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { LocalGroup } from '../harness/index.ts';
import { settingsOf } from './core/settings.ts';

const read = (file: string) => readFileSync(path.join(import.meta.dirname, file), 'utf8');
const readme = read('README.md');

describe('the documentation of the client', () => {
  test('names every option of connect with its default', () => {
    for (const [name, value] of Object.entries(settingsOf({}))) {
      const row = readme.split('\n').find((line) => line.startsWith('| `') && line.includes(`\`${name}\``));
      assert(row !== undefined, name);
      const shown =
        { null: 'none', 1048576: '1 MiB', spread: '`spread`' }[String(value)] ?? value!.toLocaleString('en');
      assert(row.split('|')[2]!.includes(String(shown)), `${name}: ${shown}`);
    }
  });

  test('names every error that the client raises itself', () => {
    const codes = [...read('core/own-errors.ts').matchAll(/own\(\s*'([A-Z_]+)'/g)].map(([, code]) => code!);
    assert(codes.length > 8);
    const head = read('concert-error.ts');
    for (const code of codes) assert(head.includes(code), code);
  });

  test('has an example that runs as it stands', async (t) => {
    const group = await LocalGroup.create(t);
    const folder = mkdtempSync(path.join(tmpdir(), 'concert-client-example-'));
    t.after(() => rmSync(folder, { recursive: true, force: true }));
    const [, example] = /```ts\n([\s\S]*?)```/.exec(readme)!;
    const urls = group.members.map((member) => member.url).join(',');
    const program = example!
      .replace("from 'concert'", `from '${path.join(import.meta.dirname, 'index.ts')}'`)
      .replace(/ws:\/\/127\.0\.0\.1:7001[^']*/, urls);
    const file = path.join(folder, 'example.ts');
    writeFileSync(file, `${program}console.log('left', left);\n`);
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 });
    assert.equal(status, 0, stderr);
    assert.match(stdout, /event: 'change'/);
    assert.match(stdout, /left 4\n$/);
  });
});
