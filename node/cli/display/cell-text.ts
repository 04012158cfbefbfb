/** Values as text for a terminal. What comes from a database must not move its cursor, nor turn its text around. */
import stringWidth from 'string-width';
import { valueJson } from '../value-json.ts';

/** One line, whatever is in the value. An absent column is empty. */
export function cellText(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return visible(value);
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  return visible(typeof value === 'object' ? valueJson(value) : String(value));
}

/** Columns that `text` takes on a terminal. */
export function widthOf(text: string): number {
  return isPlainAscii(text) ? text.length : stringWidth(text);
}

/** `text` in exactly `width` columns, cut with … if it is longer. */
export function fitted(text: string, width: number, align: 'left' | 'right' = 'left'): string {
  const shown = cut(text, width);
  const blanks = ' '.repeat(Math.max(0, width - widthOf(shown)));
  return align === 'left' ? shown + blanks : blanks + shown;
}

export function cut(text: string, width: number): string {
  if (isPlainAscii(text)) return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
  // Measuring costs more than looking at the beginning, which is all that is shown of a long text.
  if (text.length <= 8 * width && stringWidth(text) <= width) return text;
  let shown = '';
  let left = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= stringWidth(segment);
    if (left < 0) break;
    shown += segment;
  }
  return `${shown}…`;
}

const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });

function isPlainAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text);
}

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Control characters and those that change the direction of text, as escapes. */
export function visible(text: string): string {
  if (isPlainAscii(text)) return text;
  return text
    .toWellFormed()
    .replaceAll(
      /[\p{Cc}\u2028\u2029\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu,
      (unit) => ESCAPES[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
}
