/**
 * Holds the order's rows against the definitions of their tables, after each transaction that is certified: each index
 * has exactly the entries of the rows that there are, no two rows have the same values in a unique index, and no row
 * refers to one that there is not. By definition: entries are made here anew, of every row of every table concerned. Of an
 * index that is being built no entry is wrong, while some may be missing.
 */
import type { RowKey, Transaction } from '../../certifier/index.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import {
  decodeKey,
  decodeRow,
  encodeKey,
  entryPrefix,
  type ForeignKeyDefinition,
  type ImageCodec,
  type IndexDefinition,
  type KeyType,
  RowLayout,
  spaceOf,
  type TableDefinition,
  tableIdOf,
  tablePrefix,
} from '../../node/engine/index.ts';
import type { Judge } from './judge.ts';
import type { ShadowDatabase } from './shadow-database.ts';

interface Row {
  readonly key: RowKey;
  readonly columns: Readonly<Record<string, unknown>>;
}

export class ConstraintObserver {
  /** Of transactions. */
  checked = 0;
  readonly #judge: Judge;
  readonly #shadow: ShadowDatabase;
  readonly #codec: ImageCodec;
  /** What there is, by what keys have in common. */
  #spaces = new Map<string, Map<RowKey, Uint8Array>>();

  /** Takes its turn behind whoever hears of certified transactions already. */
  constructor(setup: { judge: Judge; shadow: ShadowDatabase; codec: ImageCodec }) {
    this.#judge = setup.judge;
    this.#shadow = setup.shadow;
    this.#codec = setup.codec;
    const { transactionCertified, schemaChanged } = setup.shadow;
    setup.shadow.schemaChanged = (sequenceNumber, judged) => {
      schemaChanged(sequenceNumber, judged);
      this.#lookAgain(sequenceNumber);
      for (const table of setup.shadow.tablesAt(sequenceNumber)) this.#check(table, sequenceNumber);
    };
    setup.shadow.transactionCertified = (sequenceNumber, transaction) => {
      transactionCertified(sequenceNumber, transaction);
      this.#certified(sequenceNumber, transaction);
    };
  }

  #certified(sequenceNumber: SequenceNumber, { writeSet }: Transaction): void {
    const tables = new Set<number>();
    for (const { key, kind } of writeSet) {
      if (kind !== 'put' && kind !== 'delete' && kind !== 'delta') continue;
      this.#set(key, this.#shadow.imageAt(key, sequenceNumber));
      tables.add(tableIdOf(key));
    }
    for (const tableId of tables) this.#check(this.#shadow.tableById(tableId, sequenceNumber)!, sequenceNumber);
  }

  /** A change of the schema takes whole ranges away. */
  #lookAgain(sequenceNumber: SequenceNumber): void {
    this.#spaces.clear();
    for (const [key, image] of this.#shadow.rowsAt(sequenceNumber)) this.#set(key, image);
  }

  #set(key: RowKey, image: Uint8Array | null): void {
    const name = spaceOf(key);
    let space = this.#spaces.get(name);
    if (space === undefined) {
      space = new Map();
      this.#spaces.set(name, space);
    }
    if (image === null) space.delete(key);
    else space.set(key, image);
  }

  #check(table: TableDefinition, sequenceNumber: SequenceNumber): void {
    const { indexes, foreignKeys, referencedBy } = table;
    if (indexes.length === 0 && foreignKeys.length === 0 && referencedBy.length === 0) return;
    this.checked++;
    const rows = this.#rowsOf(table);
    for (const index of indexes) this.#checkIndex(table, index, { rows, sequenceNumber });
    for (const foreignKey of foreignKeys) this.#checkReferences(table, foreignKey, sequenceNumber);
    for (const { table: name, foreignKey } of referencedBy) {
      const child = this.#shadow.tableAt(name, sequenceNumber)!;
      this.#checkReferences(child, child.foreignKeys.find((each) => each.name === foreignKey)!, sequenceNumber);
    }
  }

  #checkIndex(
    table: TableDefinition,
    index: IndexDefinition,
    { rows, sequenceNumber }: { readonly rows: readonly Row[]; readonly sequenceNumber: SequenceNumber },
  ): void {
    const where = `at ${sequenceNumber} index ${index.name} of ${table.name}`;
    const prefix = entryPrefix(tablePrefix(table.tableId), index.indexId);
    const entries = this.#spaces.get(prefix) ?? new Map<RowKey, Uint8Array>();
    const expected = new Map<RowKey, Row>();
    for (const row of rows) {
      const values = valuesOf(row, index.columns);
      const isAlone = index.isUnique && !values.includes(null);
      const key = encodeKey(prefix, values, typesOf(table, index.columns));
      const other = isAlone ? expected.get(key) : undefined;
      this.#judge.check(
        other === undefined || index.state === 'building',
        () => `${where} has two rows with ${values.join()}: ${shown(row)} and ${shown(other!)}`,
      );
      expected.set(isAlone ? key : key + primaryKeyOf(row.key, table), row);
    }
    for (const [key, row] of expected) {
      const image = entries.get(key);
      if (image === undefined && index.state === 'building') continue;
      this.#judge.check(image !== undefined, () => `${where} has no entry of row ${shown(row)}`);
      if (image === undefined || image.length === 0 || index.state === 'building') continue;
      const isOfRow = String.fromCharCode(...image) === primaryKeyOf(row.key, table);
      this.#judge.check(isOfRow, () => `${where} has another row than ${shown(row)} at its values`);
    }
    for (const key of entries.keys()) {
      this.#judge.check(
        expected.has(key),
        () => `${where} has an entry of no row: ${JSON.stringify(decodeKey(key, null))}`,
      );
    }
  }

  #checkReferences(child: TableDefinition, foreignKey: ForeignKeyDefinition, sequenceNumber: SequenceNumber): void {
    if (foreignKey.state === 'building') return;
    const { columns, references } = foreignKey;
    const parent = this.#shadow.tableAt(references.table, sequenceNumber)!;
    const types = typesOf(parent, references.columns);
    const there = new Set(this.#rowsOf(parent).map((row) => encodeKey('', valuesOf(row, references.columns), types)));
    for (const row of this.#rowsOf(child)) {
      const values = valuesOf(row, columns);
      if (values.includes(null)) continue;
      this.#judge.check(
        there.has(encodeKey('', values, types)),
        () =>
          `at ${sequenceNumber} row ${shown(row)} of ${child.name} refers to ${values.join()} of ${parent.name}, which there is not`,
      );
    }
  }

  #rowsOf(table: TableDefinition): readonly Row[] {
    const layout = new RowLayout(table);
    const space = this.#spaces.get(tablePrefix(table.tableId)) ?? new Map<RowKey, Uint8Array>();
    return [...space].map(([key, image]) => ({ key, columns: decodeRow(image, layout, this.#codec) }));
  }
}

function valuesOf({ columns }: Row, names: readonly string[]): readonly unknown[] {
  return names.map((name) => columns[name] ?? null);
}

function typesOf(table: TableDefinition, columns: readonly string[]): readonly KeyType[] {
  return columns.map((column) => (table.columns?.[column]?.type ?? null) as KeyType);
}

function primaryKeyOf(key: RowKey, table: TableDefinition): string {
  return key.slice(tablePrefix(table.tableId).length);
}

function shown({ columns }: Row): string {
  return JSON.stringify(columns, (_, value) => (typeof value === 'bigint' ? String(value) : value));
}
