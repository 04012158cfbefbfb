import type { ColumnType } from './column-types.ts';
import { parseJsonText } from './json-text.ts';

const INTEGER = /^[+-]?\d+$/;
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const TRUE = /^(?:true|t|1)$/i;
const FALSE = /^(?:false|f|0)$/i;

/** The value that a field's text stands for; undefined: none of this type. No text is null, but in a text column. */
export function readField(text: string, type: ColumnType): unknown {
  if (type === 'text') return text;
  if (text === '') return null;
  switch (type) {
    case 'integer': {
      if (!INTEGER.test(text)) return undefined;
      const value = Number(text);
      return Number.isSafeInteger(value) ? value : BigInt(text.replace('+', ''));
    }
    case 'double':
      return NUMBER.test(text) ? Number(text) : undefined;
    case 'boolean':
      return TRUE.test(text) ? true : FALSE.test(text) ? false : undefined;
    case 'bytes':
      return bytesOfBase64(text);
    case 'json':
      try {
        return parseJsonText(text);
      } catch {
        return undefined;
      }
    case 'decimal':
    case 'timestamp':
      // Their form is checked with all others.
      return text;
  }
}

export function bytesOfBase64(text: string): Uint8Array | undefined {
  return BASE64.test(text) ? new Uint8Array(Buffer.from(text, 'base64')) : undefined;
}
