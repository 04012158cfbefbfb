import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../gcs/base/index.ts';
import { FaultDisk, type Loss } from './testing/fault-disk.ts';
import { VerdictFile } from './verdict-file.ts';
import type { KeptState, KeptVerdict, VerdictRecord } from './verdict-record.ts';

const memberId = '11111111-2222-4333-8444-555555555555';
const options = { chunkBytes: 2048 };

const BASE: KeptState = {
  logIndex: 1000,
  sequenceNumber: 700,
  purgeFloor: 650,
  commitTime: { physicalMs: 1_700_000_000_000, logical: 3 },
  digest: '0123456789abcdef',
};

function opened(disk: FaultDisk): VerdictFile {
  const result = VerdictFile.open(disk, { memberId }, options);
  assert.equal(result.kind, 'opened', JSON.stringify(result));
  return result.file;
}

/** `count` records of three verdicts behind `base`, one an index of the log. */
function recordsBehind(base: KeptState | null, count: number): VerdictRecord[] {
  let sequenceNumber = base?.sequenceNumber ?? 0;
  return Array.from({ length: count }, (_, i) => {
    const verdicts: KeptVerdict[] = [{ kind: 'none' }, { kind: 'negative', reason: 1 + (i % 100) }];
    sequenceNumber++;
    const commitTime = { physicalMs: 1_700_000_000_001 + i, logical: i % 3 };
    verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved: null });
    const logIndex = (base?.logIndex ?? 0) + 1 + i;
    const digest = (i * 0x1234567).toString(16).padStart(16, '0');
    return { logIndex, verdicts, purgeFloor: sequenceNumber - 1, digest };
  });
}

function write(disk: FaultDisk, file: VerdictFile, records: readonly VerdictRecord[], each = 3): void {
  for (let i = 0; i < records.length; i += each) {
    for (const record of records.slice(i, i + each)) file.append(record);
    file.makeDurable((error) => assert.equal(error, null));
    disk.finishAll();
  }
}

function reset(disk: FaultDisk, base: KeptState): VerdictFile {
  let made: VerdictFile | null = null;
  VerdictFile.reset({ disk, options, memberId, base }, (error, file) => {
    assert.equal(error, null);
    made = file;
  });
  disk.finishAll();
  assert.ok(made !== null);
  return made;
}

const LOSSES: readonly Loss[] = [false, true].flatMap((replaced) =>
  [false, true].flatMap((removedAreBack) =>
    (['no', 'empty', 'whole'] as const).map((created) => ({ replaced, removedAreBack, created, sector: () => false })),
  ),
);

test('a truncated file has every record from the index on that is needed, and still finds the rest, also after a restart', () => {
  const records = recordsBehind(null, 200);
  for (let neededFrom = 1; neededFrom <= 201; neededFrom += 7) {
    const disk = new FaultDisk();
    const file = opened(disk);
    write(disk, file, records);
    const chunks = disk.list().length;
    file.truncate(neededFrom);
    disk.finishAll();
    for (const each of [file, opened(new FaultDisk(disk.files))]) {
      const kept = [...each.records(1)];
      assert.deepEqual(kept, records.slice(records.length - kept.length));
      assert.ok(each.base.logIndex < neededFrom, `base ${each.base.logIndex}, needed from ${neededFrom}`);
      assert.equal(kept[0]!.logIndex, each.base.logIndex + 1);
      assert.deepEqual([...each.records(neededFrom)], records.slice(neededFrom - 1));
      for (let number = neededFrom; number <= 200; number += 13) assert.equal(each.logIndexOf(number), number);
      assert.equal(each.stateAtEnd.logIndex, 200);
    }
    if (neededFrom === 201) assert.ok(disk.list().length <= 3, `${chunks} chunks before, ${disk.list()}`);
  }
});

test('records appended behind a truncation come back after a restart', () => {
  const records = recordsBehind(null, 300);
  const disk = new FaultDisk();
  const file = opened(disk);
  for (let at = 0; at < 300; at += 30) {
    write(disk, file, records.slice(at, at + 30));
    file.truncate(at);
    disk.finishAll();
    const again = opened(new FaultDisk(disk.files));
    assert.deepEqual([...again.records(at + 1)], records.slice(at, at + 30));
  }
});

