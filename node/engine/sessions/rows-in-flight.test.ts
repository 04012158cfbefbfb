import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RowsInFlight, type RowUser } from './rows-in-flight.ts';

/** Users by name; what they do when their row is free is told in `log`, and done. */
function world() {
  const rows = new RowsInFlight();
  const log: string[] = [];
  const user = (name: string, isShared: boolean): RowUser & { ask(): void; done(): void } => {
    const self = {
      ask: () => {
        const awaited = rows.hold(['row'], self, isShared ? () => true : null);
        log.push(`${name} ${awaited === null ? 'has it' : 'waits'}`);
      },
      rowFreed: () => self.ask(),
      noQuorumSince: () => {},
      done: () => rows.free(['row'], self),
    };
    return self;
  };
  const told = (act: () => void): string[] => {
    log.length = 0;
    act();
    return [...log];
  };
  return { rows, user, told };
}

test('those that only increment a row share it; who writes it otherwise waits for all of them, and those who come then for that one', () => {
  const { rows, user, told } = world();
  const [a, b, late] = [user('a', true), user('b', true), user('late', true)];
  const [w, x] = [user('w', false), user('x', false)];
  for (const each of [a, b]) each.ask();
  assert.deepEqual(
    told(() => {
      for (const each of [w, late, x]) each.ask();
    }),
    ['w waits', 'late waits', 'x waits'],
  );
  assert.equal(rows.holderOf('row'), a);
  assert.deepEqual(told(a.done), []);
  assert.deepEqual(told(b.done), ['w has it']);
  assert.equal(rows.waiting, 2);
  assert.deepEqual(told(w.done), ['late has it', 'x waits']);
  assert.deepEqual(told(late.done), ['x has it']);
  assert.deepEqual([rows.waiting, told(x.done)], [0, []]);
});

test('all who share and wait behind a writer go on together, in their order, up to the next that writes', () => {
  const { rows, user, told } = world();
  const w = user('w', false);
  w.ask();
  const waiting = [user('a', true), user('b', true), user('x', false), user('c', true), user('y', false)];
  for (const each of waiting) each.ask();
  assert.deepEqual(told(w.done), ['a has it', 'b has it', 'x waits']);
  assert.equal(rows.waiting, 3);
  const [a, b, x, c, y] = waiting;
  assert.deepEqual(
    told(() => {
      for (const each of [b!, a!]) each.done();
    }),
    ['x has it'],
  );
  rows.stopWaiting('row', c!);
  assert.deepEqual(told(x!.done), ['y has it']);
  assert.deepEqual([rows.waiting, told(y!.done)], [0, []]);
});

test('who shares a row alone may write it, and among others waits', () => {
  const { rows, user } = world();
  const [a, b] = [user('a', true), user('b', true)];
  a.ask();
  assert.equal(rows.hold(['row'], a), null);
  a.done();
  for (const each of [a, b]) each.ask();
  assert.equal(rows.hold(['row'], a), 'row');
});

test('a row that is shared is kept free for another member once all are done, and nobody joins them meanwhile', () => {
  const { rows, user, told } = world();
  const [a, b] = [user('a', true), user('b', true)];
  a.ask();
  rows.beginYield({ origin: 2, keys: ['row'] });
  assert.deepEqual(told(b.ask), ['b waits']);
  assert.deepEqual(told(a.done), []);
  assert.deepEqual(
    told(() => rows.written('row', 2)),
    ['b has it'],
  );
});
