import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { openInput } from './input.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'concert-input-'));
after(() => rmSync(folder, { recursive: true }));

async function bytesFrom(file: string, offset: number): Promise<Buffer> {
  const input = await openInput(file);
  const chunks: Buffer[] = [];
  for await (const chunk of input.chunks(offset)) chunks.push(chunk);
  await input.close();
  return Buffer.concat(chunks);
}

test('a file is read from any offset, packed or not: offsets are of what is unpacked', async () => {
  // Longer than several chunks, and packed badly.
  const bytes = Buffer.from(Array.from({ length: 700_000 }, (_, i) => (i * i * 31 + (i >> 7)) % 251));
  const plain = path.join(folder, 'plain');
  const packed = path.join(folder, 'packed.gz');
  writeFileSync(plain, bytes);
  // Two packed files behind one another are one, as gzip has it.
  writeFileSync(packed, Buffer.concat([gzipSync(bytes.subarray(0, 300_000)), gzipSync(bytes.subarray(300_000))]));
  for (const file of [plain, packed]) {
    for (const offset of [0, 1, 299_999, 300_001, 699_999, 700_000]) {
      assert.ok((await bytesFrom(file, offset)).equals(bytes.subarray(offset)), `${file} from ${offset}`);
    }
  }
  const { size, identity, isPacked } = await openInput(plain);
  assert.deepEqual([size, identity?.size, isPacked], [700_000, 700_000, false]);
});

test('a file that cannot be read is an error that names it', async () => {
  mkdirSync(path.join(folder, 'directory'));
  writeFileSync(path.join(folder, 'not.gz'), 'plain text');
  await assert.rejects(openInput(path.join(folder, 'none')), /none cannot be read: there is no such file/);
  await assert.rejects(openInput(path.join(folder, 'directory')), /directory is a directory/);
  await assert.rejects(bytesFrom(path.join(folder, 'not.gz'), 0), /not\.gz cannot be read: incorrect header check/);
});
