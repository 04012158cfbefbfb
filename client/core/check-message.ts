/**
 * What a request may hold, checked before it is sent: in both subprotocols a member drops a frame as a whole if one value in
 * it cannot be, and then nobody knows which request that was. What is `undefined` in an object is left out, as JSON does.
 */
import { invalidArgument } from './own-errors.ts';

/** `id` is given by the connection that it is sent on. */
export interface Message {
  id: number;
  op: string;
  [argument: string]: unknown;
}

/** The contract allows 32 levels; a batch is one, and what a container holds is another. */
const DEPTH_MAX = 30;

const INTEGER_MIN = -(2n ** 63n);
const INTEGER_MAX = 2n ** 63n - 1n;

// What `inspect` finds, as bits.
const IS_COPIED = 1;
const IS_REFUSED = 2;

/** The message as it can be sent: itself, or a copy where something is undefined or of a class. @throws ConcertError INVALID_ARGUMENT */
export function sendable(message: Message): Message {
  const found = inspect(message, 1);
  if (found === 0) return message;
  if ((found & IS_REFUSED) !== 0) throw refusal(message);
  return copied(message) as Message;
}

function inspect(value: unknown, depth: number): number {
  switch (typeof value) {
    case 'string':
      return isWellFormed(value) ? 0 : IS_REFUSED;
    case 'number':
      return Number.isFinite(value) ? 0 : IS_REFUSED;
    case 'boolean':
      return 0;
    case 'bigint':
      return value >= INTEGER_MIN && value <= INTEGER_MAX ? 0 : IS_REFUSED;
    case 'object':
      break;
    default:
      return IS_REFUSED;
  }
  if (value === null || value instanceof Uint8Array) return 0;
  if (depth > DEPTH_MAX) return IS_REFUSED;
  let found = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) found |= inspect(value[i], depth + 1);
    return found;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    if (!isRecord(value)) return IS_REFUSED;
    // Of a class, which may bring its own ideas of how it is encoded: what is sent is a copy of its fields.
    found = IS_COPIED;
  }
  for (const name in value) {
    const part = (value as Record<string, unknown>)[name];
    found |= part === undefined ? IS_COPIED : inspect(part, depth + 1);
  }
  return found;
}

/** Not a Date, a Map or the like: those have no form in the protocol. */
function isRecord(value: object): boolean {
  return tagOf(value) === 'Object';
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

const SURROGATE = /\p{Surrogate}/u;

const isWellFormed: (text: string) => boolean =
  'isWellFormed' in String.prototype
    ? (text) => (text as string & { isWellFormed(): boolean }).isWellFormed()
    : (text) => !SURROGATE.test(text);

function copied(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  if (Array.isArray(value)) return value.map(copied);
  const kept = Object.entries(value).filter(([, part]) => part !== undefined);
  return Object.fromEntries(kept.map(([name, part]) => [name, copied(part)]));
}

/** The first thing that `inspect` refused, by where it stands. */
function refusal(message: Message): Error {
  for (const [argument, value] of Object.entries(message)) {
    const found = value === undefined ? null : problemIn(value, 2, argument);
    if (found !== null) return invalidArgument(found.path, found.problem);
  }
  return invalidArgument(message.op, 'a value that cannot be sent');
}

function problemIn(value: unknown, depth: number, path: string): { path: string; problem: string } | null {
  if (inspect(value, depth) < IS_REFUSED) return null;
  const refused = (problem: string) => ({ path, problem });
  if (typeof value === 'string') return refused('text with a lone surrogate');
  if (typeof value === 'number') return refused(`${value}; numbers are finite`);
  if (typeof value === 'bigint') return refused(`${value}; integers have 64 bits`);
  if (typeof value !== 'object' || value === null) return refused(`${typeof value} cannot be sent`);
  if (depth > DEPTH_MAX) return refused(`nested deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const found = problemIn(value[i], depth + 1, `${path}[${i}]`);
      if (found !== null) return found;
    }
    return null;
  }
  if (!isRecord(value)) return refused(`a ${tagOf(value)} cannot be sent${hintFor(value)}`);
  for (const [name, part] of Object.entries(value)) {
    const found = part === undefined ? null : problemIn(part, depth + 1, `${path}.${name}`);
    if (found !== null) return found;
  }
  return null;
}

function hintFor(value: object): string {
  if (tagOf(value) === 'Date') return '; a timestamp is an ISO string: use its toISOString()';
  if (tagOf(value) === 'ArrayBuffer') return '; bytes are a Uint8Array';
  return '';
}