test('R9: the power goes at every step of a truncation: all records from the needed one on are there', () => {
  const records = recordsBehind(null, 120);
  for (const loss of LOSSES) {
    for (let steps = 0; steps <= 2; steps++) {
      const disk = new FaultDisk();
      const file = opened(disk);
      write(disk, file, records);
      file.truncate(100);
      for (let i = 0; i < steps; i++) disk.finishOne();
      const crashed = disk.afterLoss(loss);
      const again = opened(crashed);
      assert.deepEqual([...again.records(100)], records.slice(99));
      assert.ok(again.base.logIndex < 100);
      // What came back is ignored then and for ever.
      write(crashed, again, recordsBehind(null, 150).slice(120));
      again.truncate(140);
      crashed.finishAll();
      assert.deepEqual([...opened(new FaultDisk(crashed.files)).records(140)], recordsBehind(null, 150).slice(139));
    }
  }
});

test('a file that was begun behind a base has that state at its end, and goes on from there', () => {
  const disk = new FaultDisk();
  write(disk, opened(disk), recordsBehind(null, 60));
  const file = reset(disk, BASE);
  assert.deepEqual(file.stateAtEnd, BASE);
  assert.deepEqual([...file.records(1)], []);
  assert.deepEqual(opened(new FaultDisk(disk.files)).stateAtEnd, BASE);
  const records = recordsBehind(BASE, 80);
  write(disk, file, records);
  const again = opened(new FaultDisk(disk.files));
  assert.deepEqual([...again.records(1)], records);
  assert.deepEqual(again.base, BASE);
  assert.equal(again.logIndexOf(701), 1001);
});

test('R9: the power goes at every step of a reset: the old file is there, or the new one, never a mixture', () => {
  const old = recordsBehind(null, 60);
  for (const loss of LOSSES) {
    for (let steps = 0; steps <= 1; steps++) {
      const disk = new FaultDisk();
      write(disk, opened(disk), old);
      VerdictFile.reset({ disk, options, memberId, base: BASE }, () => {});
      for (let i = 0; i < steps; i++) disk.finishOne();
      const crashed = disk.afterLoss(loss);
      const again = opened(crashed);
      if (steps === 1 || loss.replaced) assert.deepEqual(again.stateAtEnd, BASE);
      else assert.deepEqual([...again.records(1)], old);
      // And what is written then is read again, whatever came back.
      if (again.stateAtEnd.logIndex !== BASE.logIndex) continue;
      write(crashed, again, recordsBehind(BASE, 40));
      assert.deepEqual([...opened(new FaultDisk(crashed.files)).records(1)], recordsBehind(BASE, 40));
    }
  }
});

test('a reset does not mind what is damaged', () => {
  const disk = new FaultDisk();
  write(disk, opened(disk), recordsBehind(null, 60));
  for (const name of disk.list()) disk.files.get(name)!.fill(0xee);
  assert.equal(VerdictFile.open(new FaultDisk(disk.files), { memberId }, options).kind, 'damaged');
  write(disk, reset(disk, BASE), recordsBehind(BASE, 10));
  assert.deepEqual([...opened(new FaultDisk(disk.files)).records(1)], recordsBehind(BASE, 10));
});

test('R13: a mark that is unreadable or missing is damage, as far as it matters', () => {
  const disk = new FaultDisk();
  const file = opened(disk);
  write(disk, file, recordsBehind(null, 200));
  file.truncate(150);
  disk.finishAll();
  const mark = disk.files.get('verdicts.mark')!;
  for (let at = 0; at < mark.length; at++) {
    const changed = new FaultDisk(disk.files);
    changed.files.get('verdicts.mark')![at]! ^= 0x41;
    assert.equal(VerdictFile.open(changed, { memberId }, options).kind, 'damaged', `byte ${at}`);
  }
  disk.files.delete('verdicts.mark');
  assert.equal(VerdictFile.open(disk, { memberId }, options).kind, 'damaged');
});

test('R13: a block that goes bad while the file is open is an error of the disk, and never other verdicts', () => {
  const disk = new FaultDisk();
  const file = opened(disk);
  write(disk, file, recordsBehind(null, 30));
  const name = disk.list()[0]!;
  const bytes = disk.files.get(name)!;
  // Behind the headers of the chunk and of its first block.
  for (let at = 512 + 22; at < 512 + 22 + 60; at++) {
    bytes[at]! ^= 0x15;
    assert.throws(() => [...file.records(1)], DiskError);
    assert.throws(() => file.logIndexOf(1), DiskError);
    bytes[at]! ^= 0x15;
  }
  assert.equal([...file.records(1)].length, 30);
});

