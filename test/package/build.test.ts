import assert from 'node:assert/strict';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { checkout, type Result, run } from './testing/empty-project.ts';

describe('building what the package ships', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-build-'));
  after(() => rmSync(folder, { recursive: true }));
  mkdirSync(path.join(folder, 'bin'));
  copyFileSync(path.join(checkout, 'bin', 'build-dist.cjs'), path.join(folder, 'bin', 'build-dist.cjs'));
  const build = (command: string): Promise<Result> =>
    run(process.execPath, [path.join(folder, 'bin', 'build-dist.cjs')], { environment: { npm_command: command } });

  /** Installing does not need it, packing does. */
  async function isLeftOut(): Promise<void> {
    const installed = await build('ci');
    assert.match(installed.errors, /^concert: dist\/ is not built, since typescript is not installed, .*\n$/);
    assert.equal(installed.code, 0);
    const packed = await build('pack');
    assert.equal(packed.errors, installed.errors);
    assert.equal(packed.code, 1);
    assert.ok(!existsSync(path.join(folder, 'dist')));
  }

  test('is left out where development dependencies are, but packing fails', isLeftOut);

  test('is left out where the compiler lacks the part for this platform, but packing fails', async () => {
    const typescript = path.join(folder, 'node_modules', 'typescript');
    mkdirSync(path.join(typescript, 'bin'), { recursive: true });
    writeFileSync(path.join(typescript, 'package.json'), '{ "name": "typescript" }');
    writeFileSync(
      path.join(typescript, 'bin', 'tsc'),
      'throw new Error("Unable to resolve the part for this platform");',
    );
    await isLeftOut();
  });
});
