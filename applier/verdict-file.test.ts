import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { MemoryDisk } from '../gcs/core/log/testing/memory-disk.ts';
import { VerdictFile } from './verdict-file.ts';
import type { KeptVerdict, VerdictRecord } from './verdict-record.ts';

const identity = { memberId: '11111111-2222-4333-8444-555555555555' };
const options = { chunkBytes: 4096 };

function opened(disk: MemoryDisk): VerdictFile {
  const result = VerdictFile.open(disk, identity, options);
  assert.equal(result.kind, 'opened', JSON.stringify(result));
  return result.file;
}

/** Records with dense sequence numbers; every third verdict is negative. */
function recordsUpTo(count: number, verdictsEach = 3): VerdictRecord[] {
  const records: VerdictRecord[] = [];
  let sequenceNumber = 0;
  for (let i = 1; i <= count; i++) {
    const verdicts: KeptVerdict[] = [];
    for (let v = 0; v < verdictsEach; v++) {
      if ((i + v) % 3 === 0) verdicts.push({ kind: 'negative', reason: 1 + (v % 5) });
      else {
        sequenceNumber++;
        verdicts.push({
          kind: 'positive',
          sequenceNumber,
          commitTime: { physicalMs: 1_700_000_000_000 + i, logical: v },
          resolved: i % 7 === 0 ? new Uint8Array([i, v]) : null,
        });
      }
    }
    records.push({
      logIndex: i * 2,
      verdicts,
      purgeFloor: Math.floor(sequenceNumber / 2),
      digest: (i * 0x1234567).toString(16).padStart(16, '0'),
    });
  }
  return records;
}

/** Appends and syncs `records`, so many a block. */
function write(disk: MemoryDisk, file: VerdictFile, records: readonly VerdictRecord[], each: number): void {
  for (let i = 0; i < records.length; i += each) {
    for (const record of records.slice(i, i + each)) file.append(record);
    file.makeDurable((error) => assert.equal(error, null));
    disk.finishAll();
  }
}

test('records come back after a restart, over many chunks, from any log index', () => {
  const disk = new MemoryDisk();
  const records = recordsUpTo(400);
  write(disk, opened(disk), records, 7);
  assert.ok(disk.list().length > 2, 'several chunks');
  const file = opened(new MemoryDisk(disk.durable));
  assert.deepEqual([...file.records(1)], records);
  assert.deepEqual([...file.records(401)], records.slice(200));
  assert.deepEqual([...file.records(801)], []);
  const last = records.at(-1)!;
  assert.equal(file.stateAtEnd.logIndex, last.logIndex);
  assert.equal(file.stateAtEnd.digest, last.digest);
  assert.equal(file.stateAtEnd.purgeFloor, last.purgeFloor);
});

test('the log index of every sequence number is found', () => {
  const disk = new MemoryDisk();
  const records = recordsUpTo(60);
  write(disk, opened(disk), records, 4);
  const file = opened(new MemoryDisk(disk.durable));
  for (const { logIndex, verdicts } of records) {
    for (const verdict of verdicts) {
      if (verdict.kind === 'positive') assert.equal(file.logIndexOf(verdict.sequenceNumber), logIndex);
    }
  }
});

test('the state at the end is that of what is durable, not of what was appended', () => {
  const disk = new MemoryDisk();
  const file = opened(disk);
  const [first, second] = recordsUpTo(2);
  file.append(first!);
  assert.equal(file.stateAtEnd.logIndex, 0);
  let done = 0;
  file.makeDurable(() => done++);
  file.append(second!);
  disk.finishAll();
  assert.equal(done, 1);
  assert.equal(file.stateAtEnd.logIndex, 2);
  file.makeDurable(() => done++);
  disk.finishAll();
  assert.equal(file.stateAtEnd.logIndex, 4);
});

test('calls that come while a block is synced share the next one', () => {
  const disk = new MemoryDisk();
  const file = opened(disk);
  const records = recordsUpTo(5);
  let done = 0;
  for (const record of records) {
    file.append(record);
    file.makeDurable(() => done++);
  }
  disk.finishAll();
  assert.equal(done, 5);
  assert.equal(file.status.blocks, 2);
});