test('R16: without room for a chunk, what waits is made durable once there is room again, in order and once', () => {
  const records = recordsBehind(null, 60);
  const disk = new FaultDisk();
  const file = opened(disk);
  const rooms: boolean[] = [];
  file.onRoomChanged = (hasRoom) => rooms.push(hasRoom);
  write(disk, file, records.slice(0, 10));
  disk.isFull = true;
  let answers = 0;
  let written = 10;
  while (file.hasRoom) {
    file.append(records[written++]!);
    file.makeDurable((error) => {
      assert.equal(error, null);
      answers++;
    });
    disk.finishAll();
  }
  const before = answers;
  file.append(records[written++]!);
  file.makeDurable(() => answers++);
  for (let i = 0; i < 3; i++) {
    file.retryRoom();
    disk.finishAll();
  }
  assert.equal(answers, before);
  assert.deepEqual(rooms, [false]);
  assert.equal(
    disk.list().filter((name) => name.endsWith('.chunk')).length,
    file.status.chunks,
    'what there is of a chunk takes no room',
  );
  // No half record meanwhile: a restart finds what was reported, and goes on.
  assert.deepEqual([...opened(new FaultDisk(disk.files)).records(1)], records.slice(0, 10 + before));
  disk.isFull = false;
  file.retryRoom();
  disk.finishAll();
  assert.deepEqual(rooms, [false, true]);
  assert.equal(answers, before + 2);
  assert.deepEqual([...opened(new FaultDisk(disk.files)).records(1)], records.slice(0, written));
});

test('R16: a file that waits for room is closed without waiting', () => {
  const disk = new FaultDisk();
  const file = opened(disk);
  disk.isFull = true;
  const heard: string[] = [];
  file.append(recordsBehind(null, 1)[0]!);
  file.makeDurable((error) => heard.push(String(error !== null)));
  disk.finishAll();
  file.close(() => heard.push('closed'));
  assert.deepEqual(heard, ['true', 'closed']);
});

test('R16: a truncation that there is no room for is left out', () => {
  const disk = new FaultDisk();
  const file = opened(disk);
  write(disk, file, recordsBehind(null, 100));
  disk.isFull = true;
  file.truncate(90);
  disk.finishAll();
  assert.equal(file.base.logIndex, 0);
  disk.isFull = false;
  file.truncate(90);
  disk.finishAll();
  assert.ok(file.base.logIndex > 0);
});

test('what was appended is handed to another member whether it is durable yet or not', () => {
  const records = recordsBehind(null, 50);
  const disk = new FaultDisk();
  const file = opened(disk);
  write(disk, file, records.slice(0, 30));
  for (const record of records.slice(30, 40)) file.append(record);
  file.makeDurable(() => {});
  for (const record of records.slice(40)) file.append(record);
  for (let from = 1; from <= 50; from++) {
    const taken = file.appended(from);
    assert.equal(taken.before.logIndex, from - 1);
    assert.equal(taken.before.sequenceNumber, from - 1);
    assert.deepEqual([...taken.records], records.slice(from - 1));
  }
  // Taken at one moment and read at a later one.
  const taken = file.appended(20);
  disk.finishAll();
  file.append(recordsBehind(null, 51)[50]!);
  file.makeDurable(() => {});
  disk.finishAll();
  assert.deepEqual([...taken.records], records.slice(19));
});

test('after a loss of power at any sector of a block in a new chunk, the block is whole or gone', () => {
  const records = recordsBehind(null, 90);
  for (let before = 20; before < 60; before += 3) {
    const disk = new FaultDisk();
    const file = opened(disk);
    write(disk, file, records.slice(0, before));
    for (const record of records.slice(before)) file.append(record);
    file.makeDurable(() => {});
    for (let step = 0; ; step++) {
      const operation = disk.underWay[0];
      if (operation === undefined) break;
      const sectors = operation.kind === 'write' ? Math.ceil(operation.bytes.length / 512) : 1;
      for (let subset = 0; subset < 2 ** sectors; subset++) {
        for (const created of ['no', 'empty', 'whole'] as const) {
          if (operation.kind !== 'create' && created !== 'no') continue;
          const sector = (each: number) => (subset & (2 ** each)) !== 0;
          const crashed = disk.afterLoss({ sector, created, replaced: false, removedAreBack: false });
          const again = opened(crashed);
          const found = [...again.records(1)];
          assert.ok(found.length === before || found.length === records.length, `${found.length} at step ${step}`);
          assert.deepEqual(found, records.slice(0, found.length));
          appendOne(crashed, again, records[found.length]);
        }
      }
      disk.finishOne();
    }
  }
});

function appendOne(disk: FaultDisk, file: VerdictFile, record: VerdictRecord | undefined): void {
  if (record === undefined) return;
  write(disk, file, [record]);
  assert.deepEqual([...opened(new FaultDisk(disk.files)).records(record.logIndex)], [record]);
}
