/** What is done in slices comes to the same as what is done at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binaryStringOf } from '../gcs/base/index.ts';
import {
  type AheadJudgement,
  BatchDecoder,
  CERTIFICATION_RULES,
  CertificationDatabase,
  Certifier,
  decodeBatch,
  encodeBatch,
  encodeGroupMessage,
  encodeTransactionInSlices,
  type LargeTransaction,
  packedWriterTable,
  type Transaction,
  type WriteSetItem,
} from './index.ts';
import { imageOf, itemKind, newCertifier } from './testing/random-order.ts';

const key = fc.uint8Array({ minLength: 4, maxLength: 5, max: 2 }).map(binaryStringOf);
const item = fc
  .tuple(key, itemKind, fc.uint8Array({ maxLength: 30 }))
  .map(([key, kind, image]): WriteSetItem => ({ key, kind, image: imageOf(kind, image) }));
const writeSet = fc
  .uniqueArray(item, { minLength: 1, maxLength: 30, selector: (one) => one.key })
  .filter((items) => items.some((one) => one.kind !== 'check'));
const fewKeys = fc.integer({ min: 0, max: 15 }).map((number) => `key ${number}`);
const fewItems = fc
  .tuple(fewKeys, itemKind)
  .map(([key, kind]): WriteSetItem => ({ key, kind, image: imageOf(kind, Uint8Array.of(1)) }));
const writeSetOfFewKeys = fc
  .uniqueArray(fewItems, { minLength: 1, maxLength: 12, selector: (one) => one.key })
  .filter((items) => items.some((one) => one.kind !== 'check'));
const ranges = fc
  .uniqueArray(fc.oneof(key, fewKeys), { maxLength: 4 })
  .map((keys) => keys.sort((one, other) => (one < other ? -1 : 1)))
  .map((keys) => Array.from({ length: keys.length >> 1 }, (_, i) => ({ from: keys[2 * i]!, to: keys[2 * i + 1]! })));
const reads = fc.oneof(
  fc.constant({}),
  ranges.map((ranges) => (ranges.length > 0 ? { ranges } : {})),

  ranges.map((ranges) => ({
    attributes: [{ tag: 7, content: Uint8Array.of(ranges.length) }],
    ...(ranges.length > 0 && { ranges }),
  })),
);
const perSlice = fc.integer({ min: 1, max: 40 });

function finished<T>(slices: Generator<void, T, void>): { result: T; yields: number } {
  for (let yields = 0; ; yields++) {
    const step = slices.next();
    if (step.done) return { result: step.value, yields };
  }
}

function largeOf(transaction: Transaction): LargeTransaction {
  return { ...transaction, places: new Map(transaction.writeSet.map((item, at) => [item.key, at])) };
}

/** What it checks, it has read. */
function asSerializable(transaction: Transaction): Transaction {
  const checks = transaction.writeSet.filter(({ kind }) => kind === 'check');
  if (checks.length === 0) return transaction;
  const written = transaction.writeSet.filter(({ kind }) => kind !== 'check');
  return { ...transaction, writeSet: [...written, ...checks], reads: checks.length };
}

function withOwn(items: readonly WriteSetItem[], snapshotVersion: number, own: number): readonly WriteSetItem[] {
  return items.map((item, at) => (at === 1 && own > snapshotVersion ? { ...item, snapshotVersion: own } : item));
}

test('a transaction encoded in slices has the bytes of a batch of one', () => {
  fc.assert(
    fc.property(
      writeSet,
      reads,
      fc.nat(),
      fc.integer({ min: 1, max: 1500 }),
      (writeSet, reads, snapshotVersion, bytes) => {
        const transaction = { snapshotVersion, writeSet, ...reads };
        const { result, yields } = finished(encodeTransactionInSlices(transaction, bytes));
        assert.deepEqual([...result], [...encodeBatch([encodeGroupMessage({ kind: 'transaction', transaction })])]);
        const itemCostMax = 540;
        assert.ok(yields >= Math.floor((writeSet.length * 500) / (bytes + itemCostMax)) - 1);
      },
    ),
  );
});

