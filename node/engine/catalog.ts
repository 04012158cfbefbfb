/** The tables, by name and sequence number. Replicated state: each member derives it from the log alone. */

import type { KeyRange } from '../../applier/types.ts';
import type { RowKey } from '../../certifier/types.ts';
import { assert, type SequenceNumber } from '../../gcs/base/index.ts';
import type { ImageCodec } from './image-codec.ts';
import { CATALOG_RANGE, catalogKey, decodeKey } from './key-codec.ts';
import type { SchemaEffect } from './member/schema-effect.ts';
import type { SchemaChange } from './replica.ts';
import {
  type JudgedView,
  judgeSchemaChange,
  type PossibleChange,
  type SchemaJudgement,
  TABLE_ID_TO_COME,
} from './schema/judgement.ts';
import { decodeDefinition, encodeDefinition } from './schema-codec.ts';
import type { Build, ForeignKeyDefinition, TableDefinition } from './table-definition.ts';

export { decodeSchemaChange, encodeSchemaChange } from './schema-codec.ts';

/** What the catalog is loaded from. */
export interface CatalogStore {
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]>;
}

interface Version {
  readonly sequenceNumber: SequenceNumber;
  readonly definition: TableDefinition | null;
}

export class Catalog implements JudgedView {
  /** Invariant: the versions of a name are not empty, and ascend by sequence number. */
  readonly #versions = new Map<string, Version[]>();
  /** The definitions of an id, ascending by sequence number; not empty. The table's end is not among them. */
  readonly #versionsById = new Map<number, { sequenceNumber: SequenceNumber; definition: TableDefinition }[]>();

  /** Null: to be found out. */
  #builds: readonly Build[] | null = null;

  /** The catalog as of `upTo`, from the rows that the store holds. Before that it is not asked. */
  static load(store: CatalogStore, upTo: SequenceNumber, codec: ImageCodec): Catalog {
    const catalog = new Catalog();
    for (const [, image] of store.scan(CATALOG_RANGE, upTo, false)) {
      const definition = decodeDefinition(image, codec);
      catalog.#add(definition.tableId, definition.name, definition);
    }
    return catalog;
  }

  /** Does what `judge` said, at the sequence number that the change took. Returns what is to be stored. */
  apply(sequenceNumber: SequenceNumber, judged: PossibleChange, codec: ImageCodec): SchemaEffect {
    const { change, tables, cleared, concerned, nameAfter } = judged;
    const rows = tables.map(({ name, definition: judgedDefinition }) => {
      let definition = judgedDefinition;
      if (definition?.tableId === TABLE_ID_TO_COME) definition = { ...definition, tableId: sequenceNumber };
      this.#add(sequenceNumber, name, definition);
      return { key: catalogKey(name), image: definition === null ? null : encodeDefinition(definition, codec) };
    });
    const at = tables.findIndex(({ name, definition }) => name === nameAfter && definition !== null);
    return { change, rows, definitionAt: at < 0 ? null : at, cleared, concerned };
  }

  /** Does again what a kept change did. */
  repeat(sequenceNumber: SequenceNumber, { rows }: SchemaEffect, codec: ImageCodec): void {
    for (const { key, image } of rows) {
      const decoded = decodeKey(key, null);
      assert(decoded.kind === 'definition', 'a schema change writes definitions');
      this.#add(sequenceNumber, decoded.name, image === null ? null : decodeDefinition(image, codec));
    }
  }

  tableAt(name: string, snapshot: SequenceNumber): TableDefinition | undefined {
    const versions = this.#versions.get(name);
    return versions === undefined ? undefined : (lastUpTo(versions, snapshot)?.definition ?? undefined);
  }

