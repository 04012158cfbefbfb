/**
 * What rows that were there before an alteration lack of what it added: their index entries, and that the rows that they
 * refer to must exist. Looked for at one snapshot, a run of rows at a time; or a row is found that the alteration cannot be
 * made with.
 *
 * Each row that lacks something is certified by the transaction that adds it: if the row is put or deleted meanwhile, that
 * is refused, and whoever did it has seen to the row's entries (H17). The item is a `reference`, with which increments
 * commute: no column of an index, or of a foreign key, is ever incremented, so that a counter which never rests delays no
 * build. It leaves a shared writer, to which whoever puts, deletes or checks the row at an older snapshot loses, once; who puts
 * or deletes it would lose for the entry in any case. What a row refers to becomes a `reference` together with its entry, so
 * that whoever takes the referenced row away either finds the entry or conflicts.
 */
import type { RowKey, Transaction, WriteSetItem } from '../../../certifier/types.ts';
import { binaryStringOf, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { ForeignKey } from '../constraints/foreign-key.ts';
import { TableConstraints } from '../constraints/table-constraints.ts';
import { indexedValues, type TableIndex } from '../constraints/table-index.ts';
import type { ImageCodec, Row } from '../image-codec.ts';
import type { Replica } from '../replica.ts';
import type { Table, TableCache } from '../table.ts';
import type { Build, BuildFailure, TableDefinition } from '../table-definition.ts';
import { isBuilding } from './build-watch.ts';

export interface LookSetup {
  readonly replica: Pick<Replica, 'get' | 'scan' | 'table' | 'tableById'>;
  readonly imageCodec: ImageCodec;
  readonly tables: TableCache;
  readonly keyBytesMax: number;
}

export type Found =
  /** The build is over, or not begun yet. */
  | { readonly kind: 'nothing-to-build' }
  | { readonly kind: 'failure'; readonly failure: BuildFailure }
  | {
      readonly kind: 'looked';
      /** Adds what is missing; null: nothing is. */
      readonly transaction: Transaction | null;
      readonly entries: number;
      readonly rows: number;
      /** The last row; null: there is none behind those that were looked at. */
      readonly upTo: RowKey | null;
    };

/** Looks at the first `rowsMax` rows behind `behind` (null: the first of all), as of a snapshot that is held. */
export function lookForMissing(
  setup: LookSetup,
  at: {
    readonly build: Build;
    readonly snapshot: SequenceNumber;
    readonly behind: RowKey | null;
    readonly rowsMax: number;
  },
): Found {
  const definition = definitionAt(setup.replica, at.build.tableId, at.snapshot);
  if (definition === null || !isBuilding(definition, at.build.since)) return { kind: 'nothing-to-build' };
  return new Look(setup, definition, at).run(at.behind, at.rowsMax);
}

function definitionAt(
  replica: LookSetup['replica'],
  tableId: number,
  snapshot: SequenceNumber,
): TableDefinition | null {
  const last = replica.tableById(tableId, snapshot);
  if (last === undefined) return null;
  const definition = replica.table(last.name, snapshot);
  return definition?.tableId === tableId ? definition : null;
}

class Look {
  readonly #setup: LookSetup;
  readonly #snapshot: SequenceNumber;
  readonly #table: Table;
  readonly #indexes: readonly TableIndex[];
  readonly #foreignKeys: readonly ForeignKey[];
  readonly #touched = new Set<Table>();
  readonly #rows: WriteSetItem[] = [];
  readonly #entries = new Map<RowKey, Uint8Array>();
  readonly #references = new Set<RowKey>();

  constructor(
    setup: LookSetup,
    definition: TableDefinition,
    { build, snapshot }: { readonly build: Build; readonly snapshot: SequenceNumber },
  ) {
    this.#setup = setup;
    this.#snapshot = snapshot;
    const { replica, tables } = setup;
    this.#table = tables.of(definition);
    this.#touched.add(this.#table);
    const tableOf = (name: string): Table => tables.of(replica.table(name, snapshot)!);
    const touch = (name: string): Table => {
      const table = tableOf(name);
      this.#touched.add(table);
      return table;
    };
    const isOfBuild = (each: { state: string; since: number }): boolean =>
      each.state === 'building' && each.since === build.since;
    this.#indexes = this.#table.indexes.filter((index) => isOfBuild(index.definition));
    const constraints = new TableConstraints(this.#table, { table: touch, lookUpTable: tableOf });
    this.#foreignKeys = constraints.foreignKeys.filter((key) => isOfBuild(key.definition));
  }

  run(behind: RowKey | null, rowsMax: number): Found {
    const { replica, imageCodec } = this.#setup;
    const { from, to } = this.#table.range;
    let rows = 0;
    let upTo: RowKey | null = null;
    const range = { from: behind === null ? from : `${behind}\x00`, to };
    for (const [key, image] of replica.scan(range, this.#snapshot, false)) {
      const failure = this.#lookAt(key, this.#table.decode(image, imageCodec));
      if (failure !== null) return { kind: 'failure', failure };
      rows++;
      if (rows < rowsMax) continue;
      upTo = key;
      break;
    }
    return { kind: 'looked', transaction: this.#transaction(), entries: this.#entries.size, rows, upTo };
  }

  #transaction(): Transaction | null {
    if (this.#entries.size === 0) return null;
    const writeSet: WriteSetItem[] = [];
    for (const { catalogItem } of this.#touched) writeSet.push(catalogItem);
    writeSet.push(...this.#rows);
    for (const [key, image] of this.#entries) writeSet.push({ key, kind: 'put', image });
    for (const key of this.#references) writeSet.push({ key, kind: 'reference', image: null });
    return { snapshotVersion: this.#snapshot, writeSet };
  }

  #lookAt(key: RowKey, row: Row): BuildFailure | null {
    const entriesBefore = this.#entries.size;
    for (const index of this.#indexes) {
      const failure = this.#lookForEntry(index, key, row);
      if (failure !== null) return failure;
    }
    const isMissing = this.#entries.size > entriesBefore;
    if (isMissing) this.#rows.push({ key, kind: 'reference', image: null });
    for (const foreignKey of this.#foreignKeys) {
      const values = foreignKey.valuesReferredToBy(row);
      if (values === null) continue;
      if (this.#setup.replica.get(foreignKey.parentKey(values), this.#snapshot) === undefined) {
        const { name, references } = foreignKey.definition;
        return { kind: 'no-referenced-row', foreignKey: name, references: references.table, values };
      }
      if (isMissing) this.#references.add(foreignKey.existenceKey(values));
    }
    return null;
  }

  #lookForEntry(index: TableIndex, key: RowKey, row: Row): BuildFailure | null {
    const entry = index.entryOf(row, key);
    if (entry === null)
      return { kind: 'not-indexable', index: index.name, problem: 'a row has an array or an object there' };
    const { keyBytesMax } = this.#setup;
    if (entry.key.length > keyBytesMax) {
      const problem = `the entry of a row has ${entry.key.length} bytes; at most ${keyBytesMax} are allowed`;
      return { kind: 'not-indexable', index: index.name, problem };
    }
    const there = this.#entries.get(entry.key) ?? this.#setup.replica.get(entry.key, this.#snapshot);
    if (there === undefined) this.#entries.set(entry.key, entry.image);
    else if (binaryStringOf(there) !== binaryStringOf(entry.image)) {
      // Two rows with the same values, as of this snapshot.
      return { kind: 'duplicate', index: index.name, values: indexedValues(row, index.columns)! };
    }
    return null;
  }
}
