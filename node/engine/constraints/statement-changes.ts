/**
 * The rows that one statement changes in a table with indexes or foreign keys, and all that follows from them: rows of
 * other tables that go or lose their reference with them, and the entries of all these rows. What has to hold is judged
 * by how the statement leaves things: no two rows with the same values in a unique index, no row that refers to one that
 * is not there. So the rows of a statement are in no order, but the statements of a transaction are: two rows do not swap
 * a unique value in two statements without a third value in between.
 *
 * What is looked at for that alone is no read of the transaction's, at SERIALIZABLE neither: entries are written, and
 * existence is certified by items of its own (`existence-items.ts`). What it fails for is, since that decides the answer.
 */
import type { RowKey } from '../../../certifier/types.ts';
import { binaryStringOf } from '../../../gcs/base/index.ts';
import { duplicateKey, foreignKeyViolation } from '../errors.ts';
import type { Row } from '../image-codec.ts';
import { boundedKey } from '../statements/arguments.ts';
import type { Table } from '../table.ts';
import { ROW_OVERHEAD_BYTES, type RowChange, type Transaction } from '../transaction.ts';
import { setColumn } from '../values.ts';
import { entryChangesOf } from './entry-changes.ts';
import type { ForeignKey } from './foreign-key.ts';
import { TableConstraints } from './table-constraints.ts';
import { indexedValues, type TableIndex } from './table-index.ts';

export interface RowWrite extends RowChange {
  /** The row as the transaction sees it before the statement; null: there is none. */
  readonly before: Row | null;
  /** Null: it is deleted. */
  readonly after: Row | null;
}

interface ChangedRow {
  readonly constraints: TableConstraints;
  readonly key: RowKey;
  readonly before: Row | null;
  after: Row | null;
  image: Uint8Array | null;
}

/** A row that must not refer to what it does when the statement is over, unless that exists then. */
interface Restriction {
  readonly foreignKey: ForeignKey;
  readonly childKey: RowKey;
  readonly values: readonly unknown[];
}

/**
 * Buffers what a statement writes in `table`, each row once, with all that follows from it; or, when it throws, nothing.
 *
 * @throws RequestError DUPLICATE_KEY, FOREIGN_KEY_VIOLATION, TYPE_MISMATCH, INVALID_ARGUMENT, TRANSACTION_TOO_LARGE
 */
export function writeConstrained(transaction: Transaction, table: Table, writes: readonly RowWrite[]): void {
  const changes = new StatementChanges(transaction);
  for (const write of writes) changes.add(table, write);
  changes.buffer();
}

class StatementChanges {
  readonly #transaction: Transaction;
  readonly #constraints = new Map<Table, TableConstraints>();
  readonly #rows = new Map<RowKey, ChangedRow>();
  /** Those whose consequences are not looked at yet. */
  readonly #pending: ChangedRow[] = [];
  readonly #restrictions: Restriction[] = [];
  /** Null: removed. */
  readonly #entries = new Map<RowKey, Uint8Array | null>();
  /** Entries that somebody else may be about to make. */
  readonly #uncertain = new Set<RowKey>();
  /** Existence items of keys that rows of this statement begin to refer to. */
  readonly #existing = new Set<RowKey>();
  /** Of keys that are not there, and that rows of this statement refer to by a foreign key being built, as they did before. */
  readonly #missing = new Set<RowKey>();
  /** Of the rows and entries so far. */
  #bytes = 0;
  #cascaded = 0;

  constructor(transaction: Transaction) {
    this.#transaction = transaction;
  }

