import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';

const root = path.join(import.meta.dirname, '..');
const pureProjects = ['gcs/base', 'gcs/core', 'certifier', 'applier', 'node/engine', 'client/core', 'checker'];
const scratch = mkdtempSync(path.join(os.tmpdir(), 'concert-purity-'));
after(() => rmSync(scratch, { recursive: true }));

/** Type-checks `source` as if it were one more file of `project`; returns the compiler's complaints. */
function compileIn(project: string, source: string): string {
  const folder = mkdtempSync(path.join(scratch, 'project-'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(path.join(folder, 'fixture.ts'), source);
  const own = JSON.parse(readFileSync(path.join(root, project, 'tsconfig.json'), 'utf8'));
  const config = {
    extends: path.join(root, project, 'tsconfig.json'),
    compilerOptions: { rootDir: '/', outDir: 'out', tsBuildInfoFile: 'out/info' },
    include: ['fixture.ts'],
    exclude: [],
    references: own.references.map((reference: { path: string }) => ({
      path: path.join(root, project, reference.path),
    })),
  };
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(config));
  return run('typescript/bin/tsc', ['-p', folder, '--noEmit', 'false']);
}

/** Lints `source` as if it were a file of `project`, in a copy of the configuration; returns the linter's complaints. */
function lintIn(project: string, source: string): string {
  const copy = mkdtempSync(path.join(scratch, 'lint-'));
  cpSync(path.join(root, 'biome.json'), path.join(copy, 'biome.json'));
  cpSync(path.join(root, 'biome'), path.join(copy, 'biome'), { recursive: true });
  mkdirSync(path.join(copy, project), { recursive: true });
  writeFileSync(path.join(copy, project, 'fixture.ts'), source);
  return run('@biomejs/biome/bin/biome', ['lint', '--vcs-enabled=false', '.'], copy);
}

function run(script: string, args: readonly string[], cwd = root): string {
  const { stdout, stderr } = spawnSync(process.execPath, [path.join(root, 'node_modules', script), ...args], {
    cwd,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

describe('a pure part', () => {
  for (const project of pureProjects) {
    test(`${project} does not compile with a global of a runtime`, () => {
      const impure = [
        'setTimeout(() => {}, 1)',
        'process.exit()',
        'Buffer.alloc(1)',
        'console.log(1)',
        'performance.now()',
      ];
      const output = compileIn(project, `${impure.join(';\n')};\nexport {};\n`);
      for (let line = 1; line <= impure.length; line++) {
        assert.match(output, new RegExp(`fixture\\.ts\\(${line},\\d+\\): error`), impure[line - 1]);
      }
    });

    test(`${project} does not compile with an import of the runtime's`, () => {
      assert.match(
        compileIn(project, "import 'node:fs';\nimport { readFileSync } from 'node:fs';\nreadFileSync('x');\n"),
        /error TS2591/,
      );
    });

    test(`${project} does not compile with an import from a part that it does not declare`, () => {
      const forbidden = path.join(root, 'bench/index.ts');
      assert.match(compileIn(project, `import '${forbidden}';\n`), /error TS6307/);
    });

    test(`${project} compiles with what the language itself has`, () => {
      assert.equal(compileIn(project, 'export const last = [3, 1].at(-1);\n'), '');
    });

    test(`${project} is refused by the linter with the time of day, a locale or chance`, () => {
      assert.match(lintIn(project, 'export const now = Date.now();\n'), /Time is handed in/);
      assert.match(lintIn(project, 'export const f = new Intl.NumberFormat();\n'), /locale is not part/);
      assert.match(lintIn(project, 'export const r = Math.random();\n'), /Chance is handed in/);
    });
  }

  test('the group layer knows nobody above it', () => {
    assert.match(compileIn('gcs/core', `import '${path.join(root, 'certifier/types.ts')}';\n`), /error TS6307/);
  });
});
