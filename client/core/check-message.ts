/**
 * What a request may hold, checked before it is sent: in both subprotocols a member drops a frame as a whole if one value in
 * it cannot be, and then nobody knows which request that was. What is `undefined` in an object is left out, as JSON does.
 */
import type { ConcertError } from '../concert-error.ts';
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

/** Where a value stands in its message. */
interface Place {
  readonly within: Place | null;
  readonly name: string | number;
}

/**
 * The message, with copies in place of what its caller gave: what is sent, perhaps more than once and later, is what it was
 * when it was asked.
 *
 * @throws ConcertError INVALID_ARGUMENT
 */
export function sendable(message: Message): Message {
  for (const name in message) {
    const value = message[name];
    if (value === undefined) delete message[name];
    else if (typeof value === 'object' && value !== null) message[name] = copyOf(value, 2, { within: null, name });
    else check(value, null, name);
  }
  return message;
}

function copyOf(value: object, depth: number, place: Place): object {
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (depth > DEPTH_MAX) throw refusal(place.within, place.name, `nested deeper than ${DEPTH_MAX}`);
  if (Array.isArray(value)) {
    const copy = new Array<unknown>(value.length);
    for (let at = 0; at < value.length; at++) copy[at] = partOf(value[at], depth, place, at);
    return copy;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null && tagOf(value) !== 'Object') {
    throw refusal(place.within, place.name, `a ${tagOf(value)} cannot be sent${hintFor(value)}`);
  }
  const copy: Record<string, unknown> = {};
  for (const name of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[name];
    if (part === undefined) continue;
    const copied = partOf(part, depth, place, name);
    if (name === '__proto__') {
      Object.defineProperty(copy, name, { value: copied, enumerable: true, writable: true, configurable: true });
    } else copy[name] = copied;
  }
  return copy;
}

function partOf(value: unknown, depth: number, within: Place, name: string | number): unknown {
  if (typeof value === 'object' && value !== null) return copyOf(value, depth + 1, { within, name });
  check(value, within, name);
  return value;
}

function check(value: unknown, within: Place | null, name: string | number): void {
  switch (typeof value) {
    case 'string':
      if (!isWellFormed(value)) throw refusal(within, name, 'text with a lone surrogate');
      return;
    case 'number':
      if (!Number.isFinite(value)) throw refusal(within, name, `${value}; numbers are finite`);
      return;
    case 'bigint':
      if (value < INTEGER_MIN || value > INTEGER_MAX) throw refusal(within, name, `${value}; integers have 64 bits`);
      return;
    case 'boolean':
    case 'object':
      return;
    default:
      throw refusal(within, name, `${typeof value} cannot be sent`);
  }
}

const SURROGATE = /\p{Surrogate}/u;

const isWellFormed: (text: string) => boolean =
  'isWellFormed' in String.prototype
    ? (text) => (text as string & { isWellFormed(): boolean }).isWellFormed()
    : (text) => !SURROGATE.test(text);

function refusal(within: Place | null, name: string | number, problem: string): ConcertError {
  let path = '';
  for (let place: Place | null = { within, name }; place !== null; place = place.within) {
    const { name: part } = place;
    path = (typeof part === 'number' ? `[${part}]` : `.${part}`) + path;
  }
  return invalidArgument(path.slice(1), problem);
}

function tagOf(value: object): string {
  return Object.prototype.toString.call(value).slice('[object '.length, -1);
}

function hintFor(value: object): string {
  if (tagOf(value) === 'Date') return '; a timestamp is an ISO string: use its toISOString()';
  if (tagOf(value) === 'ArrayBuffer') return '; bytes are a Uint8Array';
  return '';
}
