/**
 * Runs the whole suite, or the files given as arguments: `npm test`, `npm test -- certifier/certifier.test.ts`.
 * Test files stand beside the code and end in `.test.ts`.
 */

import { globSync } from 'node:fs';
import path from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

const root = path.join(import.meta.dirname, '..');
const asked = process.argv.slice(2);
const files =
  asked.length > 0
    ? asked.map((file) => path.resolve(file))
    : globSync('**/*.test.ts', { cwd: root, exclude: ['node_modules/**', '.build/**', 'dist/**'] })
        .sort()
        .map((file) => path.join(root, file));

const events = run({ files, concurrency: 2, timeout: 20 * 60_000 });
events.on('test:fail', () => {
  process.exitCode = 1;
});
events.compose(new spec()).pipe(process.stdout);
