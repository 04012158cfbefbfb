import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DigestComparison } from './digest-comparison.js';

const shown = (memberId: string, appliedUpTo: number, digest: string, isBusy = false) => ({
  memberId,
  appliedUpTo,
  digest,
  equalUpTo: 0,
  isBusy,
});

test('a digest that all members have shown proves them equal there, though not at the same time', () => {
  const comparison = new DigestComparison();
  assert.equal(comparison.compare([shown('a', 10, 'x'), shown('b', 9, 'w')], 0).kind, 'unknown');
  assert.deepEqual(comparison.compare([shown('a', 11, 'y'), shown('b', 10, 'x')], 1_000), {
    kind: 'equal',
    upTo: 10,
    seenMs: 1_000,
  });
  // It stays known while they run on.
  assert.deepEqual(comparison.compare([shown('a', 20, 'p'), shown('b', 19, 'q')], 2_000), {
    kind: 'equal',
    upTo: 10,
    seenMs: 1_000,
  });
});

test('one member alone proves nothing', () => {
  assert.equal(new DigestComparison().compare([shown('a', 10, 'x')], 0).kind, 'unknown');
});

test('refusals on their way make no alarm; standing still at one number with other digests does', () => {
  const comparison = new DigestComparison();
  const differing = [shown('a', 10, 'x'), shown('b', 10, 'x'), shown('c', 10, 'z')];
  assert.notEqual(comparison.compare(differing, 0).kind, 'different');
  assert.notEqual(comparison.compare(differing, 4_000).kind, 'different');
  assert.deepEqual(comparison.compare(differing, 5_000), {
    kind: 'different',
    at: 10,
    memberIds: ['c'],
    isMinority: true,
  });
});

test('a member with something to do is not standing still', () => {
  const comparison = new DigestComparison();
  const differing = [shown('a', 10, 'x'), shown('b', 10, 'z', true)];
  for (let ms = 0; ms <= 20_000; ms += 1_000) assert.notEqual(comparison.compare(differing, ms).kind, 'different');
});

test('where no digest has a majority, all are named', () => {
  const comparison = new DigestComparison();
  const differing = [shown('a', 10, 'x'), shown('b', 10, 'z')];
  comparison.compare(differing, 0);
  assert.deepEqual(comparison.compare(differing, 5_000), {
    kind: 'different',
    at: 10,
    memberIds: ['a', 'b'],
    isMinority: false,
  });
});

test('a group that begins from nothing again was not compared yet', () => {
  const comparison = new DigestComparison();
  assert.equal(comparison.compare([shown('a', 10, 'x'), shown('b', 10, 'x')], 0).kind, 'equal');
  assert.equal(comparison.compare([shown('c', 1, 'p'), shown('d', 2, 'q')], 1_000).kind, 'unknown');
});

test('what is kept of each member is bounded', () => {
  const comparison = new DigestComparison();
  comparison.compare([shown('a', 1, 'first'), shown('b', 0, 'none')], 0);
  for (let i = 1; i <= 1000; i++) comparison.compare([shown('a', 1 + i, `a${i}`), shown('b', i, `b${i}`)], i * 1_000);
  assert.equal(comparison.compare([shown('a', 2000, 'a'), shown('b', 1, 'first')], 1e7).kind, 'unknown');
});
