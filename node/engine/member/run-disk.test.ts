import assert from 'node:assert/strict';
import test from 'node:test';
import type { Disk } from '../../../gcs/base/index.ts';
import { RunDisk } from './run-disk.ts';

test('a run is idle when every name that it asked for is there', () => {
  const answers: (() => void)[] = [];
  const told: string[] = [];
  const disk: Pick<Disk, 'create' | 'replace'> = {
    create: (name, _size, done) => {
      told.push(`create ${name}`);
      answers.push(() => done(null, null));
    },
    replace: (name, _content, done) => {
      told.push(`replace ${name}`);
      answers.push(() => done(null));
    },
  };
  const runDisk = new RunDisk(disk as Disk);
  runDisk.whenIdle(() => told.push('idle at first'));
  runDisk.create('a', 512, () => told.push('a is there'));
  runDisk.replace('b', new Uint8Array(0), () => told.push('b is there'));
  runDisk.whenIdle(() => told.push('idle again'));
  answers[1]!();
  answers[0]!();
  assert.deepEqual(told, ['idle at first', 'create a', 'replace b', 'b is there', 'a is there', 'idle again']);
});