test('a batch decoded in slices is what it is at once, cut short or with foreign bytes in it, too', () => {
  fc.assert(
    fc.property(
      fc.array(writeSet, { minLength: 1, maxLength: 2 }),
      reads,
      fc.option(fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.boolean() })),
      perSlice,
      (writeSets, reads, change, items) => {
        let bytes = encodeBatch(
          writeSets.map((writeSet) =>
            encodeGroupMessage({ kind: 'transaction', transaction: { snapshotVersion: 3, writeSet, ...reads } }),
          ),
        );
        if (change?.cut) bytes = bytes.subarray(0, change.at % bytes.length);
        else if (change) bytes[change.at % bytes.length] = change.to;
        assert.deepEqual(finished(new BatchDecoder(bytes).inSlices(items)).result, decodeBatch(bytes));
      },
    ),
    { numRuns: 500 },
  );
});

test('a batch decoded while its bytes come in, however they do, is what it is at once', () => {
  fc.assert(
    fc.property(
      writeSet,
      reads,
      fc.array(fc.nat(), { maxLength: 10 }),
      perSlice,
      fc.option(fc.record({ at: fc.nat(), to: fc.nat(255) })),
      (writeSet, reads, cuts, items, change) => {
        const transaction = { snapshotVersion: 3, writeSet, ...reads };
        const whole = encodeBatch([encodeGroupMessage({ kind: 'transaction', transaction })]);
        if (change !== null) whole[change.at % whole.length] = change.to;
        const growing = new Uint8Array(whole.length);
        const decoder = new BatchDecoder(growing);
        for (const available of cuts.map((cut) => cut % whole.length).sort((a, b) => a - b)) {
          growing.set(whole.subarray(0, available));
          decoder.read(available, items);
        }
        growing.set(whole);
        assert.deepEqual(finished(decoder.inSlices(items)).result, decodeBatch(whole));
      },
    ),
    { numRuns: 1000 },
  );
});