test('after a loss of power at any sector of the last block, what was durable is there and the block is whole or gone', () => {
  for (const before of [0, 1, 5, 24]) {
    const records = recordsUpTo(before + 60);
    const disk = new MemoryDisk();
    const file = opened(disk);
    write(disk, file, records.slice(0, before), 3);
    for (const record of records.slice(before)) file.append(record);
    file.makeDurable(() => {});
    while (disk.pendingWrites.length === 0 || disk.pendingWrites[0]!.bytes.length < 1024) disk.finishOne();
    const sectors = Math.ceil(disk.pendingWrites[0]!.bytes.length / 512);
    assert.ok(sectors >= 2 && sectors <= 8, `${sectors} sectors`);
    for (let subset = 0; subset < 2 ** sectors; subset++) {
      const crashed = disk.afterCrash((_write, sector) => (subset & (2 ** sector)) !== 0);
      const again = opened(crashed);
      const found = [...again.records(1)];
      assert.ok(found.length === before || found.length === records.length, `${found.length}`);
      assert.deepEqual(found, records.slice(0, found.length));
      // Whatever the torn attempt left behind, the next block stands over it.
      write(crashed, again, records.slice(found.length, found.length + 2), 1);
      const third = opened(new MemoryDisk(crashed.durable));
      assert.deepEqual([...third.records(1)], records.slice(0, Math.min(records.length, found.length + 2)));
    }
  }
});

test('a byte changed in any block but the last is damage, never a shorter file', () => {
  const disk = new MemoryDisk();
  write(disk, opened(disk), recordsUpTo(9), 3);
  const [name] = [...disk.durable.keys()];
  const bytes = disk.durable.get(name!)!;
  const lastBlock = 512 * 3;
  for (let at = 0; at < lastBlock; at++) {
    if (bytes[at] === 0) continue;
    const changed = new MemoryDisk(disk.durable);
    changed.durable.get(name!)![at]! ^= 0x41;
    const result = VerdictFile.open(new MemoryDisk(changed.durable), identity, options);
    assert.equal(result.kind, 'damaged', `byte ${at}`);
  }
});

test('a chunk that is missing is damage', () => {
  const disk = new MemoryDisk();
  write(disk, opened(disk), recordsUpTo(400), 7);
  for (const name of disk.list().slice(0, -1)) {
    const without = new Map(disk.durable);
    without.delete(name);
    assert.equal(VerdictFile.open(new MemoryDisk(without), identity, options).kind, 'damaged', name);
  }
});

test("another member's verdicts are refused", () => {
  const disk = new MemoryDisk();
  write(disk, opened(disk), recordsUpTo(3), 3);
  const result = VerdictFile.open(new MemoryDisk(disk.durable), { memberId: 'other' }, options);
  assert.equal(result.kind, 'refused');
  assert.match(result.reason, /belongs to member 1111/);
});

test('after a failed write nothing more is said to be durable', () => {
  const disk = new MemoryDisk();
  const file = opened(disk);
  const [first, second] = recordsUpTo(2);
  write(disk, file, [first!], 1);
  disk.failEverything();
  const errors: (Error | null)[] = [];
  file.append(second!);
  file.makeDurable((error) => errors.push(error));
  disk.finishAll();
  file.makeDurable((error) => errors.push(error));
  assert.equal(errors.length, 2);
  assert.ok(errors.every((error) => error !== null));
  assert.equal(file.stateAtEnd.logIndex, first!.logIndex);
});

test('random appends, syncs and losses of power: what was durable is never lost, and nothing is invented', () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ kind: fc.constant('append' as const), count: fc.integer({ min: 1, max: 20 }) }),
    },
    { weight: 3, arbitrary: fc.constant({ kind: 'sync' as const, count: 0 }) },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant('finish' as const), count: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('crash' as const), count: fc.nat() }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const records = recordsUpTo(400);
      let disk = new MemoryDisk();
      let file = opened(disk);
      let appended = 0;
      let durable = 0;
      for (const { kind, count } of steps) {
        if (kind === 'append') {
          const next = records.slice(appended, appended + count);
          for (const record of next) file.append(record);
          appended += next.length;
        } else if (kind === 'sync') {
          const covers = appended;
          file.makeDurable(() => {
            durable = Math.max(durable, covers);
          });
        } else if (kind === 'finish') for (let i = 0; i < count; i++) disk.finishOne();
        else {
          disk = disk.afterCrash((_write, sector) => ((count >>> (sector % 31)) & 1) === 1);
          file = opened(disk);
          const found = [...file.records(1)];
          assert.ok(found.length >= durable && found.length <= appended);
          assert.deepEqual(found, records.slice(0, found.length));
          appended = found.length;
          durable = found.length;
        }
      }
    }),
    { numRuns: 300 },
  );
});
