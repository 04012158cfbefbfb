/** What leaves through Fragmenters comes out of Assemblers: any interleaving of members, sizes, restarts and views. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foundingView, withLearner, without } from '../views.ts';
import { Assembler, type Ordered } from './assembler.ts';
import { runLengthCompression } from './compression.ts';
import { Fragmenter, type FragmenterOptions } from './fragmenter.ts';
import { primedAssembler, readMessages } from './read-messages.ts';
import { TestLog } from './testing/message-log.ts';

const MESSAGE_BYTES_MAX = 2000;
const setup = { compression: runLengthCompression, messageBytesMax: MESSAGE_BYTES_MAX };
const SLOTS = 3;

interface Whole {
  readonly index: number;
  readonly origin: number;
  readonly bytes: string;
}

/** One stay of one member, its present run and what it has in the air. */
class Sender {
  ordinal: number;
  incarnation = 1;
  fragmenter: Fragmenter;
  payloads = new Map<number, Uint8Array>();
  readonly #options: FragmenterOptions;

  constructor(ordinal: number, options: FragmenterOptions) {
    this.ordinal = ordinal;
    this.#options = options;
    this.fragmenter = new Fragmenter({ options, compression: runLengthCompression });
  }

  restart(): void {
    this.incarnation += 1;
    this.payloads = new Map();
    this.fragmenter = new Fragmenter({ options: this.#options, compression: runLengthCompression });
  }
}

type Action =
  | { readonly kind: 'broadcast'; readonly slot: number; readonly payload: Uint8Array }
  | { readonly kind: 'leave'; readonly slot: number; readonly parts: number }
  | { readonly kind: 'deliver'; readonly entries: number }
  | { readonly kind: 'restart' | 'rejoin'; readonly slot: number }
  | { readonly kind: 'noop' };

const slot = fc.nat(SLOTS - 1);
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 30 }),
  fc.uint8Array({ minLength: 30, maxLength: 300 }),
  fc
    .tuple(fc.nat(255), fc.integer({ min: 1, max: MESSAGE_BYTES_MAX }))
    .map(([byte, n]) => new Uint8Array(n).fill(byte)),
);
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('broadcast' as const), slot, payload }) },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant('leave' as const), slot, parts: fc.integer({ min: 1, max: 4 }) }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('deliver' as const), entries: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart' as const, 'rejoin' as const), slot }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'noop' as const }) },
);
const options: fc.Arbitrary<FragmenterOptions> = fc.record({
  fragmentBytesMax: fc.integer({ min: 16, max: 64 }),
  fragmentsInFlight: fc.integer({ min: 1, max: 4 }),
  fragmentRest: fc.constantFrom(0, 2),
  compressionThresholdBytes: fc.constantFrom(0, 20, 10_000),
  messageBytesMax: fc.constant(MESSAGE_BYTES_MAX),
});