  add(table: Table, { key, before, after, image }: RowWrite): void {
    let row = this.#rows.get(key);
    if (row === undefined) {
      row = { constraints: this.#constraintsOf(table), key, before, after, image };
      this.#rows.set(key, row);
      this.#grow(key, image);
    } else {
      row.after = after;
      row.image = image;
    }
    this.#pending.push(row);
  }

  buffer(): void {
    // Rows are added behind the end meanwhile. Each goes, or loses a reference, once: there is an end.
    for (let i = 0; i < this.#pending.length; i++) this.#cascade(this.#pending[i]!);
    this.#changeEntries();
    for (const restriction of this.#restrictions) this.#requireUnreferenced(restriction);
    for (const row of this.#rows.values()) this.#requireReferenced(row);
    this.#write();
  }

  #write(): void {
    const transaction = this.#transaction;
    const rows = [...this.#rows.values()];
    const changes: RowChange[] = [...rows];
    for (const [key, image] of this.#entries) changes.push({ key, image });
    // As it was before the transaction, whatever it has written there itself.
    for (const key of this.#uncertain) transaction.observe(key, true);
    const existence = rows
      .filter(({ constraints }) => constraints.concernsForeignKeys)
      .map(({ constraints, key, before, after }) => ({
        constraints,
        key,
        before: constraints.existenceKeysBefore(before),
        after: constraints.existenceKeysOf(after),
      }));
    transaction.writeConstrained(changes, { existence, existing: [...this.#existing, ...this.#missing] });
    const { counters } = transaction;
    counters.indexEntriesWritten += this.#entries.size;
    counters.rowsCascaded += this.#cascaded;
  }

  /** What the loss of a key that is referred to does to those who refer to it. */
  #cascade(row: ChangedRow): void {
    if (row.before === null) return;
    for (const foreignKey of row.constraints.referrers) {
      const values = foreignKey.valuesOf(row.before);
      if (values === null) continue;
      const now = row.after === null ? null : foreignKey.valuesOf(row.after);
      if (now !== null && foreignKey.existenceKey(now) === foreignKey.existenceKey(values)) continue;
      const { onDelete } = foreignKey.definition;
      for (const [childKey, child] of this.#childrenOf(foreignKey, values)) {
        // A key that changes is no deletion: what refers to it has to be changed before.
        if (row.after !== null || onDelete === 'restrict') this.#restrictions.push({ foreignKey, childKey, values });
        else this.#changeChild(foreignKey, childKey, child);
      }
    }
  }

  #changeChild({ child, definition }: ForeignKey, key: RowKey, before: Row): void {
    const transaction = this.#transaction;
    // It is written: from now on the transaction depends on the table.
    const table = transaction.table(child.name);
    this.#cascaded++;
    if (definition.onDelete === 'cascade') return this.add(table, { key, before, after: null, image: null });
    const after = { ...before };
    for (const column of definition.columns) setColumn(after, column, null);
    this.add(table, { key, before, after, image: table.encode(after, transaction.imageCodec) });
  }

  /** Rows that refer to `values` as the statement has them so far. */
  *#childrenOf(foreignKey: ForeignKey, values: readonly unknown[]): Iterable<readonly [RowKey, Row]> {
    const transaction = this.#transaction;
    const { child, childIndex } = foreignKey;
    const { from, to } = foreignKey.childRange(values);
    for (const [found, image] of transaction.scan(from, to, false)) {
      const key = childIndex === null ? found : childIndex.rowKeyOf(found, image);
      const changed = this.#rows.get(key);
      if (changed !== undefined) {
        if (refersTo(foreignKey, changed.after, values)) yield [key, changed.after!];
        continue;
      }
      const rowImage = childIndex === null ? image : transaction.peek(key);
      if (rowImage !== undefined) yield [key, child.decode(rowImage, transaction.imageCodec)];
    }
  }

  #changeEntries(): void {
    const added: { readonly row: ChangedRow; readonly index: TableIndex; readonly key: RowKey; image: Uint8Array }[] =
      [];
    for (const row of this.#rows.values()) {
      const { indexes } = row.constraints.table;
      if (indexes.length === 0) continue;
      for (const { index, removed, added: now } of entryChangesOf(indexes, row)) {
        if (removed !== null) this.#removeEntry(index, removed);
        if (now === null) continue;
        boundedKey(this.#transaction, now.key, `index ${index.name}`);
        added.push({ row, index, ...now });
      }
    }
    for (const { row, index, key, image } of added) {
      if (image.length > 0 && !this.#isFree(key, image)) {
        // That two rows had the same values before the index, or have them still, is for whoever builds it to say.
        if (!index.isValid && isUnchanged(index, row)) continue;
        this.#transaction.observe(key);
        this.#transaction.counters.duplicateKeys++;
        throw duplicateKey({
          table: row.constraints.table.name,
          index: index.name,
          values: valuesIn(index, row.after!),
        });
      }
      this.#setEntry(key, image);
    }
  }

  #removeEntry(index: TableIndex, { key, image }: { readonly key: RowKey; readonly image: Uint8Array }): void {
    if (!index.isValid) {
      // Another row with the same values may have it, or nobody yet: then nobody may make it after all.
      const there = this.#transaction.peek(key);
      if (there !== undefined && binaryStringOf(there) !== binaryStringOf(image)) return;
      this.#uncertain.add(key);
    }
    this.#setEntry(key, null);
  }

  #setEntry(key: RowKey, image: Uint8Array | null): void {
    this.#entries.set(key, image);
    this.#grow(key, image);
  }

  /** No other row has that entry of a unique index, as the statement leaves it. */
  #isFree(key: RowKey, image: Uint8Array): boolean {
    const there = this.#valueAt(key);
    return there === undefined || binaryStringOf(there) === binaryStringOf(image);
  }

  /** What is at the key of a row or an entry, as the statement leaves it. */
  #valueAt(key: RowKey): Uint8Array | undefined {
    const row = this.#rows.get(key);
    if (row !== undefined) return row.image ?? undefined;
    const entry = this.#entries.get(key);
    return entry === undefined ? this.#transaction.peek(key) : (entry ?? undefined);
  }

  #requireUnreferenced({ foreignKey, childKey, values }: Restriction): void {
    const changed = this.#rows.get(childKey);
    if (changed !== undefined && !refersTo(foreignKey, changed.after, values)) return;
    if (this.#valueAt(foreignKey.parentKey(values)) !== undefined) return;
    this.#violated(foreignKey, { isReferredTo: true, values, observed: childKey });
  }

  #requireReferenced({ constraints, before, after }: ChangedRow): void {
    if (after === null) return;
    for (const foreignKey of constraints.foreignKeys) {
      const values = foreignKey.valuesReferredToBy(after);
      if (values === null) continue;
      const isAsBefore = refersTo(foreignKey, before, values);
      if (isAsBefore && !foreignKey.isBuilding) continue;
      const existence = foreignKey.existenceKey(values);
      if (this.#existing.has(existence)) continue;
      const parentKey = foreignKey.parentKey(values);
      if (this.#valueAt(parentKey) !== undefined) this.#existing.add(existence);
      // That the row referred to nothing before the foreign key is for whoever builds it to say.
      else if (isAsBefore) this.#missing.add(existence);
      else this.#violated(foreignKey, { isReferredTo: false, values, observed: parentKey });
    }
  }

  #violated(
    { definition, child }: ForeignKey,
    about: { readonly isReferredTo: boolean; readonly values: readonly unknown[]; readonly observed: RowKey },
  ): never {
    const { isReferredTo, values, observed } = about;
    this.#transaction.observe(observed);
    this.#transaction.counters.foreignKeyViolations++;
    throw foreignKeyViolation({
      table: child.name,
      foreignKey: definition.name,
      references: definition.references.table,
      values,
      isReferredTo,
    });
  }

  #constraintsOf(table: Table): TableConstraints {
    let constraints = this.#constraints.get(table);
    if (constraints === undefined) {
      constraints = new TableConstraints(table, this.#transaction);
      this.#constraints.set(table, constraints);
    }
    return constraints;
  }

  /** Before all of it is buffered, where it would be too late to find that it is too much. */
  #grow(key: RowKey, image: Uint8Array | null): void {
    this.#bytes += ROW_OVERHEAD_BYTES + key.length + (image?.length ?? 0);
    this.#transaction.requireRoom(this.#bytes);
  }
}

function refersTo(foreignKey: ForeignKey, row: Row | null, values: readonly unknown[]): boolean {
  const own = row === null ? null : foreignKey.valuesReferredToBy(row);
  return own !== null && foreignKey.existenceKey(own) === foreignKey.existenceKey(values);
}

function isUnchanged(index: TableIndex, { key, before, after }: ChangedRow): boolean {
  return before !== null && index.entryOf(before, key)?.key === index.entryOf(after!, key)?.key;
}

function valuesIn(index: TableIndex, row: Row): readonly unknown[] {
  return indexedValues(row, index.columns)!;
}
