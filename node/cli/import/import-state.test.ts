import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type ImportState, StateFile, type StateIdentity, stateDirectory } from './import-state.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'concert-import-state-'));
after(() => rmSync(folder, { recursive: true }));

const IDENTITY: StateIdentity = { file: '/a/b.csv', size: 5, mtimeMs: 7.5, table: 'a.b', reading: 'csv' };
const STATE: ImportState = {
  progress: { position: { rows: 3, bytes: 4, line: 5 }, rows: 2, badRows: 1 },
  columns: ['a'],
  tableId: 9,
  gtid: 'g:12',
};

test('a state is read as it was written, and gone when it was removed', async () => {
  const file = new StateFile(path.join(folder, 'deep', 'er'), IDENTITY);
  assert.equal(await file.read(), null);
  await file.write(STATE);
  await file.write({ ...STATE, gtid: 'g:13' });
  assert.deepEqual(await file.read(), { ...STATE, gtid: 'g:13' });
  assert.equal(readdirSync(path.dirname(file.path)).length, 1, 'nothing lies beside it');
  await file.remove();
  await file.remove();
  assert.equal(await file.read(), null);
});

test('a state of a file that has changed, or that is read in another way, or that is damaged, is none', async () => {
  await new StateFile(folder, IDENTITY).write(STATE);
  for (const change of [{ size: 6 }, { mtimeMs: 8 }, { reading: 'json' }, { table: 'a.c' }, { file: '/a/c.csv' }]) {
    assert.equal(await new StateFile(folder, { ...IDENTITY, ...change }).read(), null);
  }
  const file = new StateFile(folder, IDENTITY);
  assert.deepEqual(await file.read(), STATE);
  writeFileSync(file.path, readFileSync(file.path, 'utf8').slice(0, -10));
  assert.equal(await file.read(), null);
});

test('states lie where XDG says', () => {
  assert.equal(stateDirectory({ XDG_STATE_HOME: '/x' }), '/x/concert/imports');
  assert.match(stateDirectory({ XDG_STATE_HOME: 'relative' }), /\.local\/state\/concert\/imports$/);
});
