/**
 * The console page's files, read once: those of `console/` that a browser needs, and the plotting library's two. Served
 * with a tag of their content, so that a browser asks each time and loads only what has changed.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

export interface ConsoleFile {
  readonly content: Buffer;
  readonly type: string;
  /** As in the header: quoted. */
  readonly etag: string;
}

/** The page's own scripts and styles, its own member, nothing else; nothing inline. */
export const CONSOLE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** By path: `/` and `/NAME`. */
export function readConsoleFiles(): ReadonlyMap<string, ConsoleFile> {
  const folder = path.join(import.meta.dirname, 'console');
  const files = new Map<string, ConsoleFile>();
  for (const name of readdirSync(folder)) {
    const type = TYPES[path.extname(name)];
    if (type === undefined) continue;
    files.set(name === 'index.html' ? '/' : `/${name}`, fileOf(path.join(folder, name), type));
  }
  const { resolve } = createRequire(import.meta.url);
  files.set('/uplot.js', fileOf(resolve('uplot/dist/uPlot.iife.min.js'), TYPES['.js']!));
  files.set('/uplot.css', fileOf(resolve('uplot/dist/uPlot.min.css'), TYPES['.css']!));
  return files;
}

function fileOf(from: string, type: string): ConsoleFile {
  const content = readFileSync(from);
  const etag = `"${createHash('sha256').update(content).digest('base64url').slice(0, 22)}"`;
  return { content, type, etag };
}

/** Whether a request's `If-None-Match` says that its sender has this content. */
export function hasAlready(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  return ifNoneMatch.split(',').some((tag) => ['*', etag].includes(tag.trim().replace(/^W\//, '')));
}
