/** The tables, by name and sequence number. Replicated state: each member derives it from the log alone. */

import type { KeyRange } from '../../applier/types.ts';
import type { RowKey } from '../../certifier/types.ts';
import { assert, type SequenceNumber, unreachable } from '../../gcs/base/index.ts';
import type { ImageCodec } from './image-codec.ts';
import { CATALOG_RANGE, catalogKey, decodeKey } from './key-codec.ts';
import type { SchemaEffect } from './member/schema-effect.ts';
import type { SchemaChange } from './replica.ts';
import { decodeDefinition, encodeDefinition } from './schema-codec.ts';
import type { TableDefinition } from './table-definition.ts';

export { decodeSchemaChange, encodeSchemaChange } from './schema-codec.ts';

/** What a schema change does at its place in the order. */
export type SchemaJudgement =
  | {
      readonly kind: 'done';
      readonly name: string;
      /** The table afterwards, whose id is the sequence number that the change takes; null: no table afterwards. */
      readonly definition: Omit<TableDefinition, 'tableId'> | null;
      /** The table whose rows go, or null. */
      readonly clearedTableId: number | null;
    }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'table-exists' }
  | { readonly kind: 'no-such-table' };

/** What the catalog is loaded from. */
export interface CatalogStore {
  scan(range: KeyRange, snapshot: SequenceNumber, reverse: boolean): Iterable<readonly [RowKey, Uint8Array]>;
}

interface Version {
  readonly sequenceNumber: SequenceNumber;
  readonly definition: TableDefinition | null;
}

export class Catalog {
  /** Invariant: the versions of a name are not empty, and ascend by sequence number. */
  readonly #versions = new Map<string, Version[]>();
  readonly #namesById = new Map<number, string>();

  /** The catalog as of `upTo`, from the rows that the store holds. */
  static load(store: CatalogStore, upTo: SequenceNumber, codec: ImageCodec): Catalog {
    const catalog = new Catalog();
    for (const [, image] of store.scan(CATALOG_RANGE, upTo, false)) {
      const definition = decodeDefinition(image, codec);
      catalog.#add(definition.tableId, definition.name, definition);
    }
    return catalog;
  }

  /** Does what `judge` said, at the sequence number that the change took. Returns what is to be stored. */
  apply(
    sequenceNumber: SequenceNumber,
    judged: Extract<SchemaJudgement, { kind: 'done' }>,
    codec: ImageCodec,
  ): SchemaEffect {
    const { name, definition: kept, clearedTableId } = judged;
    const definition = kept === null ? null : { tableId: sequenceNumber, ...kept };
    this.#add(sequenceNumber, name, definition);
    const image = definition === null ? null : encodeDefinition(definition, codec);
    return { key: catalogKey(name), image, clearedTableId };
  }

  /** Does again what a kept change did. */
  repeat(sequenceNumber: SequenceNumber, { key, image }: SchemaEffect, codec: ImageCodec): void {
    const decoded = decodeKey(key, null);
    assert(decoded.kind === 'definition', 'a schema change writes a definition');
    this.#add(sequenceNumber, decoded.name, image === null ? null : decodeDefinition(image, codec));
  }

  tableAt(name: string, snapshot: SequenceNumber): TableDefinition | undefined {
    const versions = this.#versions.get(name);
    if (versions === undefined) return undefined;
    for (let i = versions.length - 1; i >= 0; i--) {
      const version = versions[i]!;
      if (version.sequenceNumber <= snapshot) return version.definition ?? undefined;
    }
    return undefined;
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

  /** The newest definition of the table of that id, or undefined when it is gone and pruned. For reports. */
  tableById(tableId: number): TableDefinition | undefined {
    const name = this.#namesById.get(tableId);
    if (name === undefined) return undefined;
    return (
      this.#versions.get(name)?.findLast((version) => version.definition?.tableId === tableId)?.definition ?? undefined
    );
  }

  /** Forgets what no snapshot at or above `horizon` sees. */
  prune(horizon: SequenceNumber): void {
    for (const [name, versions] of this.#versions) {
      let first = versions.length - 1;
      while (first > 0 && versions[first]!.sequenceNumber > horizon) first--;
      for (const { definition } of versions.splice(0, first)) {
        if (definition !== null) this.#namesById.delete(definition.tableId);
      }
      const only = versions[0]!;
      if (versions.length === 1 && only.definition === null && only.sequenceNumber <= horizon)
        this.#versions.delete(name);
    }
  }

  /** Judges a change against the newest state, which is that of its place in the order. Changes nothing. */
  judge(change: SchemaChange): SchemaJudgement {
    switch (change.kind) {
      case 'create-table': {
        if (this.#newest(change.table.name) !== null) {
          return { kind: change.ifNotExists ? 'nothing' : 'table-exists' };
        }
        return { kind: 'done', name: change.table.name, definition: change.table, clearedTableId: null };
      }
      case 'drop-table':
      case 'truncate-table': {
        const table = this.#newest(change.name);
        if (table === null) return { kind: change.ifExists ? 'nothing' : 'no-such-table' };
        const { tableId, ...definition } = table;
        return {
          kind: 'done',
          name: change.name,
          definition: change.kind === 'drop-table' ? null : definition,
          clearedTableId: tableId,
        };
      }
      default:
        return unreachable(change);
    }
  }

  #add(sequenceNumber: SequenceNumber, name: string, definition: TableDefinition | null): void {
    const versions = this.#versions.get(name);
    if (definition !== null) this.#namesById.set(definition.tableId, name);
    if (versions === undefined) this.#versions.set(name, [{ sequenceNumber, definition }]);
    else {
      assert(versions.at(-1)!.sequenceNumber < sequenceNumber, 'schema changes are applied in order');
      versions.push({ sequenceNumber, definition });
    }
  }

  #newest(name: string): TableDefinition | null {
    return this.#versions.get(name)?.at(-1)?.definition ?? null;
  }
}