test('an order certified in slices has the verdicts, the floor and the digest that it has at once', () => {
  const step = fc.record({
    writeSet: fc.oneof(writeSet, writeSetOfFewKeys),
    reads,
    isSerializable: fc.boolean(),
    age: fc.nat(5),
    origin: fc.nat(2),
    stampMs: fc.nat(20),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 25 }),
      fc.constantFrom(1, 5, 20, 1000),
      perSlice,
      fc.constantFrom(...CERTIFICATION_RULES),
      (steps, capacity, items, rule) => {
        const atOnce = newCertifier({ capacity }, undefined, rule);
        const inSlices = newCertifier({ capacity }, undefined, rule);
        for (const { writeSet, reads, isSerializable, age, origin, stampMs } of steps) {
          const snapshotVersion = Math.max(0, atOnce.sequenceNumber - age);
          const all: Transaction = { snapshotVersion, writeSet, ...reads };
          const transaction = isSerializable ? asSerializable(all) : all;
          const preCertified = finished(inSlices.preCertifyInSlices(transaction, items));
          assert.deepEqual(preCertified.result, atOnce.preCertify(transaction));
          const slices = inSlices.certifyInSlices(largeOf(transaction), { origin, stampMs }, items);
          const { sequenceNumber, digest, commitTime } = atOnce;
          const expected = atOnce.certify(transaction, origin, stampMs);
          for (let next = slices.next(); ; next = slices.next()) {
            assert.deepEqual(
              [inSlices.sequenceNumber, inSlices.digest, inSlices.commitTime],
              [sequenceNumber, digest, commitTime],
              'before the conclusion it tells of the place before',
            );
            if (!next.done) {
              // Others are judged ahead meanwhile, which changes nothing.
              inSlices.preCertify(transaction);
              continue;
            }
            assert.equal(next.value.isPositive, expected.verdict.kind === 'positive');
            assert.deepEqual(next.value.conclude(), expected);
            break;
          }
          assert.equal(inSlices.digest, atOnce.digest);
          assert.equal(inSlices.purgeFloor, atOnce.purgeFloor);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('nobody asks what was written into ranges for a large transaction that read none', (context) => {
  const database = new CertificationDatabase({ capacity: 1000, newWriterTable: packedWriterTable });
  const { mock } = context.mock.method(database, 'lastWithin');
  const certifier = new Certifier({ database });
  const transaction: Transaction = {
    snapshotVersion: 0,
    writeSet: Array.from({ length: 20 }, (_, i) => ({ key: `key ${i}`, kind: 'delete', image: null })),
  };
  const ahead = certifier.judgeAhead();
  const large = largeOf(transaction);
  ahead.goOn(large, 100);
  const slices = certifier.certifyInSlices(large, { origin: 0, stampMs: 1 }, 100, ahead);
  assert.equal(finished(slices).result.conclude().verdict.kind, 'positive');
  assert.equal(mock.callCount(), 0);
});

test('an order judged ahead and settled later, as small ones, changes of the schema and floors come in between, is the same', () => {
  const transaction = fc.record({
    kind: fc.constantFrom('small' as const, 'small' as const, 'large' as const),
    writeSet: fc.oneof(writeSet, writeSetOfFewKeys),
    reads,
    /** By so much the second item's own snapshot is above the transaction's, as far as there is room. */
    later: fc.nat(4),
    age: fc.nat(5),
    origin: fc.nat(2),
    stampMs: fc.nat(20),
    /** So many steps before its place a large one begins to come in, and so many items come at each. */
    lead: fc.nat(6),
    itemsPerStep: fc.integer({ min: 1, max: 20 }),
  });
  const schemaChange = fc.record({
    kind: fc.constant('schema-change' as const),
    keys: fc.uniqueArray(fc.oneof(key, fewKeys), { maxLength: 2 }),
  });
  const floor = fc.record({ kind: fc.constant('floor' as const), age: fc.nat(6) });
  const step = fc.oneof(
    { weight: 8, arbitrary: transaction },
    { weight: 1, arbitrary: schemaChange },
    { weight: 1, arbitrary: floor },
  );
  const settled = fc.nat(8);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, settled), { maxLength: 40 }),
      fc.constantFrom(1, 20, 60, 1000),
      perSlice,
      (steps, capacity, items) => {
        const plain = newCertifier({ capacity });
        const ahead = newCertifier({ capacity });
        /** Begun, by the step of their place. */
        const underWay = new Map<
          number,
          { judgement: AheadJudgement; snapshotVersion: number; own: number; come: WriteSetItem[] }
        >();
        for (const [now, [each, itemsSettled]] of steps.entries()) {
          for (const [at, [later]] of steps.entries()) {
            if (later.kind !== 'large' || at < now || at - later.lead > now) continue;
            let begun = underWay.get(at);
            if (begun === undefined) {
              const snapshotVersion = Math.max(0, plain.sequenceNumber - later.age);
              const own = Math.min(plain.sequenceNumber, snapshotVersion + later.later);
              begun = { judgement: ahead.judgeAhead(), snapshotVersion, own, come: [] };
              underWay.set(at, begun);
            }
            const { snapshotVersion, come, judgement } = begun;
            const all = withOwn(later.writeSet, snapshotVersion, begun.own);
            come.push(...all.slice(come.length, come.length + later.itemsPerStep));
            judgement.goOn(largeOf({ snapshotVersion, writeSet: come }), items);
          }
          if (each.kind === 'schema-change') {
            assert.deepEqual(ahead.certifySchemaChange(each.keys, 0, 3), plain.certifySchemaChange(each.keys, 0, 3));
          } else if (each.kind === 'floor') {
            const upTo = Math.max(0, plain.sequenceNumber - each.age);
            ahead.raisePurgeFloor(upTo);
            plain.raisePurgeFloor(upTo);
          } else {
            const { origin, stampMs, reads } = each;
            const begun = underWay.get(now);
            const snapshotVersion = begun?.snapshotVersion ?? Math.max(0, plain.sequenceNumber - each.age);
            const own = begun?.own ?? Math.min(plain.sequenceNumber, snapshotVersion + each.later);
            const transaction = { snapshotVersion, writeSet: withOwn(each.writeSet, snapshotVersion, own), ...reads };
            assert.deepEqual(ahead.preCertify(transaction), plain.preCertify(transaction));
            const expected = plain.certify(transaction, origin, stampMs);
            if (begun === undefined) assert.deepEqual(ahead.certify(transaction, origin, stampMs), expected);
            else {
              const slices = ahead.certifyInSlices(largeOf(transaction), { origin, stampMs }, items, begun.judgement);
              assert.deepEqual(finished(slices).result.conclude(), expected);
            }
          }
          assert.deepEqual(
            [ahead.digest, ahead.purgeFloor, ahead.sequenceNumber],
            [plain.digest, plain.purgeFloor, plain.sequenceNumber],
          );
          ahead.settle(itemsSettled);
        }
        ahead.settle(Number.POSITIVE_INFINITY);
        assert.ok(ahead.isSettled);
        assert.equal(ahead.itemCount, plain.itemCount);
      },
    ),
    { numRuns: 1000 },
  );
});
