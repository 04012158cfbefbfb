import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { test } from 'node:test';
import type { DiskFile } from '../base/index.ts';
import { DiskError } from '../base/index.ts';
import { SEGMENT_LOG_DEFAULTS, SegmentLog } from '../core/log/segment-log.ts';
import { FileDisk } from './file-disk.ts';

test('a created file has its size, is all zeros, and replaces one of its name', async (context) => {
  const directory = temporaryDirectory(context);
  fs.writeFileSync(path.join(directory, 'a'), 'something longer than the new file');
  const disk = new FileDisk(directory);
  const file = await created(disk, 'a', 20);
  assert.equal(file.sizeBytes, 20);
  assert.deepEqual(file.read(0, 100), new Uint8Array(20));
  const large = await created(disk, 'b', 2_500_000);
  assert.equal(large.sizeBytes, 2_500_000);
  assert.equal(fs.statSync(path.join(directory, 'b')).size, 2_500_000);
  file.close();
  large.close();
});

test('chunks are written one after another, behind the end too, and read back as plain bytes', async (context) => {
  const disk = new FileDisk(temporaryDirectory(context));
  const file = await created(disk, 'a', 4);
  const chunks = Array.from({ length: 3000 }, (_, i) => Uint8Array.of(i & 0xff, i >> 8));
  await written(file, 2, [new Uint8Array(0), ...chunks]);
  assert.equal(file.sizeBytes, 6002);
  const bytes = disk.open('a').read(0, 10_000);
  assert.equal(Object.getPrototypeOf(bytes), Uint8Array.prototype);
  assert.deepEqual(bytes, Uint8Array.from([0, 0, ...chunks.flatMap((chunk) => [...chunk])]));
  assert.deepEqual(file.read(6000, 100), Uint8Array.of(2999 & 0xff, 2999 >> 8));
  assert.deepEqual(file.read(9000, 100), new Uint8Array(0));
  await written(file, 0, []);
  file.close();
});

test('callbacks come in a later turn', async (context) => {
  const disk = new FileDisk(temporaryDirectory(context));
  let isWithinCall = true;
  const file = await new Promise<DiskFile>((resolve) => {
    disk.create('a', 0, (_, made) => {
      assert.equal(isWithinCall, false);
      resolve(made!);
    });
    isWithinCall = false;
  });
  for (const chunks of [[], [Uint8Array.of(1)]]) {
    isWithinCall = true;
    await new Promise<void>((resolve) => {
      file.write(0, chunks, () => {
        assert.equal(isWithinCall, false);
        resolve();
      });
      isWithinCall = false;
    });
  }
  file.close();
});

test('a replaced file is whole, replacements of one file take place in the order asked, and no other names are seen', async (context) => {
  const directory = temporaryDirectory(context);
  const disk = new FileDisk(directory);
  fs.mkdirSync(path.join(directory, 'lane-0'));
  assert.equal(disk.readWhole('group.json'), null);
  const order: number[] = [];
  await Promise.all(
    [1, 2, 3].map(
      (i) =>
        new Promise<void>((resolve) => {
          disk.replace('group.json', new Uint8Array(i * 1000).fill(i), (error) => {
            assert.equal(error, null);
            assert.equal(disk.readWhole('group.json')!.length >= i * 1000, true);
            order.push(i);
            resolve();
          });
        }),
    ),
  );
  assert.deepEqual(order, [1, 2, 3]);
  assert.deepEqual(disk.readWhole('group.json'), new Uint8Array(3000).fill(3));
  assert.deepEqual(disk.list(), ['group.json']);
  disk.remove('group.json');
  disk.remove('group.json');
  assert.deepEqual(disk.list(), []);
});

