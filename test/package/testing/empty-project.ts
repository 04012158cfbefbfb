/** A folder that knows nothing of this checkout, and the package in it as `npm install` of the packed tarball leaves it. */
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

export const checkout = path.join(import.meta.dirname, '..', '..', '..');

export interface Result {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

/** The environment without what npm, the test runner and the operator say about the project that runs the tests. */
export function outerEnvironment(): NodeJS.ProcessEnv {
  const told = /^(CONCERT_|NODE_TEST|NODE_OPTIONS$|INIT_CWD$|npm_(?!config_)|npm_config_(local_|global_)?prefix$)/;
  const variables = Object.entries(process.env).filter(([name]) => !told.test(name));
  const own = path.join(checkout, 'node_modules');
  const places = (process.env.PATH ?? '').split(path.delimiter).filter((place) => !place.startsWith(own));
  return { ...Object.fromEntries(variables), PATH: places.join(path.delimiter) };
}

/** Runs a program to its end. */
export function run(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<Result> {
  const env = { ...outerEnvironment(), ...options.environment };
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: options.cwd ?? tmpdir(), env, encoding: 'utf8' }, (error, output, errors) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ code: Number(error?.code ?? 0), output, errors });
    });
  });
}

/** As `run`, for what has to succeed. Its output. */
export async function runs(
  program: string,
  args: readonly string[],
  options?: Parameters<typeof run>[2],
): Promise<string> {
  const { code, output, errors } = await run(program, args, options);
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with code ${code}\n${output}${errors}`);
  return output;
}

/** Packs this checkout and installs the tarball in a new folder, which the caller removes. */
export async function installedPackage(): Promise<string> {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-package-'));
  writeFileSync(path.join(folder, 'package.json'), '{ "name": "empty", "private": true, "type": "module" }\n');
  await runs('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: checkout });
  const [tarball] = globSync('concert-*.tgz', { cwd: folder });
  await runs('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`], { cwd: folder });
  return folder;
}
