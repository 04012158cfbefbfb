/**
 * Values as people type them: JSON5 (unquoted names, single quotes, trailing commas, comments), and beyond it
 * `{$bytes: base64}` for bytes, integers of 64 bits, and texts over several lines.
 */
import JSON5 from 'json5';
import { Nesting } from './nesting.ts';
import { StatementError } from './statement-error.ts';

/** What a member takes: a request nests no deeper. */
export const DEPTH_MAX = 32;

/** @param offset where `text` lies in its statement @throws StatementError */
export function parseValue(text: string, offset = 0): unknown {
  const { json5, replacements } = prepare(text, offset);
  try {
    return JSON5.parse(json5, revive);
  } catch (error) {
    const { lineNumber, columnNumber } = error as SyntaxError & { lineNumber: number; columnNumber: number };
    const at = placeOf(json5, lineNumber, columnNumber);
    const before = replacements.filter((replacement) => replacement.at <= at);
    const inText = before.reduce((place, { longerBy }) => place - longerBy, at);
    throw new StatementError(problemAt(text, inText), offset + Math.min(inText, text.length));
  }
}

interface Replacement {
  /** In the replaced text, behind the replacement. */
  readonly at: number;
  readonly longerBy: number;
}

/** No character: nobody types a name of it. */
const INTEGER = '\uFDD0';

/** Writes out what JSON5 would lose or refuse: long integers, and line ends in quotes. */
function prepare(text: string, offset: number): { json5: string; replacements: readonly Replacement[] } {
  const nesting = new Nesting();
  const replacements: Replacement[] = [];
  let json5 = '';
  const replace = (original: string, replacement: string) => {
    json5 += replacement;
    if (replacement.length !== original.length)
      replacements.push({ at: json5.length, longerBy: replacement.length - original.length });
  };
  let bareFrom = -1;
  for (let i = 0; i <= text.length; i++) {
    const unit = text[i] ?? '';
    const isPlain = !nesting.isInQuotes && !nesting.isInComment;
    if (isPlain && /[\w+.$-]/.test(unit)) {
      if (bareFrom < 0) bareFrom = i;
      nesting.step(unit);
      continue;
    }
    if (bareFrom >= 0) {
      const bare = text.slice(bareFrom, i);
      replace(bare, longInteger(bare) ?? bare);
      bareFrom = -1;
    }
    if (unit === '') break;
    nesting.step(unit);
    if (nesting.depth > DEPTH_MAX) throw new StatementError(`nested deeper than ${DEPTH_MAX}`, offset + i);
    replace(unit, nesting.isInQuotes && text[i - 1] !== '\\' ? (LINE_ENDS[unit] ?? unit) : unit);
  }
  return { json5, replacements };
}

const LINE_ENDS: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\u2028': '\\u2028',
  '\u2029': '\\u2029',
};

/** An integer of 64 bits beyond what a number holds exactly, in a form that `revive` undoes; else null. */
function longInteger(bare: string): string | null {
  if (!/^[+-]?[1-9]\d{15,18}$/.test(bare) || Number.isSafeInteger(Number(bare))) return null;
  const integer = BigInt(bare.replace('+', ''));
  return BigInt.asIntN(64, integer) === integer ? `{"${INTEGER}":"${integer}"}` : null;
}

function revive(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  if (Object.keys(value).length !== 1) return value;
  const { $bytes, [INTEGER]: integer } = value as Record<string, unknown>;
  if (typeof integer === 'string' && /^-?\d+$/.test(integer)) return BigInt(integer);
  if (typeof $bytes === 'string' && isBase64($bytes)) return new Uint8Array(Buffer.from($bytes, 'base64'));
  return value;
}

function isBase64(text: string): boolean {
  return /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(text);
}

/** JSON5 tells the column behind the character that it could not take. */
function placeOf(text: string, lineNumber: number, columnNumber: number): number {
  let lineStart = 0;
  for (let line = 1; line < lineNumber; line++) lineStart = text.indexOf('\n', lineStart) + 1;
  return Math.max(lineStart, lineStart + columnNumber - 1);
}

function problemAt(text: string, place: number): string {
  if (place >= text.length) return 'the value is not finished';
  const rest = text.slice(place);
  const word = /^[\p{L}_$][\p{L}\p{N}_$]*/u.exec(rest)?.[0];
  if (word !== undefined) return `unexpected ${word.slice(0, 40)}; texts are written in quotes`;
  return `unexpected ${JSON.stringify(String.fromCodePoint(rest.codePointAt(0)!))}`;
}
