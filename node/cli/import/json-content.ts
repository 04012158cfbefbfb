import { isUtf8 } from 'node:buffer';
import { parseJsonText } from './json-text.ts';
import type { SourceContent } from './source-row.ts';

/** What the bytes of one row are as JSON. */
export function jsonContent(bytes: Buffer): SourceContent {
  const text = bytes.toString('utf8').trim();
  if (!isUtf8(bytes)) return { kind: 'unreadable', problem: 'text that is not UTF-8', text };
  try {
    return { kind: 'value', value: parseJsonText(text), text };
  } catch (error) {
    return { kind: 'unreadable', problem: `not JSON: ${(error as Error).message}`, text };
  }
}
