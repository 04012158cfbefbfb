/**
 * A foreign key with both of its tables: which row of the *parent* a row of the *child* refers to. A row with a null in
 * one of the columns refers to none.
 *
 * What a foreign key needs of a row that it refers to is that it exists, and nothing else. So there is an item of its own
 * for each key that may be referred to (hazard H10): whoever begins to refer to it says so there, shared; whoever makes a
 * row with that key, or takes one away, writes it. Other columns of that row are not concerned.
 */
import type { KeyRange } from '../../../applier/types.ts';
import type { RowKey } from '../../../certifier/types.ts';
import { assert } from '../../../gcs/base/index.ts';
import type { Row } from '../image-codec.ts';
import { encodeKey, existencePrefix, type KeyType, rangeOf } from '../key-codec.ts';
import type { Table } from '../table.ts';
import type { ForeignKeyDefinition } from '../table-definition.ts';
import { indexedValues, type TableIndex } from './table-index.ts';

export class ForeignKey {
  readonly definition: ForeignKeyDefinition;
  readonly child: Table;
  readonly parent: Table;
  /** What of the child finds the rows that refer to a key; null: its primary key. */
  readonly childIndex: TableIndex | null;
  /** Null: the parent's primary key is referred to. */
  readonly #parentIndex: TableIndex | null;
  readonly #parentTypes: readonly KeyType[];
  readonly #existencePrefix: string;

  constructor(definition: ForeignKeyDefinition, { child, parent }: { readonly child: Table; readonly parent: Table }) {
    this.definition = definition;
    this.child = child;
    this.parent = parent;
    const { columns, referencedIndexId } = definition;
    this.childIndex = beginsWith(child.primaryKey, columns)
      ? null
      : found(child.indexes.find((index) => beginsWith(index.columns, columns) && isSupport(index, definition)));
    this.#parentIndex = referencedIndexId === 0 ? null : found(parent.indexById(referencedIndexId));
    this.#parentTypes = this.#parentIndex === null ? parent.keyTypes : this.#parentIndex.types;
    this.#existencePrefix = existencePrefix(parent.prefix, referencedIndexId);
  }

  /** Rows that were there before it may refer to what is not there. */
  get isBuilding(): boolean {
    return this.definition.state === 'building';
  }

  /** What a row of the child refers to; null: nothing. */
  valuesReferredToBy(row: Row): readonly unknown[] | null {
    return withoutNulls(indexedValues(row, this.definition.columns));
  }

  /** As what a row of the parent can be referred to; null: nobody can. */
  valuesOf(row: Row): readonly unknown[] | null {
    return withoutNulls(indexedValues(row, this.definition.references.columns));
  }

  existenceKey(values: readonly unknown[]): RowKey {
    return encodeKey(this.#existencePrefix, values, this.#parentTypes);
  }

  /** Where it is to be seen whether the parent has a row with these values: that row, or its entry. */
  parentKey(values: readonly unknown[]): RowKey {
    const index = this.#parentIndex;
    return index === null ? this.parent.rowKey(values) : encodeKey(index.prefix, values, index.types);
  }

  /** Where the child's rows that refer to `values` are found: entries of `childIndex`, or rows. */
  childRange(values: readonly unknown[]): KeyRange {
    const bounds = { gte: values, lte: values };
    const { child, childIndex } = this;
    return childIndex === null
      ? rangeOf(child.prefix, bounds, child.keyTypes)
      : rangeOf(childIndex.prefix, bounds, childIndex.types);
  }
}

/** One that is built for another alteration misses rows that this foreign key may rely on. */
function isSupport({ isValid, definition: { since } }: TableIndex, foreignKey: ForeignKeyDefinition): boolean {
  return isValid || since === foreignKey.since;
}

function beginsWith(columns: readonly string[], first: readonly string[]): boolean {
  return first.every((column, i) => columns[i] === column);
}

function found(index: TableIndex | undefined): TableIndex {
  assert(index !== undefined, 'a foreign key has an index in its table, and refers to one of the other');
  return index;
}

function withoutNulls(values: readonly unknown[] | null): readonly unknown[] | null {
  return values === null || values.includes(null) ? null : values;
}
