import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { outerEnvironment } from './empty-project.ts';

/** A Node of this machine that is too old for Concert; null: it has none. */
export function olderNode(): string | null {
  for (const place of outerEnvironment().PATH!.split(path.delimiter)) {
    const node = path.join(place, 'node');
    if (!existsSync(node)) continue;
    const major = Number(execFileSync(node, ['--print', 'process.versions.node.split(".")[0]'], { encoding: 'utf8' }));
    if (major < 24) return node;
  }
  return null;
}
