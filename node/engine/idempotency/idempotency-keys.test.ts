import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowKey } from '../../../certifier/types.ts';
import { entryPrefix, IDEMPOTENCY_KEYS, idempotencyKeyRow, tablePrefix } from '../key-codec.ts';
import { ExpiredKeys } from './expired-keys.ts';
import { fingerprintOfRequest, fingerprintOfWrites } from './fingerprint.ts';
import { IdempotencyKeys, type KeysUnderWay } from './idempotency-keys.ts';
import { EXPIRED_MAX, keyAttribute, keyAttributeOf } from './key-attribute.ts';
import { decodeKeyRecord, encodeKeyRecord } from './key-record.ts';

const HORIZON_MS = 1000;
const FINGERPRINT = '00000000ffffffff';

/** Rows of keys alone, each of one version. */
function keptKeys() {
  const rows = new Map<RowKey, Uint8Array>();
  const store = {
    appliedUpTo: 0,
    get: (key: RowKey) => rows.get(key),
    *scan({ from, to }: { readonly from: RowKey; readonly to: RowKey }) {
      for (const key of [...rows.keys()].sort()) if (key >= from && key < to) yield [key, rows.get(key)!] as const;
    },
  };
  const keys = new IdempotencyKeys(store, HORIZON_MS);
  const bind = (key: string, atMs: number, expired: readonly RowKey[] = [], underWay: KeysUnderWay | null = null) => {
    const commit = {
      sequenceNumber: ++store.appliedUpTo,
      commitTime: { physicalMs: atMs, logical: 0 },
      snapshotVersion: 0,
    };
    const attribute = { key, fingerprint: FINGERPRINT, result: null, expired };
    for (const { key: row, image } of keys.bind(attribute, commit, underWay)) {
      if (image === null) rows.delete(row);
      else rows.set(row, image);
    }
  };
  return { rows, store, keys, bind };
}

test('what is kept of a key comes back as it was', () => {
  const committed = {
    kind: 'committed',
    expiresAtMs: 1_800_000_000_000,
    sequenceNumber: 2 ** 40,
    commitTime: { physicalMs: 1_700_000_000_000, logical: 300 },
    snapshotVersion: 12,
    fingerprint: FINGERPRINT,
    result: Uint8Array.of(1, 2),
  } as const;
  for (const record of [committed, { ...committed, result: null }, { kind: 'fenced', expiresAtMs: 5 } as const]) {
    assert.deepEqual(decodeKeyRecord(encodeKeyRecord(record)), record);
  }
  const attribute = { key: 'ü\0', fingerprint: FINGERPRINT, result: Uint8Array.of(), expired: ['\x00\xff'] };
  const attributes = [keyAttribute(attribute), { tag: 9, content: Uint8Array.of(1) }];
  assert.deepEqual(keyAttributeOf({ snapshotVersion: 0, writeSet: [], attributes }), attribute);
  assert.equal(keyAttributeOf({ snapshotVersion: 0, writeSet: [], attributes: attributes.slice(1) }), null);
});

test('H16: within one entry of the log a key is known from the first that has bound it', () => {
  const { keys } = keptKeys();
  const time = { committedMs: 0, stampMs: 0 };
  const underWay: KeysUnderWay = new Map();
  const question = { key: 'k', fingerprint: FINGERPRINT };
  assert.equal(keys.judge(question, time, underWay), null);
  const commit = { sequenceNumber: 1, commitTime: { physicalMs: 1, logical: 0 }, snapshotVersion: 0 };
  keys.bind({ ...question, result: null, expired: [] }, commit, underWay);
  assert.equal(keys.judge(question, time, underWay)?.kind, 'replayed');
  assert.equal(keys.judge({ key: 'k', fingerprint: '0000000000000000' }, time, underWay)?.kind, 'key-reused');
  keys.fence('f', { sequenceNumber: 2, commitTime: { physicalMs: 1, logical: 0 } }, underWay);
  assert.equal(keys.judge({ key: 'f', fingerprint: null }, time, underWay)?.kind, 'key-fenced');
});

test('what has expired is found in slices and goes with later transactions, unless it was taken again', () => {
  const { rows, store, keys, bind } = keptKeys();
  const finder = new ExpiredKeys();
  for (let i = 0; i < 200; i++) bind(`old ${i}`, i < 100 ? 0 : 500);
  assert.deepEqual(finder.take(store, HORIZON_MS - 1), []);
  for (let i = 0; i < 400; i++) bind(`new ${i}`, HORIZON_MS, finder.take(store, HORIZON_MS));
  const left = [...rows.keys()].filter((key) => key.startsWith(idempotencyKeyRow('old').slice(0, -2)));
  assert.deepEqual(left.sort(), Array.from({ length: 100 }, (_, i) => idempotencyKeyRow(`old ${i + 100}`)).sort());
  assert.equal(rows.size, 500);
  const again = idempotencyKeyRow('old 150');
  bind('old 150', 3 * HORIZON_MS);
  bind('last', 3 * HORIZON_MS, [again, idempotencyKeyRow('old 151'), idempotencyKeyRow('nobody')]);
  assert.deepEqual([rows.has(again), rows.has(idempotencyKeyRow('old 151'))], [true, false]);
  const time = { committedMs: 3 * HORIZON_MS, stampMs: 0 };
  assert.equal(keys.judge({ key: 'old 152', fingerprint: FINGERPRINT }, time), null, 'forgotten before it goes');
  assert.ok(finder.take(store, 4 * HORIZON_MS).length <= EXPIRED_MAX);
  assert.ok(again >= IDEMPOTENCY_KEYS.from && again < IDEMPOTENCY_KEYS.to);
});

test('a request is the same whatever the order of its names and how it is asked for, and no other', () => {
  const request = { op: 'put', table: 'a.b', row: { id: 1, text: 'x', bytes: Uint8Array.of(1), none: null } };
  const same = { ...request, row: { none: null, bytes: Uint8Array.of(1), text: 'x', id: 1 } };
  const how = { id: 7, idempotencyKey: 'k', attempts: 2, atLeast: 4, timeoutMs: 5, profile: true };
  assert.equal(fingerprintOfRequest(request), fingerprintOfRequest({ ...same, ...how }));
  const others = [
    { ...request, op: 'insert' },
    { ...request, table: 'a.c' },
    { ...request, row: { ...request.row, id: 2 } },
    { ...request, row: { ...request.row, id: -0 } },
    { ...request, row: { ...request.row, text: ['x'] } },
    { ...request, row: { ...request.row, bytes: Uint8Array.of(2) } },
    { ...request, row: { ...request.row, none: false } },
  ];
  const fingerprints = [request, ...others].map(fingerprintOfRequest);
  assert.equal(new Set(fingerprints).size, fingerprints.length);
  const prefix = tablePrefix(7);
  const put = { key: `${prefix}0a`, kind: 'put', image: Uint8Array.of(1) } as const;
  const remove = { key: `${prefix}0b`, kind: 'delete', image: null } as const;
  const check = { key: `${prefix}0c`, kind: 'check', image: null } as const;
  const of = (...writeSet: Parameters<typeof fingerprintOfWrites>[0]['writeSet'][number][]) =>
    fingerprintOfWrites({ snapshotVersion: 0, writeSet });
  const entry = { key: `${entryPrefix(prefix, 1)}0x`, kind: 'put', image: Uint8Array.of() } as const;
  assert.equal(of(put, remove), of(check, remove, entry, { ...put, image: Uint8Array.of(2) }));
  assert.notEqual(of(put, remove), of(put));
});