/** Runs the actions; what the senders' tickets say was completed in the log, by index. */
function play(actions: readonly Action[], chosen: FragmenterOptions): { log: TestLog; expected: Whole[] } {
  const log = new TestLog();
  const host = { memberId: 'm', groupAddress: 'a:1', host: 'a', port: 1 };
  let view = foundingView(
    1,
    Array.from({ length: SLOTS }, () => host),
  );
  const senders = view.members.map((member) => new Sender(member.ordinal, chosen));
  const expected: Whole[] = [];
  const perRun = new Map<string, number>();
  let deliveredUpTo = 0;
  const deliver = (upTo: number): void => {
    for (; deliveredUpTo < upTo; deliveredUpTo++) {
      const entry = log.all[deliveredUpTo]!;
      if (entry.kind !== 'message' && entry.kind !== 'fragment') continue;
      const sender = senders.find((each) => each.ordinal === entry.origin);
      if (sender === undefined || sender.incarnation !== entry.incarnation) continue;
      const ticket = sender.fragmenter.delivered(entry, 0);
      if (ticket === null) continue;
      const bytes = Buffer.from(sender.payloads.get(ticket)!).toString('hex');
      expected.push({ index: entry.index, origin: entry.origin, bytes });
      sender.payloads.delete(ticket);
    }
  };
  for (const each of actions) {
    if (each.kind === 'noop') log.append({ kind: 'noop', payload: new Uint8Array(0) });
    else if (each.kind === 'deliver') deliver(Math.min(log.lastIndex, deliveredUpTo + each.entries));
    else if (each.kind === 'broadcast') {
      const sender = senders[each.slot]!;
      sender.payloads.set(sender.fragmenter.add(each.payload), each.payload);
    } else if (each.kind === 'leave') {
      const sender = senders[each.slot]!;
      for (let i = 0; i < each.parts; i++) {
        const part = sender.fragmenter.next(0);
        if (part === null) break;
        assert.ok(part.payload.length <= Math.max(chosen.fragmentBytesMax, 5));
        const run = `${sender.ordinal}.${sender.incarnation}`;
        assert.equal(part.messageNumber, (perRun.get(run) ?? 0) + 1, 'numbers are dense');
        perRun.set(run, part.messageNumber);
        log.append({
          kind: part.entryKind,
          origin: sender.ordinal,
          incarnation: sender.incarnation,
          messageNumber: part.messageNumber,
          isCompressed: part.isCompressed,
          payload: part.payload,
        });
      }
    } else {
      // What is in the log of the run that ends counts, delivered to it or not.
      deliver(log.lastIndex);
      const sender = senders[each.slot]!;
      if (each.kind === 'restart') sender.restart();
      else {
        view = without(view, sender.ordinal);
        log.appendView(view);
        view = withLearner(view, host);
        senders[each.slot] = new Sender(view.nextOrdinal - 1, chosen);
        log.appendView(view);
      }
    }
  }
  deliver(log.lastIndex);
  return { log, expected };
}

function messagesOf(ordered: Iterable<Ordered>): Whole[] {
  const found: Whole[] = [];
  for (const each of ordered) {
    if (each.kind !== 'message') continue;
    found.push({ index: each.index, origin: each.origin, bytes: Buffer.from(each.payload).toString('hex') });
  }
  return found;
}

function assembled(assembler: Assembler, log: TestLog, from: number): Ordered[] {
  return log.all.slice(from - 1).flatMap((entry) => assembler.take(entry) ?? []);
}

test('any interleaving of members, sizes, restarts and stays gives each message once, in the order of its last part, byte for byte', () => {
  fc.assert(
    fc.property(fc.array(action, { minLength: 20, maxLength: 120, size: 'max' }), options, (actions, chosen) => {
      const { log, expected } = play(actions, chosen);
      const ordered = assembled(new Assembler(setup), log, 1);
      assert.deepEqual(messagesOf(ordered), expected);
      const views = ordered.filter((each) => each.kind === 'view').map((each) => each.index);
      assert.deepEqual(views, log.viewIndexes());
    }),
    { numRuns: 300 },
  );
});

test('a replay from any place of the log up to any other gives what was delivered between them', () => {
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 80, size: 'max' }),
      options,
      fc.nat(),
      fc.nat(),
      (actions, chosen, low, high) => {
        const { log } = play(actions, chosen);
        if (log.lastIndex === 0) return;
        const from = (low % log.lastIndex) + 1;
        const upTo = from + (high % (log.lastIndex - from + 1));
        const delivered = assembled(new Assembler(setup), log, 1);
        const between = delivered.filter((each) => each.index >= from && each.index <= upTo);
        assert.deepEqual([...readMessages(log, { from, upTo }, setup)], between);
        const behind = delivered.filter((each) => each.index > upTo);
        assert.deepEqual(assembled(primedAssembler(log, upTo, setup), log, upTo + 1), behind);
      },
    ),
    { numRuns: 300 },
  );
});