test('R15: a made, replaced or removed name is durable: the directory is synced after it, and before it is reported', async (context) => {
  const directory = temporaryDirectory(context);
  const disk = new FileDisk(directory);
  const calls: string[] = [];
  let directorySynced = (): void => {};
  const watch = (name: 'open' | 'rename' | 'fsync' | 'rmSync'): void => {
    const real = fs[name] as (...parameters: unknown[]) => unknown;
    context.mock.method(fs, name, (...parameters: unknown[]) => {
      const [first] = parameters;
      const isOfDirectory = typeof first === 'number' && fs.fstatSync(first).isDirectory();
      if (name === 'fsync') calls.push(isOfDirectory ? 'sync directory' : 'sync file');
      if (isOfDirectory) directorySynced();
      if (name === 'rename' || name === 'rmSync' || (name === 'open' && parameters[1] === 'w')) calls.push(name);
      return Reflect.apply(real, fs, parameters);
    });
  };
  for (const name of ['open', 'rename', 'fsync', 'rmSync'] as const) watch(name);
  const file = await created(disk, 'a', 20);
  assert.deepEqual([calls.at(0), calls.at(-1)], ['open', 'sync directory']);
  file.close();
  calls.length = 0;
  await new Promise<void>((resolve, reject) => {
    disk.replace('b', Uint8Array.of(1), (error) => (error === null ? resolve() : reject(error)));
  });
  assert.deepEqual(calls.slice(calls.indexOf('rename')), ['rename', 'sync directory']);
  calls.length = 0;
  const synced = new Promise<void>((resolve) => {
    directorySynced = resolve;
  });
  disk.remove('a');
  await synced;
  assert.deepEqual(calls, ['rmSync', 'sync directory']);
});

test('errors of the system have our codes', async (context) => {
  const directory = temporaryDirectory(context);
  const disk = new FileDisk(directory);
  assert.throws(() => disk.open('none'), isDiskError('NOT_FOUND'));
  assert.throws(() => new FileDisk(path.join(directory, 'none')), isDiskError('NOT_FOUND'));
  if (fs.existsSync('/dev/full')) {
    fs.symlinkSync('/dev/full', path.join(directory, 'full'));
    const fullError = await new Promise((resolve) => disk.create('full', 10, resolve));
    assert.ok(isDiskError('NO_SPACE')(fullError));
  }
  fs.rmSync(directory, { recursive: true });
  const createError = await new Promise((resolve) => disk.create('a', 10, resolve));
  assert.ok(isDiskError('NOT_FOUND')(createError));
  const replaceError = await new Promise((resolve) => disk.replace('a', Uint8Array.of(1), resolve));
  assert.ok(isDiskError('NOT_FOUND')(replaceError));
});

test('the log works over real files, and comes back without being closed', async (context) => {
  const directory = temporaryDirectory(context);
  const options = { ...SEGMENT_LOG_DEFAULTS, segmentBytes: 64 * 1024, cacheBytesMax: 10_000, blockBytesMax: 8192 };
  const identity = { memberId: '0b0e7a3c-9a0e-4b52-8a52-5f3f6c1d2e3f' };
  const open = (): SegmentLog => {
    const result = SegmentLog.open(new FileDisk(directory), options, identity);
    if (result.kind === 'refused') assert.fail(result.reason);
    assert.equal(result.damage, null);
    return result.log;
  };
  const log = open();
  const requests = 400;
  const payload = (index: number): Uint8Array => new Uint8Array((index % 40) * 50).fill(index & 0xff);
  await new Promise<void>((resolve, reject) => {
    log.onFailed = reject;
    log.onDurable = (number) => number === requests && resolve();
    for (let index = 1; index <= requests; index++) {
      const identityOf = { kind: 'message', origin: 1, incarnation: 1, messageNumber: index, stampMs: index } as const;
      const entry = { index, term: 1, ...identityOf, isCompressed: false, payload: payload(index) };
      log.persist({
        number: index,
        hardState: index === 1 ? { term: 1, votedFor: 0, claim: null } : null,
        entries: [entry],
      });
    }
  });
  assert.ok(log.status.segments > 3);
  const again = open();
  for (const each of [log, again]) {
    assert.deepEqual(each.hardState, { term: 1, votedFor: 0, claim: null });
    const entries = each.entries(1, requests, Infinity);
    assert.equal(entries.length, requests);
    for (const entry of entries) assert.deepEqual(entry.payload, payload(entry.index));
  }
  await new Promise<void>((resolve) => again.close(resolve));
  await new Promise<void>((resolve) => log.close(resolve));
});

function temporaryDirectory(context: TestContext): string {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'concert-disk-'));
  context.after(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

function created(disk: FileDisk, name: string, sizeBytes: number): Promise<DiskFile> {
  return new Promise((resolve, reject) => {
    disk.create(name, sizeBytes, (error, file) => (error === null ? resolve(file!) : reject(error)));
  });
}

function written(file: DiskFile, offset: number, chunks: readonly Uint8Array[]): Promise<void> {
  return new Promise((resolve, reject) => {
    file.write(offset, chunks, (error) => (error === null ? resolve() : reject(error)));
  });
}

function isDiskError(code: DiskError['code']): (error: unknown) => boolean {
  return (error) => error instanceof DiskError && error.code === code;
}