  /** Sorted by name. */
  tablesAt(snapshot: SequenceNumber): readonly TableDefinition[] {
    const tables: TableDefinition[] = [];
    for (const name of this.#versions.keys()) {
      const table = this.tableAt(name, snapshot);
      if (table !== undefined) tables.push(table);
    }
    return tables.sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** The foreign keys that refer to `table`, of it or of others, with the tables that have them, as of `snapshot`. */
  referencesTo(
    { referencedBy }: TableDefinition,
    snapshot: SequenceNumber,
  ): readonly { readonly child: TableDefinition; readonly foreignKey: ForeignKeyDefinition }[] {
    return referencedBy.map(({ table, foreignKey }) => {
      const child = this.tableAt(table, snapshot)!;
      return { child, foreignKey: child.foreignKeys.find(({ name }) => name === foreignKey)! };
    });
  }

  /**
   * The definition of the table of that id as of `snapshot`, where it exists by then, or its last one; without a snapshot
   * the newest. Undefined when it is gone and pruned.
   */
  tableById(tableId: number, snapshot: SequenceNumber = Number.POSITIVE_INFINITY): TableDefinition | undefined {
    const versions = this.#versionsById.get(tableId);
    return versions === undefined ? undefined : lastUpTo(versions, snapshot)?.definition;
  }

  /** What is being built, by the newest definitions. By table id, the older alteration first. */
  get builds(): readonly Build[] {
    if (this.#builds !== null) return this.#builds;
    const builds = [...this.#versions.keys()].flatMap((name) => {
      const definition = this.newest(name);
      if (definition === null) return [];
      const { tableId, indexes, foreignKeys } = definition;
      const building = [...indexes, ...foreignKeys].filter(({ state }) => state === 'building');
      return [...new Set(building.map(({ since }) => since))].map((since) => ({ tableId, since }));
    });
    this.#builds = builds.sort((one, other) => one.tableId - other.tableId || one.since - other.since);
    return this.#builds;
  }

  /** Forgets what no snapshot at or above `horizon` sees. */
  prune(horizon: SequenceNumber): void {
    for (const [name, versions] of this.#versions) {
      dropBefore(versions, horizon);
      const only = versions[0]!;
      if (versions.length === 1 && only.definition === null && only.sequenceNumber <= horizon)
        this.#versions.delete(name);
    }
    for (const [tableId, versions] of this.#versionsById) {
      dropBefore(versions, horizon);
      const { name } = versions.at(-1)!.definition;
      const isKept = this.#versions.get(name)?.some(({ definition }) => definition?.tableId === tableId);
      if (!isKept) this.#versionsById.delete(tableId);
    }
  }

  /** Judges a change against the newest state, which is that of its place in the order. Changes nothing. */
  judge(change: SchemaChange): SchemaJudgement {
    return judgeSchemaChange(change, this);
  }

  newest(name: string): TableDefinition | null {
    return this.#versions.get(name)?.at(-1)?.definition ?? null;
  }

  newestById(tableId: number): TableDefinition | null {
    const last = this.tableById(tableId);
    if (last === undefined) return null;
    const newest = this.newest(last.name);
    return newest?.tableId === tableId ? newest : null;
  }

  #add(sequenceNumber: SequenceNumber, name: string, definition: TableDefinition | null): void {
    this.#builds = null;
    const version = { sequenceNumber, definition };
    const versions = this.#versions.get(name);
    if (versions === undefined) this.#versions.set(name, [version]);
    else {
      assert(versions.at(-1)!.sequenceNumber < sequenceNumber, 'schema changes are applied in order');
      versions.push(version);
    }
    if (definition === null) return;
    const ofId = this.#versionsById.get(definition.tableId);
    if (ofId === undefined) this.#versionsById.set(definition.tableId, [{ sequenceNumber, definition }]);
    else ofId.push({ sequenceNumber, definition });
  }
}

function lastUpTo<V extends Version>(versions: readonly V[], snapshot: SequenceNumber): V | undefined {
  for (let i = versions.length - 1; i >= 0; i--) if (versions[i]!.sequenceNumber <= snapshot) return versions[i];
  return undefined;
}

/** All but those that a snapshot at or above `horizon` sees. */
function dropBefore(versions: Version[], horizon: SequenceNumber): void {
  let first = versions.length - 1;
  while (first > 0 && versions[first]!.sequenceNumber > horizon) first--;
  versions.splice(0, first);
}
