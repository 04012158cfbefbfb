import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvariantViolation } from '../../base/index.ts';
import { runLengthCompression } from './compression.ts';
import { decodeFragment } from './fragment.ts';
import { Fragmenter, type FragmenterOptions, type Part } from './fragmenter.ts';

function fragmenterOf(options: Partial<FragmenterOptions> = {}): Fragmenter {
  return new Fragmenter({
    options: {
      fragmentBytesMax: 21,
      fragmentsInFlight: 2,
      fragmentRest: 2,
      compressionThresholdBytes: 1000,
      messageBytesMax: 200,
      ...options,
    },
    compression: runLengthCompression,
  });
}

const noise = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 37) % 251);
const kindsOf = (parts: readonly (Part | null)[]): string[] => parts.map((part) => part?.entryKind ?? '-');

test('no more fragments are under way than allowed; each that is delivered makes room for one', () => {
  const fragmenter = fragmenterOf();
  fragmenter.add(noise(64));
  const [first, second, third] = [fragmenter.next(0), fragmenter.next(0), fragmenter.next(0)];
  assert.deepEqual(kindsOf([first!, second!, third!]), ['fragment', 'fragment', '-']);
  assert.equal(fragmenter.delivered({ kind: 'fragment', messageNumber: 1 }, 0), null);
  assert.equal(fragmenter.next(0)?.messageNumber, 3);
  assert.equal(fragmenter.next(0), null);
});

test('the ticket of a large message comes with its last fragment, and the next large one begins behind it', () => {
  const fragmenter = fragmenterOf({ fragmentsInFlight: 9 });
  const ticket = fragmenter.add(noise(40));
  const nextTicket = fragmenter.add(noise(22));
  const parts = [1, 2, 3, 4, 5].map(() => fragmenter.next(0));
  assert.deepEqual(
    parts.map((part) => part && decodeFragment(part.payload)).map((part) => [part?.messageBytes, part?.isLast]),
    [
      [40, false],
      [null, false],
      [null, true],
      [22, false],
      [null, true],
    ],
  );
  const tickets = parts.map((part) =>
    fragmenter.delivered({ kind: 'fragment', messageNumber: part!.messageNumber }, 0),
  );
  assert.deepEqual(tickets, [null, null, ticket, null, nextTicket]);
  assert.equal(fragmenter.isLargeUnderWay, false);
});

test('a small message goes before the fragments that have not left, and both go on in turn', () => {
  const fragmenter = fragmenterOf({ fragmentsInFlight: 3 });
  fragmenter.add(noise(100));
  assert.equal(fragmenter.next(0)?.entryKind, 'fragment');
  for (let i = 0; i < 3; i++) fragmenter.add(noise(3));
  const kinds = kindsOf([1, 2, 3, 4, 5, 6].map(() => fragmenter.next(0)));
  assert.deepEqual(kinds, ['message', 'fragment', 'message', 'fragment', 'message', '-']);
});

test('small messages leave while the window of fragments is full', () => {
  const fragmenter = fragmenterOf({ fragmentsInFlight: 1 });
  fragmenter.add(noise(100));
  fragmenter.next(0);
  fragmenter.add(noise(3));
  fragmenter.add(noise(3));
  assert.deepEqual(kindsOf([1, 2, 3].map(() => fragmenter.next(0))), ['message', 'message', '-']);
  assert.equal(fragmenter.isWaiting, true);
});

test('a payload above the threshold is compressed if that makes it smaller, and only then', () => {
  const fragmenter = fragmenterOf({ compressionThresholdBytes: 10 });
  fragmenter.add(new Uint8Array(20));
  fragmenter.add(noise(20));
  fragmenter.add(new Uint8Array(10));
  assert.deepEqual(
    [1, 2, 3].map(() => fragmenter.next(0)!.isCompressed),
    [true, false, false],
  );
});

test('a message as long as a fragment stays whole, and a longer one than all members take is refused here', () => {
  const fragmenter = fragmenterOf();
  fragmenter.add(noise(21));
  assert.equal(fragmenter.next(0)?.entryKind, 'message');
  assert.throws(() => fragmenter.add(noise(201)), InvariantViolation);
});

test('beside the messages of others one fragment is under way, and after it nothing leaves for as long as the rest is', () => {
  const fragmenter = fragmenterOf({ fragmentsInFlight: 3, fragmentRest: 2 });
  fragmenter.add(noise(100));
  fragmenter.neighbourDelivered(1000);
  assert.deepEqual(kindsOf([fragmenter.next(1000), fragmenter.next(1000)]), ['fragment', '-']);
  assert.equal(fragmenter.restMs(1004), null, 'one is under way');
  fragmenter.delivered({ kind: 'fragment', messageNumber: 1 }, 1005);
  assert.equal(fragmenter.restMs(1005), 10);
  assert.equal(fragmenter.next(1014), null);
  fragmenter.add(noise(3));
  assert.equal(fragmenter.next(1014)?.entryKind, 'message', 'small ones do not rest');
  assert.equal(fragmenter.restMs(1015), null);
  assert.equal(fragmenter.next(1015)?.entryKind, 'fragment');
});

test('a rest is bounded, and there is none where nobody else is heard of', () => {
  const fragmenter = fragmenterOf({ fragmentsInFlight: 1, fragmentRest: 2 });
  fragmenter.add(noise(100));
  fragmenter.next(0);
  fragmenter.delivered({ kind: 'fragment', messageNumber: 1 }, 100);
  assert.equal(fragmenter.next(100)?.entryKind, 'fragment');
  fragmenter.neighbourDelivered(5000);
  fragmenter.delivered({ kind: 'fragment', messageNumber: 2 }, 5000);
  assert.equal(fragmenter.restMs(5000), 250);
  fragmenter.next(5250);
  fragmenter.delivered({ kind: 'fragment', messageNumber: 3 }, 6001);
  assert.equal(fragmenter.restMs(6001), null);
});
