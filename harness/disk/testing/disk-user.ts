/** A process that does to files what its parent asks for, one call at a time, and tells how that went. */
import fs from 'node:fs';
import path from 'node:path';

export type Asked =
  | { readonly call: 'write'; readonly file: string; readonly at: number; readonly text: string; readonly syncs?: true }
  | { readonly call: 'append' | 'writeWhole'; readonly file: string; readonly text: string }
  | { readonly call: 'read' | 'fsync' | 'fdatasync' | 'syncFolder'; readonly file: string }
  | { readonly call: 'truncate'; readonly file: string; readonly length: number };

export interface Done {
  readonly error: string | null;
  readonly result: string | null;
  readonly ms: number;
}

const [, , folder] = process.argv;

function act(asked: Asked): string | null {
  const file = path.join(folder!, asked.file);
  if (asked.call === 'writeWhole') {
    fs.writeFileSync(file, asked.text);
    return null;
  }
  if (asked.call === 'append') {
    fs.appendFileSync(file, asked.text);
    return null;
  }
  if (asked.call === 'read') return fs.readFileSync(file, 'utf8');
  const isFolder = asked.call === 'syncFolder';
  const syncs = asked.call === 'write' && asked.syncs ? fs.constants.O_DSYNC : 0;
  const descriptor = fs.openSync(file, isFolder ? fs.constants.O_RDONLY : fs.constants.O_RDWR | syncs);
  try {
    if (asked.call === 'write') fs.writevSync(descriptor, [Buffer.from(asked.text)], asked.at);
    else if (asked.call === 'truncate') fs.ftruncateSync(descriptor, asked.length);
    else if (asked.call === 'fdatasync') fs.fdatasyncSync(descriptor);
    else fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
  return null;
}

process.on('message', (asked: Asked) => {
  const startedAt = performance.now();
  let error: string | null = null;
  let result: string | null = null;
  try {
    result = act(asked);
  } catch (thrown) {
    error = (thrown as NodeJS.ErrnoException).code ?? String(thrown);
  }
  process.send!({ error, result, ms: performance.now() - startedAt } satisfies Done);
});
