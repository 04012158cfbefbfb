import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type Append, decodePeerMessage, encodePeerMessage, type PeerMessage } from './peer-message.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 40 });
const positive = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(Number.MAX_SAFE_INTEGER));

const append: fc.Arbitrary<Append> = fc
  .record({
    previousIndex: fc.oneof(fc.nat(300), fc.constant(Number.MAX_SAFE_INTEGER - 100)),
    chosenUpTo: number,
    receivedByAll: number,
    established: fc.boolean(),
    terms: fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 8 }),
    contents: fc.infiniteStream(
      fc.record({
        noop: fc.boolean(),
        origin: fc.nat(9),
        incarnation: positive,
        number: positive,
        stampMs: number,
        bytes,
      }),
    ),
  })
  .map(({ terms, contents, ...rest }) => {
    const rising = [...terms].sort((a, b) => a - b);
    return {
      kind: 'append',
      ...rest,
      previousTerm: rising[0] ?? 0,
      term: rising.at(-1) ?? 1,
      entries: rising.map((term, i) => {
        const { noop, origin, incarnation, number: messageNumber, stampMs, bytes: payload } = contents.next().value;
        const index = rest.previousIndex + 1 + i;
        return noop
          ? { index, term, kind: 'noop', origin, incarnation: 0, messageNumber: 0, stampMs, payload: new Uint8Array(0) }
          : { index, term, kind: 'message', origin, incarnation, messageNumber, stampMs, payload };
      }),
    };
  });

const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  fc.record({
    kind: fc.constant('vote-request' as const),
    term: number,
    preVote: fc.boolean(),
    lastIndex: number,
    lastTerm: number,
  }),
  fc.record({
    kind: fc.constant('vote-answer' as const),
    term: number,
    preVote: fc.boolean(),
    granted: fc.boolean(),
    wallMs: number,
  }),
  append,
  fc.record({
    kind: fc.constant('append-answer' as const),
    term: number,
    matchedUpTo: number,
    rejected: fc.option(fc.record({ previousIndex: number, hintIndex: number, hintTerm: number })),
    wallMs: number,
  }),
  fc.record({
    kind: fc.constant('propose' as const),
    incarnation: positive,
    firstNumber: fc.integer({ min: 1, max: 1_000_000 }),
    payloads: fc.array(bytes, { maxLength: 5 }),
  }),
);

test('every message survives the wire', () => {
  fc.assert(
    fc.property(message, (sent) => {
      assert.deepEqual(plain(decodePeerMessage(encodePeerMessage(sent))), plain(sent));
    }),
  );
});

test('R23: numbers up to 2^53 - 1 survive the wire, and a larger one is malformed', () => {
  const term = Number.MAX_SAFE_INTEGER;
  const sent: PeerMessage = { kind: 'vote-request', term, preVote: false, lastIndex: term, lastTerm: term };
  assert.deepEqual(decodePeerMessage(encodePeerMessage(sent)), sent);
  const tooLarge = Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0);
  assert.equal(decodePeerMessage(tooLarge).kind, 'malformed');
});

test('foreign bytes decode to a message or to what is wrong with them, and never throw', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), fc.uint8Array({ maxLength: 60 }), (tag, rest) => {
      decodePeerMessage(Uint8Array.of(tag, ...rest));
    }),
    { numRuns: 2000 },
  );
});

test('a message cut short, or with a byte too many, is malformed', () => {
  fc.assert(
    fc.property(message, fc.double({ min: 0, max: 0.999, noNaN: true }), (sent, part) => {
      const whole = encodePeerMessage(sent);
      const short = decodePeerMessage(whole.subarray(0, Math.floor(whole.length * part)));
      assert.equal(short.kind, 'malformed');
      assert.equal(decodePeerMessage(Uint8Array.of(...whole, 0)).kind, 'malformed');
    }),
  );
});

test('a message with a flipped byte never throws', () => {
  fc.assert(
    fc.property(message, fc.nat(), fc.integer({ min: 1, max: 255 }), (sent, at, flip) => {
      const flipped = encodePeerMessage(sent).slice();
      flipped[at % flipped.length]! ^= flip;
      const decoded = decodePeerMessage(flipped);
      if (decoded.kind === 'append') {
        for (const [i, entry] of decoded.entries.entries()) assert.equal(entry.index, decoded.previousIndex + 1 + i);
      }
    }),
    { numRuns: 500 },
  );
});

test('a count of entries far beyond the bytes costs nothing', () => {
  const count = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
  assert.equal(decodePeerMessage(Uint8Array.of(3, 1, 0, 0, 0, 0, 0, ...count)).kind, 'malformed');
  assert.equal(decodePeerMessage(Uint8Array.of(5, 1, 1, ...count)).kind, 'malformed');
});

test('an append whose terms go down is malformed', () => {
  const entry = {
    kind: 'noop',
    origin: 0,
    incarnation: 0,
    messageNumber: 0,
    stampMs: 1,
    payload: new Uint8Array(0),
  } as const;
  const sent: PeerMessage = {
    kind: 'append',
    term: 5,
    previousIndex: 0,
    previousTerm: 0,
    chosenUpTo: 0,
    receivedByAll: 0,
    established: false,
    entries: [
      { ...entry, index: 1, term: 5 },
      { ...entry, index: 2, term: 4 },
    ],
  };
  assert.equal(decodePeerMessage(encodePeerMessage(sent)).kind, 'malformed');
});

/** Bytes as arrays, so that a view equals a copy. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, part) => (part instanceof Uint8Array ? [...part] : part)));
}
