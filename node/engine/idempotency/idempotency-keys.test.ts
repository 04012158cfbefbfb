import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowKey } from '../../../certifier/types.ts';
import {
  entryPrefix,
  IDEMPOTENCY_KEYS,
  idempotencyKeyRow,
  keyExpiries,
  keyExpiryOf,
  keyExpiryRow,
  tablePrefix,
} from '../key-codec.ts';
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
  const ordered: RowKey[] = [];
  const placeOf = (row: RowKey): number => {
    let [low, high] = [0, ordered.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ordered[middle]! < row) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const store = {
    appliedUpTo: 0,
    get: (key: RowKey) => rows.get(key),
    *scan({ from, to }: { readonly from: RowKey; readonly to: RowKey }) {
      let at = placeOf(from);
      for (; at < ordered.length && ordered[at]! < to; at++) yield [ordered[at]!, rows.get(ordered[at]!)!] as const;
    },
  };
  const keys = new IdempotencyKeys(store, HORIZON_MS);
  const write = (row: RowKey, image: Uint8Array | null) => {
    const at = placeOf(row);
    const isThere = ordered[at] === row;
    if (image === null) {
      rows.delete(row);
      if (isThere) ordered.splice(at, 1);
    } else {
      rows.set(row, image);
      if (!isThere) ordered.splice(at, 0, row);
    }
  };
  const bind = (key: string, atMs: number, expired: readonly RowKey[] = [], underWay: KeysUnderWay | null = null) => {
    const commit = {
      sequenceNumber: ++store.appliedUpTo,
      commitTime: { physicalMs: atMs, logical: 0 },
      snapshotVersion: 0,
    };
    const attribute = { key, fingerprint: FINGERPRINT, result: null, expired };
    for (const { key: row, image } of keys.bind(attribute, commit, underWay)) write(row, image);
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
  const expiry = (key: string, atMs: number) => keyExpiryRow(idempotencyKeyRow(key), atMs + HORIZON_MS);
  for (let i = 0; i < 200; i++) bind(`old ${i}`, i < 100 ? 0 : 500);
  assert.deepEqual(finder.take(store, HORIZON_MS - 1, 0), []);
  for (let i = 0; i < 400; i++) bind(`new ${i}`, HORIZON_MS, finder.take(store, HORIZON_MS, 0));
  const left = [...rows.keys()].filter((key) => key.startsWith(idempotencyKeyRow('old').slice(0, -2)));
  assert.deepEqual(left.sort(), Array.from({ length: 100 }, (_, i) => idempotencyKeyRow(`old ${i + 100}`)).sort());
  assert.equal(rows.size, 2 * 500, 'with when they expire');
  const again = idempotencyKeyRow('old 150');
  bind('old 150', 3 * HORIZON_MS);
  const [before, now] = [expiry('old 150', 500), expiry('old 150', 3 * HORIZON_MS)];
  bind('last', 3 * HORIZON_MS, [before, now, expiry('old 151', 500), expiry('nobody', 0)]);
  assert.deepEqual([rows.has(again), rows.has(before), rows.has(now)], [true, false, true]);
  assert.deepEqual([rows.has(idempotencyKeyRow('old 151')), rows.has(expiry('old 151', 500))], [false, false]);
  const time = { committedMs: 3 * HORIZON_MS, stampMs: 0 };
  assert.equal(keys.judge({ key: 'old 152', fingerprint: FINGERPRINT }, time), null, 'forgotten before it goes');
  assert.ok(finder.take(store, 4 * HORIZON_MS, 0).length <= EXPIRED_MAX);
  assert.ok(again >= IDEMPOTENCY_KEYS.from && again < IDEMPOTENCY_KEYS.to);
  const range = keyExpiries(500 + HORIZON_MS, 500 + HORIZON_MS);
  assert.ok(range.from < before && before < range.to && expiry('', 501) >= range.to && expiry('z', 499) < range.from);
  assert.deepEqual(keyExpiryOf(before), { keyRow: again, expiresAtMs: 500 + HORIZON_MS });
});

test('what is kept stays near what is used within the horizon, whatever the order of keys, of members and on the way', () => {
  const kinds = {
    ascending: (i: number) => String(i).padStart(12, '0'),
    mixed: (i: number) => `${(i * 7919) % 10_007} ${i}`,
  };
  for (const [kind, keyOf] of Object.entries(kinds)) {
    for (const { members, underWay } of [
      { members: 1, underWay: 5 },
      { members: 3, underWay: 30 },
      { members: 9, underWay: 100 },
    ]) {
      const name = `${kind}, ${members} members`;
      const { rows, store, bind } = keptKeys();
      const finders = Array.from({ length: members }, () => new ExpiredKeys());
      const sent: { readonly key: string; readonly expired: readonly RowKey[] }[] = [];
      let keptMax = 0;
      for (let atMs = 0; atMs < 12 * HORIZON_MS; atMs++) {
        const member = (atMs * 31 + (atMs >> 3)) % members;
        sent.push({ key: keyOf(atMs), expired: finders[member]!.take(store, atMs, member) });
        if (sent.length <= underWay) continue;
        const { key, expired } = sent.shift()!;
        bind(key, atMs, expired);
        keptMax = Math.max(keptMax, rows.size / 2);
      }
      assert.ok(keptMax < 1.75 * HORIZON_MS, `${name}: ${keptMax} keys kept at most`);
      assert.ok(rows.size / 2 < 1.4 * HORIZON_MS, `${name}: ${rows.size / 2} keys kept at last`);
    }
  }
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
