import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import type { LogEntry } from '../types.ts';
import { foundingView, without } from '../views.ts';
import { Assembler } from './assembler.ts';
import { runLengthCompression } from './compression.ts';
import { encodeFragment } from './fragment.ts';
import { TestLog } from './testing/message-log.ts';

const setup = { compression: runLengthCompression, messageBytesMax: 100 };
const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);

interface Place {
  readonly origin?: number;
  readonly incarnation?: number;
  readonly messageNumber: number;
}

const log = new TestLog();
const first = (place: Place, messageBytes: number, ...part: number[]): LogEntry =>
  log.append({
    kind: 'fragment',
    ...place,
    payload: encodeFragment({ isLast: false, messageBytes, part: bytes(...part) }),
  });
const next = (place: Place, ...part: number[]): LogEntry =>
  log.append({
    kind: 'fragment',
    ...place,
    payload: encodeFragment({ isLast: false, messageBytes: null, part: bytes(...part) }),
  });
const last = (place: Place, ...part: number[]): LogEntry =>
  log.append({
    kind: 'fragment',
    ...place,
    payload: encodeFragment({ isLast: true, messageBytes: null, part: bytes(...part) }),
  });

test('a large message has the place, number and stamp of its last fragment', () => {
  const assembler = new Assembler(setup);
  assert.equal(assembler.take(first({ messageNumber: 1 }, 3, 7)), null);
  const end = last({ messageNumber: 5 }, 8, 9);
  const { index, term, origin, incarnation, messageNumber, stampMs } = end;
  const expected = {
    kind: 'message',
    index,
    term,
    origin,
    incarnation,
    messageNumber,
    stampMs,
    payload: bytes(7, 8, 9),
  };
  assert.deepEqual(assembler.take(end), expected);
  assert.equal(assembler.partialFrom, null);
});

test('H15: what a member has begun is dropped at the view without it, and nothing of it is delivered', () => {
  const assembler = new Assembler(setup);
  const host = { memberId: 'm', groupAddress: 'a:1', host: 'a', port: 1 };
  const view = foundingView(1, [host, host]);
  assembler.take(first({ origin: 0, messageNumber: 1 }, 2, 1));
  const kept = first({ origin: 1, messageNumber: 1 }, 2, 1);
  assembler.take(kept);
  assembler.take(log.appendView(without(view, 0)));
  assert.equal(assembler.partialFrom, kept.index);
  assert.throws(() => assembler.take(last({ origin: 0, messageNumber: 2 }, 2)), InvariantViolation);
});

test('H15: what a run of a member has begun is dropped at the first entry of its next run', () => {
  const assembler = new Assembler(setup);
  assembler.take(first({ incarnation: 1, messageNumber: 1 }, 2, 1));
  const small = log.append({ kind: 'message', incarnation: 2, messageNumber: 1, payload: bytes(4) });
  assert.notEqual(assembler.take(small), null);
  assert.equal(assembler.partialFrom, null);
  assembler.take(first({ incarnation: 2, messageNumber: 2 }, 2, 1));
  assert.throws(() => assembler.take(last({ incarnation: 1, messageNumber: 2 }, 2)), InvariantViolation);
});

test('a stream of fragments that nobody makes ends the member, and the log index is named', () => {
  const streams: readonly (readonly [() => LogEntry[], RegExp])[] = [
    [() => [last({ messageNumber: 1 }, 1)], /begins with its first fragment/],
    [() => [first({ messageNumber: 1 }, 9, 1), first({ messageNumber: 2 }, 9, 1)], /one large message at a time/],
    [() => [first({ messageNumber: 1 }, 101, 1)], /not longer than allowed/],
    [() => [first({ messageNumber: 1 }, 3, 1), last({ messageNumber: 2 }, 1)], /as long as its first fragment says/],
    [() => [first({ messageNumber: 1 }, 2, 1), next({ messageNumber: 2 }, 1)], /as long as its first fragment says/],
    [() => [first({ messageNumber: 1 }, 2, 1), last({ messageNumber: 2 }, 1, 2)], /as long as its first fragment says/],
    [() => [first({ messageNumber: 2 }, 3, 1), last({ messageNumber: 2 }, 1, 2)], /order of their numbers/],
    [() => [log.append({ kind: 'fragment', payload: bytes(1) })], /fragment is readable/],
    [() => [log.append({ kind: 'fragment', payload: bytes(8, 1, 1) })], /fragment is readable/],
    [() => [log.append({ kind: 'message', isCompressed: true, payload: bytes(0) })], /can be decompressed/],
    [() => [log.append({ kind: 'view', payload: bytes(0) })], /view is readable/],
  ];
  for (const [stream, rule] of streams) {
    const assembler = new Assembler(setup);
    const entries = stream();
    const broken = entries.at(-1)!;
    for (const entry of entries.slice(0, -1)) assembler.take(entry);
    assert.throws(
      () => assembler.take(broken),
      (error: unknown) => {
        assert.ok(error instanceof InvariantViolation);
        assert.match(error.message, rule);
        assert.match(error.message, new RegExp(`log index ${broken.index}\\b`));
        return true;
      },
    );
  }
});

test('a fragment that unpacks to more than its message has left is refused before it is held', () => {
  const assembler = new Assembler(setup);
  const bomb = runLengthCompression.compress(new Uint8Array(90))!;
  const payload = encodeFragment({ isLast: false, messageBytes: 50, part: bomb });
  const entry = log.append({ kind: 'fragment', isCompressed: true, messageNumber: 1, payload });
  assert.throws(() => assembler.take(entry), /can be decompressed/);
});
