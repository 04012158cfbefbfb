import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Catalog } from '../catalog.ts';
import type { SchemaChange } from '../replica.ts';
import type { Build } from '../table-definition.ts';
import { testImageCodec } from '../testing/image-codec.ts';
import { type BuildOutcome, BuildWatch } from './build-watch.ts';

const NOTHING = { drop: [], dropColumns: [], addColumns: {}, addIndexes: [], addForeignKeys: [], rename: null };

function begun() {
  const catalog = new Catalog();
  const watch = new BuildWatch();
  let last = 0;
  /** As one entry of the order: all are done before any is told. */
  const order = (...changes: readonly SchemaChange[]): void => {
    const done = changes.map((change) => {
      const judged = catalog.judge(change);
      assert.ok(judged.kind === 'done', change.kind);
      catalog.apply(++last, judged, testImageCodec);
      return [last, change, judged] as const;
    });
    for (const each of done) watch.schemaChanged(...each);
  };
  for (const name of ['a.b', 'a.c']) {
    const table = { name, primaryKey: ['id'], columns: null, indexes: [], foreignKeys: [] };
    order({ kind: 'create-table', table, ifNotExists: false });
  }
  const add: SchemaChange = {
    kind: 'alter-table',
    name: 'a.b',
    alteration: { ...NOTHING, addIndexes: [{ name: 'i', columns: ['x'], isUnique: false }] },
  };
  return { watch, order, add };
}

const BUILD: Build = { tableId: 1, since: 2 };
const END: SchemaChange = { kind: 'end-build', build: BUILD, failure: null };

test('a build ends where its end is ordered, whatever else is in that entry', () => {
  for (const other of [
    { kind: 'truncate-table', name: 'a.c', ifExists: false },
    {
      kind: 'alter-table',
      name: 'a.b',
      alteration: { ...NOTHING, addIndexes: [{ name: 'j', columns: ['y'], isUnique: false }] },
    },
  ] satisfies SchemaChange[]) {
    const { watch, order, add } = begun();
    order(add);
    const told: BuildOutcome[] = [];
    watch.add(BUILD, (outcome) => told.push(outcome));
    order(other, END);
    assert.deepEqual(told, [{ kind: 'valid', sequenceNumber: 5 }], other.kind);
  }
});

test('who asked for a build that was over when it learned of its begin is told the end', () => {
  const { watch, order, add } = begun();
  order(add, { kind: 'truncate-table', name: 'a.b', ifExists: false });
  assert.deepEqual(watch.endOf(BUILD), { kind: 'valid', sequenceNumber: 4 });
});

test('a build goes on under another name of its table', () => {
  const { watch, order, add } = begun();
  order(add, { kind: 'alter-table', name: 'a.b', alteration: { ...NOTHING, rename: 'a.d' } });
  assert.equal(watch.endOf(BUILD), null);
  order(END);
  assert.deepEqual(watch.endOf(BUILD), { kind: 'valid', sequenceNumber: 5 });
});

test('who asked for several is told which of them somebody has dropped before all were built, also where its name is taken again', () => {
  const both = ['i', 'j'].map((name) => ({ name, columns: ['x'], isUnique: false }));
  const again = [{ name: 'j', columns: ['y'], isUnique: false }];
  const truncate: SchemaChange = { kind: 'truncate-table', name: 'a.b', ifExists: false };
  for (const addIndexes of [[], again]) {
    for (const end of [END, truncate]) {
      const { watch, order } = begun();
      order({ kind: 'alter-table', name: 'a.b', alteration: { ...NOTHING, addIndexes: both } });
      order({ kind: 'alter-table', name: 'a.b', alteration: { ...NOTHING, drop: ['j'], addIndexes } });
      assert.equal(watch.endOf(BUILD), null);
      order(end);
      assert.deepEqual(watch.endOf(BUILD), { kind: 'dropped', table: 'a.b', constraint: 'j' });
    }
  }
});

test('a foreign key is missed though the index that was made for it stays', () => {
  const { watch, order } = begun();
  const key = (name: string): object => ({
    name,
    columns: ['x'],
    references: { table: 'a.c', columns: ['id'] },
    onDelete: 'restrict',
  });
  const addForeignKeys = [key('k'), key('l')] as Extract<
    SchemaChange,
    { kind: 'alter-table' }
  >['alteration']['addForeignKeys'];
  order({ kind: 'alter-table', name: 'a.b', alteration: { ...NOTHING, addForeignKeys } });
  order({ kind: 'alter-table', name: 'a.b', alteration: { ...NOTHING, drop: ['k'] } });
  order(END);
  assert.deepEqual(watch.endOf(BUILD), { kind: 'dropped', table: 'a.b', constraint: 'k' });
});
