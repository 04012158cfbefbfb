/** What is done in slices comes to the same as what is done at once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { binaryStringOf } from '../gcs/base/index.ts';
import {
  BatchDecoder,
  decodeBatch,
  decodeBatchInSlices,
  encodeBatch,
  encodeGroupMessage,
  encodeTransactionInSlices,
  type Transaction,
  type WriteSetItem,
} from './index.ts';
import { newCertifier } from './testing/random-order.ts';

const key = fc.uint8Array({ minLength: 4, maxLength: 5, max: 2 }).map(binaryStringOf);
const item = fc
  .tuple(key, fc.constantFrom('put' as const, 'delete' as const, 'check' as const), fc.uint8Array({ maxLength: 30 }))
  .map(([key, kind, image]): WriteSetItem => ({ key, kind, image: kind === 'put' ? image : null }));
const writeSet = fc
  .uniqueArray(item, { minLength: 1, maxLength: 30, selector: (one) => one.key })
  .filter((items) => items.some((one) => one.kind !== 'check'));
const perSlice = fc.integer({ min: 1, max: 40 });

function finished<T>(slices: Generator<void, T, void>): { result: T; yields: number } {
  for (let yields = 0; ; yields++) {
    const step = slices.next();
    if (step.done) return { result: step.value, yields };
  }
}

test('a transaction encoded in slices has the bytes of a batch of one', () => {
  fc.assert(
    fc.property(writeSet, fc.nat(), fc.integer({ min: 1, max: 1500 }), (writeSet, snapshotVersion, bytes) => {
      const transaction = { snapshotVersion, writeSet };
      const { result, yields } = finished(encodeTransactionInSlices(transaction, bytes));
      assert.deepEqual([...result], [...encodeBatch([encodeGroupMessage({ kind: 'transaction', transaction })])]);
      const itemCostMax = 540;
      assert.ok(yields >= Math.floor((writeSet.length * 500) / (bytes + itemCostMax)) - 1);
    }),
  );
});

test('a batch decoded in slices is what it is at once, cut short or with foreign bytes in it, too', () => {
  fc.assert(
    fc.property(
      fc.array(writeSet, { minLength: 1, maxLength: 2 }),
      fc.option(fc.record({ at: fc.nat(), to: fc.nat(255), cut: fc.boolean() })),
      perSlice,
      (writeSets, change, items) => {
        let bytes = encodeBatch(
          writeSets.map((writeSet) =>
            encodeGroupMessage({ kind: 'transaction', transaction: { snapshotVersion: 3, writeSet } }),
          ),
        );
        if (change?.cut) bytes = bytes.subarray(0, change.at % bytes.length);
        else if (change) bytes[change.at % bytes.length] = change.to;
        assert.deepEqual(finished(decodeBatchInSlices(bytes, items)).result, decodeBatch(bytes));
      },
    ),
    { numRuns: 500 },
  );
});

test('a batch decoded while its bytes come in, however they do, is what it is at once', () => {
  fc.assert(
    fc.property(
      writeSet,
      fc.array(fc.nat(), { maxLength: 10 }),
      perSlice,
      fc.option(fc.record({ at: fc.nat(), to: fc.nat(255) })),
      (writeSet, cuts, items, change) => {
        const transaction = { snapshotVersion: 3, writeSet };
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
  const step = fc.record({ writeSet, age: fc.nat(5), origin: fc.nat(2), stampMs: fc.nat(20) });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 25 }),
      fc.constantFrom(1, 5, 20, 1000),
      perSlice,
      (steps, capacity, items) => {
        const atOnce = newCertifier({ capacity });
        const inSlices = newCertifier({ capacity });
        for (const { writeSet, age, origin, stampMs } of steps) {
          const transaction: Transaction = { snapshotVersion: Math.max(0, atOnce.sequenceNumber - age), writeSet };
          const preCertified = finished(inSlices.preCertifyInSlices(transaction, items));
          assert.deepEqual(preCertified.result, atOnce.preCertify(transaction));
          const slices = inSlices.certifyInSlices(transaction, { origin, stampMs }, items);
          const { sequenceNumber, digest, commitTime } = atOnce;
          const expected = atOnce.certify(transaction, origin, stampMs);
          for (let next = slices.next(); ; next = slices.next()) {
            assert.deepEqual(
              [inSlices.sequenceNumber, inSlices.digest, inSlices.commitTime],
              [sequenceNumber, digest, commitTime],
              'before the conclusion it tells of the place before',
            );
            if (!next.done) continue;
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
