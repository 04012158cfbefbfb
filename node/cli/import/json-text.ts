/**
 * JSON as values without loss: a whole number that a double cannot hold exactly becomes a bigint, where `JSON.parse` would
 * quietly give its neighbour.
 */

/** `text` has digits enough for a number beyond 2^53: only then the slower way is taken. */
const LONG_NUMBER = /\d{16}/;
const INTEGER = /^-?\d+$/;

/** @throws SyntaxError */
export function parseJsonText(text: string): unknown {
  if (!LONG_NUMBER.test(text)) return JSON.parse(text);
  return (JSON.parse as ParseWithSource)(text, (_name, value, context) => {
    if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
    const { source } = context;
    return source !== undefined && INTEGER.test(source) ? BigInt(source) : value;
  });
}

/** The reviver's third argument: ECMAScript's "JSON.parse source text access", which V8 has. */
type ParseWithSource = (
  text: string,
  reviver: (name: string, value: unknown, context: { readonly source?: string }) => unknown,
) => unknown;
