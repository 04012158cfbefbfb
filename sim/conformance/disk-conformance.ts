/** What every `Disk` does. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { DiskError, type DiskFile } from '../../gcs/base/index.ts';
import type { DiskStage } from './stage.ts';

const text = (content: string): Uint8Array => Uint8Array.from(content, (character) => character.charCodeAt(0));

export function diskConformance(kind: string, makeStage: () => Promise<DiskStage> | DiskStage): void {
  const check = (name: string, body: (stage: DiskStage) => Promise<void>): void => {
    test(`${kind} disk: ${name}`, async () => {
      const stage = await makeStage();
      try {
        await body(stage);
      } finally {
        await stage.close();
      }
    });
  };
  const create = (stage: DiskStage, name: string, sizeBytes: number): Promise<DiskFile> =>
    stage.until((done) =>
      stage.disk.create(name, sizeBytes, (error, file) => {
        assert.equal(error, null);
        done(file!);
      }),
    );
  const write = (stage: DiskStage, file: DiskFile, offset: number, chunks: Uint8Array[]): Promise<void> =>
    stage.until((done) => file.write(offset, chunks, (error) => done(assert.equal(error, null))));
  const replace = (stage: DiskStage, name: string, content: Uint8Array): Promise<void> =>
    stage.until((done) => stage.disk.replace(name, content, (error) => done(assert.equal(error, null))));

  check('a new file has its size in zeros', async (stage) => {
    const file = await create(stage, 'log', 1000);
    assert.equal(file.name, 'log');
    assert.equal(file.sizeBytes, 1000);
    assert.deepEqual(file.read(0, 2000), new Uint8Array(1000));
    file.close();
  });

  check('creating a file again empties it', async (stage) => {
    const file = await create(stage, 'log', 10);
    await write(stage, file, 0, [text('abc')]);
    file.close();
    const again = await create(stage, 'log', 5);
    assert.deepEqual(again.read(0, 10), new Uint8Array(5));
    again.close();
  });

  check('chunks are written one after another, and read back from the same handle and a new one', async (stage) => {
    const file = await create(stage, 'log', 10);
    await write(stage, file, 2, [text('abc'), text(''), text('de')]);
    assert.deepEqual(file.read(0, 10), text('\0\0abcde\0\0\0'));
    file.close();
    const opened = stage.disk.open('log');
    assert.deepEqual(opened.read(3, 3), text('bcd'));
    assert.equal(opened.sizeBytes, 10);
    opened.close();
  });

  check('a write behind the end makes the file longer', async (stage) => {
    const file = await create(stage, 'log', 4);
    await write(stage, file, 6, [text('xy')]);
    assert.equal(file.sizeBytes, 8);
    assert.deepEqual(file.read(0, 8), text('\0\0\0\0\0\0xy'));
    assert.deepEqual(file.read(8, 8), new Uint8Array(0));
    file.close();
  });

  check('many chunks in one write arrive whole', async (stage) => {
    const file = await create(stage, 'log', 0);
    const chunks = Array.from({ length: 3000 }, (_, i) => new Uint8Array(3).fill(i % 251));
    await write(stage, file, 0, chunks);
    assert.equal(file.sizeBytes, 9000);
    for (const i of [0, 1, 1500, 2999]) assert.deepEqual(file.read(i * 3, 3), new Uint8Array(3).fill(i % 251));
    file.close();
  });

  check('replacing makes a file or changes its whole content', async (stage) => {
    assert.equal(stage.disk.readWhole('state'), null);
    await replace(stage, 'state', text('longer content'));
    await replace(stage, 'state', text('new'));
    assert.deepEqual(stage.disk.readWhole('state'), text('new'));
  });

  check('files are listed by name, in order, and nothing else', async (stage) => {
    assert.deepEqual(stage.disk.list(), []);
    await replace(stage, 'b', text('1'));
    (await create(stage, 'a', 1)).close();
    await replace(stage, 'C', text('1'));
    assert.deepEqual(stage.disk.list(), ['C', 'a', 'b']);
  });

  check('a removed file is gone, and removing what is not there is harmless', async (stage) => {
    await replace(stage, 'a', text('1'));
    stage.disk.remove('a');
    stage.disk.remove('a');
    assert.deepEqual(stage.disk.list(), []);
    assert.equal(stage.disk.readWhole('a'), null);
  });

  check('opening what is not there is NOT_FOUND', async (stage) => {
    assert.throws(
      () => stage.disk.open('nothing'),
      (error) => error instanceof DiskError && error.code === 'NOT_FOUND' && error.file === 'nothing',
    );
  });

  check('nothing is reported within the call', async (stage) => {
    let isWithin = true;
    await stage.until<void>((done) => {
      stage.disk.create('log', 1, (_error, file) => {
        assert.ok(!isWithin);
        file!.close();
        done();
      });
      isWithin = false;
    });
    isWithin = true;
    await stage.until<void>((done) => {
      stage.disk.replace('state', text('1'), () => done(assert.ok(!isWithin)));
      isWithin = false;
    });
  });
}
