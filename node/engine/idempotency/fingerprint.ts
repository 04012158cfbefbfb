/**
 * What a request asks for, as 64 bits: two requests with one idempotency key are one request only if it is equal. It
 * guards against mistakes of programs, not against adversaries.
 */
import type { Transaction } from '../../../certifier/types.ts';
import { assert, RunningDigest } from '../../../gcs/base/index.ts';
import { isBesideRows } from '../key-codec.ts';

/** How it is asked for, which a repetition may do otherwise. */
const NOT_ASKED_FOR: ReadonlySet<string> = new Set([
  'id',
  'idempotencyKey',
  'attempts',
  'atLeast',
  'consistency',
  'timeoutMs',
  'waitTimeoutMs',
  'lockTimeoutMs',
  'profile',
]);

const NULL = 1;
const FALSE = 2;
const TRUE = 3;
const NUMBER = 4;
const TEXT = 5;
const BYTES = 6;
const LIST = 7;
const OBJECT = 8;

const scratch = new DataView(new ArrayBuffer(8));

/** Of a statement without `tx`, or a `transact`. */
export function fingerprintOfRequest(message: Readonly<Record<string, unknown>>): string {
  const digest = new RunningDigest();
  const asked = Object.entries(message).filter(([name]) => !NOT_ASKED_FOR.has(name));
  addValue(digest, Object.fromEntries(asked));
  return digest.toString();
}

/**
 * Of a transaction that its client began and named: which rows it writes, and deletes. Not how they are afterwards: who
 * repeats it has read what is newer, and times are generated anew. So index entries, which follow from values, do not count.
 */
export function fingerprintOfWrites({ writeSet }: Transaction): string {
  const digest = new RunningDigest();
  const rows = writeSet.filter(({ kind, key }) => kind !== 'check' && !isBesideRows(key));
  const written = rows.map(({ kind, key }) => `${kind} ${key}`);
  for (const row of written.sort()) addText(digest, row);
  return digest.toString();
}

/** Objects by the order of their names. */
function addValue(digest: RunningDigest, value: unknown): void {
  if (value === null || value === undefined) return digest.add(NULL);
  if (typeof value === 'boolean') return digest.add(value ? TRUE : FALSE);
  if (typeof value === 'number') {
    digest.add(NUMBER);
    scratch.setFloat64(0, value);
    digest.add(scratch.getUint32(0));
    return digest.add(scratch.getUint32(4));
  }
  if (typeof value === 'string' || typeof value === 'bigint') {
    digest.add(TEXT);
    return addText(digest, String(value));
  }
  if (value instanceof Uint8Array) {
    digest.add(BYTES);
    digest.add(value.length);
    for (const byte of value) digest.add(byte);
    return;
  }
  if (Array.isArray(value)) {
    digest.add(LIST);
    digest.add(value.length);
    for (const each of value) addValue(digest, each);
    return;
  }
  assert(typeof value === 'object', 'a request is made of plain values');
  const entries = Object.entries(value).filter(([, each]) => each !== undefined);
  digest.add(OBJECT);
  digest.add(entries.length);
  for (const [name, each] of entries.sort(([one], [other]) => (one < other ? -1 : 1))) {
    addText(digest, name);
    addValue(digest, each);
  }
}

function addText(digest: RunningDigest, text: string): void {
  digest.add(text.length);
  for (let i = 0; i < text.length; i++) digest.add(text.charCodeAt(i));
}
