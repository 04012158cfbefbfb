import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskError } from '../../../../gcs/base/index.ts';
import { beginTransfer, DonorRecord, endTransfer, readMarker } from './index.ts';

type Done = (error: DiskError | null) => void;

/** A disk whose replacements end when they are told to, in any order. */
class SlowDisk {
  content: Uint8Array | null = null;
  readonly underway: { readonly content: Uint8Array; readonly done: Done }[] = [];

  get disk(): Parameters<typeof endTransfer>[0] {
    const unused = (): never => assert.fail('it is not asked for');
    return {
      list: unused,
      open: unused,
      create: unused,
      remove: unused,
      readWhole: () => this.content,
      replace: (_name, content, done) => this.underway.push({ content, done }),
    };
  }

  end(code: DiskError['code'] | null = null): void {
    const { content, done } = this.underway.shift()!;
    if (code === null) this.content = content;
    done(code === null ? null : new DiskError({ code, file: 'transfer.json', message: 'as told' }));
  }
}

function received(): SlowDisk {
  const slow = new SlowDisk();
  endTransfer(slow.disk, 'm0', () => {});
  slow.end();
  return slow;
}

const never = (): never => assert.fail('the disk does not fail');

test('who sent the state is read until it is forgotten, once and durably', () => {
  const slow = received();
  const record = new DonorRecord(slow.disk);
  assert.equal(record.from, 'm0');
  record.forget(never);
  record.forget(never);
  assert.equal(slow.underway.length, 1);
  assert.equal(new DonorRecord(slow.disk).from, 'm0', 'it is not durable yet');
  slow.end();
  assert.deepEqual(readMarker(slow.disk), { kind: 'complete', from: null });
  assert.equal(new DonorRecord(slow.disk).from, null);
});

test('where nothing was received nothing is written', () => {
  const slow = new SlowDisk();
  const record = new DonorRecord(slow.disk);
  record.forget(never);
  assert.equal(record.from, null);
  assert.equal(slow.underway.length, 0);
});

test('R9: the mark of a transfer comes behind what is being written, and nothing comes behind the mark', () => {
  const slow = received();
  const record = new DonorRecord(slow.disk);
  record.forget(never);
  const mark = (): void => record.giveWayTo(() => beginTransfer(slow.disk, 7, () => {}));
  mark();
  assert.equal(slow.underway.length, 1);
  slow.end();
  slow.end();
  assert.deepEqual(readMarker(slow.disk), { kind: 'receiving', atLeast: 7 });
  const marked = received();
  const other = new DonorRecord(marked.disk);
  other.giveWayTo(() => {});
  other.forget(never);
  assert.equal(marked.underway.length, 0);
});

test('without room it is remembered, and a disk that fails is told; the mark comes in both cases', () => {
  for (const code of ['NO_SPACE', 'IO'] as const) {
    const slow = received();
    const record = new DonorRecord(slow.disk);
    const failures: string[] = [];
    let isMarked = false;
    record.forget((error) => failures.push(error.code));
    record.giveWayTo(() => {
      isMarked = true;
    });
    slow.end(code);
    assert.deepEqual(failures, code === 'IO' ? ['IO'] : []);
    assert.ok(isMarked);
    assert.equal(new DonorRecord(slow.disk).from, 'm0');
  }
});

test('what is not written by this program is a transfer that is not through', () => {
  for (const text of ['', 'null', '7', '{"transfer":"other"}', '{"transfer":"receiving","atLeast":-1}', '{"trans']) {
    const slow = new SlowDisk();
    slow.content = new TextEncoder().encode(text);
    assert.deepEqual(readMarker(slow.disk), { kind: 'receiving', atLeast: 0 }, text);
  }
});
