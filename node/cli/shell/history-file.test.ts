import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { HISTORY_ENTRIES_MAX, HistoryFile, historyPath } from './history-file.ts';

describe('the history file', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'concert-history-'));
  after(() => rmSync(folder, { recursive: true }));
  const fileOf = (name: string) => historyPath({ XDG_STATE_HOME: path.join(folder, name) });
  const open = (file: string | null) => new HistoryFile(file, (error) => assert.fail(error));

  test('lies in the state directory of its user', () => {
    assert.equal(historyPath({ XDG_STATE_HOME: '/var/state' }), '/var/state/concert/history');
    assert.equal(historyPath({ XDG_STATE_HOME: 'relative' }), path.join(homedir(), '.local/state/concert/history'));
    assert.equal(historyPath({}), path.join(homedir(), '.local/state/concert/history'));
  });

  test('keeps what was typed for the next shell, each statement in one line, for its owner alone', () => {
    const file = fileOf('a');
    const first = open(file);
    first.add('begin');
    first.add('put a.b {\n  id: 1\n}');
    first.add('put a.b {\n  id: 1\n}');
    first.add(' put a.secrets {id: 1}');
    first.add('');
    assert.deepEqual(open(file).entries, ['put a.b {   id: 1 }', 'begin']);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(statSync(path.dirname(file)).mode & 0o777, 0o700);
    chmodSync(file, 0o644);
    open(file);
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });

  test('does not grow without end', () => {
    const file = fileOf('b');
    open(file).add('first');
    const lines = Array.from({ length: 2 * HISTORY_ENTRIES_MAX + 1 }, (_, i) => `get a.b ${i}`);
    writeFileSync(file, `${lines.join('\n')}\n`);
    const history = open(file);
    assert.equal(history.entries.length, HISTORY_ENTRIES_MAX);
    assert.equal(history.entries[0], lines.at(-1));
    assert.equal(readFileSync(file, 'utf8').split('\n').length, HISTORY_ENTRIES_MAX + 1);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(path.dirname(file)), ['history']);
    history.add(`put a.b {text: "${'x'.repeat(20_000)}"}`);
    assert.equal(history.entries[0], lines.at(-1));
    for (let i = 0; i < HISTORY_ENTRIES_MAX; i++) history.add(`count a.b limit ${i + 1}`);
    assert.equal(history.entries.length, HISTORY_ENTRIES_MAX);
  });

  test('is not needed: without it the shell remembers while it runs', () => {
    const none = open(null);
    none.add('begin');
    assert.deepEqual(none.entries, ['begin']);
    const blocked = path.join(folder, 'file');
    writeFileSync(blocked, '');
    const failures: string[] = [];
    const unwritable = new HistoryFile(path.join(blocked, 'concert', 'history'), (error) =>
      failures.push(error.message),
    );
    unwritable.add('begin');
    assert.deepEqual(unwritable.entries, ['begin']);
    assert.match(failures[0]!, /ENOTDIR|EEXIST/);
    assert.equal(failures.length, 1, 'said once');
  });
});
