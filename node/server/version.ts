import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

let known: string | null = null;

/** Version of this package: from the nearest `package.json` above. */
export function packageVersion(): string {
  if (known !== null) return known;
  let folder = import.meta.dirname;
  while (!existsSync(path.join(folder, 'package.json'))) folder = path.dirname(folder);
  known = String(JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).version);
  return known;
}
