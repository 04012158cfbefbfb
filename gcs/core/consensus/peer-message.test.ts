import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogEntry } from '../types.ts';
import { encodeView, foundingView, withLearner } from '../views.ts';
import { type Append, decodePeerMessage, encodePeerMessage, type PeerMessage } from './peer-message.ts';

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 40 });
const positive = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constant(Number.MAX_SAFE_INTEGER));

const views = [1, 3].map((members) => {
  const address = { memberId: 'ä', groupAddress: 'a:1', host: 'a', port: 2 };
  return encodeView(withLearner(foundingView(5, Array(members).fill(address)), address));
});

const entryContent = fc.record({
  kind: fc.constantFrom('noop' as const, 'message' as const, 'fragment' as const, 'view' as const),
  origin: fc.nat(9),
  incarnation: positive,
  number: positive,
  stampMs: number,
  isCompressed: fc.boolean(),
  bytes,
  view: fc.constantFrom(...views),
});

const append: fc.Arbitrary<Append> = fc
  .record({
    previousIndex: fc.oneof(fc.nat(300), fc.constant(Number.MAX_SAFE_INTEGER - 100)),
    chosenUpTo: number,
    receivedByAll: number,
    established: fc.boolean(),
    round: number,
    terms: fc.array(fc.integer({ min: 1, max: 1000 }), { maxLength: 8 }),
    contents: fc.infiniteStream(entryContent),
  })
  .map(({ terms, contents, ...rest }) => {
    const rising = [...terms].sort((a, b) => a - b);
    return {
      kind: 'append',
      ...rest,
      previousTerm: rising[0] ?? 0,
      term: rising.at(-1) ?? 1,
      entries: rising.map((term, i): LogEntry => {
        const { kind, origin, number: messageNumber, stampMs, ...content } = contents.next().value;
        const place = { index: rest.previousIndex + 1 + i, term, kind, origin, stampMs };
        if (kind === 'noop' || kind === 'view') {
          const payload = kind === 'view' ? content.view : new Uint8Array(0);
          return { ...place, incarnation: 0, messageNumber: 0, isCompressed: false, payload };
        }
        const { incarnation, isCompressed, bytes: payload } = content;
        return { ...place, incarnation, messageNumber, isCompressed, payload };
      }),
    };
  });

const voteRequest = fc
  .record({
    kind: fc.constant('vote-request' as const),
    term: number,
    flag: fc.constantFrom('preVote', 'isTransfer', 'none'),
    lastIndex: number,
    lastTerm: number,
  })
  .map(({ flag, ...rest }) => ({ ...rest, preVote: flag === 'preVote', isTransfer: flag === 'isTransfer' }));

const message: fc.Arbitrary<PeerMessage> = fc.oneof(
  voteRequest,
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
    round: number,
    ready: fc.boolean(),
    wallMs: number,
  }),
  fc.record({
    kind: fc.constant('propose' as const),
    incarnation: positive,
    firstNumber: fc.integer({ min: 1, max: 1_000_000 }),
    payloads: fc.array(
      fc.record({
        kind: fc.constantFrom('message' as const, 'fragment' as const),
        isCompressed: fc.boolean(),
        payload: bytes,
      }),
      { maxLength: 5 },
    ),
  }),
  fc.record({ kind: fc.constant('timeout-now' as const), term: number }),
  fc.record({ kind: fc.constant('behind' as const), term: number, firstIndex: number, chosenUpTo: number }),
  fc.record({ kind: fc.constant('read-request' as const), ticket: number }),
  fc.record({ kind: fc.constant('read-answer' as const), ticket: number, index: fc.option(number) }),
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
  const sent: PeerMessage = {
    kind: 'vote-request',
    term,
    preVote: false,
    isTransfer: false,
    lastIndex: term,
    lastTerm: term,
  };
  assert.deepEqual(decodePeerMessage(encodePeerMessage(sent)), sent);
  const tooLarge = Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0, 0, 0);
  assert.equal(decodePeerMessage(tooLarge).kind, 'malformed');
});

test('foreign bytes decode to a message or to what is wrong with them, and never throw', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 }), fc.uint8Array({ maxLength: 60 }), (tag, rest) => {
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
  assert.equal(decodePeerMessage(Uint8Array.of(3, 1, 0, 0, 0, 0, 0, 0, ...count)).kind, 'malformed');
  assert.equal(decodePeerMessage(Uint8Array.of(5, 1, 1, ...count)).kind, 'malformed');
});

test('an append whose terms go down is malformed', () => {
  const entry = {
    kind: 'noop',
    origin: 0,
    incarnation: 0,
    messageNumber: 0,
    stampMs: 1,
    isCompressed: false,
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
    round: 0,
    entries: [
      { ...entry, index: 1, term: 5 },
      { ...entry, index: 2, term: 4 },
    ],
  };
  assert.equal(decodePeerMessage(encodePeerMessage(sent)).kind, 'malformed');
});

test('what no member says is malformed: a noop or view that is a broadcast, a view that is none, a pre-vote for a transfer', () => {
  const sent = (entry: Partial<LogEntry>): Uint8Array =>
    encodePeerMessage({
      kind: 'append',
      term: 1,
      previousIndex: 0,
      previousTerm: 0,
      chosenUpTo: 0,
      receivedByAll: 0,
      established: false,
      round: 0,
      entries: [
        {
          index: 1,
          term: 1,
          kind: 'noop',
          origin: 0,
          incarnation: 0,
          messageNumber: 0,
          stampMs: 1,
          isCompressed: false,
          payload: new Uint8Array(0),
          ...entry,
        },
      ],
    });
  const view = { kind: 'view', payload: views[0]! } as const;
  assert.equal(decodePeerMessage(sent(view)).kind, 'append');
  const wrong: Partial<LogEntry>[] = [
    { messageNumber: 1 },
    { incarnation: 1 },
    { isCompressed: true },
    { payload: Uint8Array.of(1) },
    { ...view, messageNumber: 1 },
    { ...view, incarnation: 1 },
    { ...view, payload: view.payload.subarray(1) },
    { kind: 'message', incarnation: 1 },
    { kind: 'fragment', messageNumber: 1 },
  ];
  for (const entry of wrong) assert.equal(decodePeerMessage(sent(entry)).kind, 'malformed', JSON.stringify(entry));
  const request = encodePeerMessage({
    kind: 'vote-request',
    term: 1,
    preVote: true,
    isTransfer: true,
    lastIndex: 0,
    lastTerm: 0,
  });
  assert.equal(decodePeerMessage(request).kind, 'malformed');
});

/** Bytes as arrays, so that a view equals a copy. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, part) => (part instanceof Uint8Array ? [...part] : part)));
}
