/**
 * What the rows of declared tables are, by definition: as they were written, column by column, and from then on without
 * what is dropped, and with what is added, its default or null. The rows of the order, decoded as members do it, have to
 * be that, after each transaction and each schema change; so an old image is read rightly however the table was altered.
 */
import type { RowKey, Transaction } from '../../certifier/index.ts';
import { isOfRow } from '../../certifier/index.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import {
  decodeRow,
  type ImageCodec,
  isBesideRows,
  type PossibleChange,
  RowLayout,
  type TableDefinition,
  tableIdOf,
} from '../../node/engine/index.ts';
import type { Judge } from './judge.ts';
import type { ShadowDatabase } from './shadow-database.ts';

type Row = Readonly<Record<string, unknown>>;

export class RowObserver {
  readonly #judge: Judge;
  readonly #shadow: ShadowDatabase;
  readonly #codec: ImageCodec;
  /** Of each table that there is and declares columns. */
  readonly #tables = new Map<number, { definition: TableDefinition; readonly rows: Map<RowKey, Row> }>();

  /** Takes its turn behind whoever hears of the order already. */
  constructor(setup: { judge: Judge; shadow: ShadowDatabase; codec: ImageCodec }) {
    this.#judge = setup.judge;
    this.#shadow = setup.shadow;
    this.#codec = setup.codec;
    const { transactionCertified, schemaChanged } = setup.shadow;
    setup.shadow.transactionCertified = (sequenceNumber, transaction) => {
      transactionCertified(sequenceNumber, transaction);
      this.#certified(sequenceNumber, transaction);
    };
    setup.shadow.schemaChanged = (sequenceNumber, judged) => {
      schemaChanged(sequenceNumber, judged);
      this.#schemaChanged(sequenceNumber, judged);
    };
  }

  #certified(sequenceNumber: SequenceNumber, { writeSet }: Transaction): void {
    for (const { key, kind } of writeSet) {
      if (!isOfRow(kind) || isBesideRows(key)) continue;
      const table = this.#tables.get(tableIdOf(key));
      if (table === undefined) continue;
      const image = this.#shadow.imageAt(key, sequenceNumber);
      if (image === null) table.rows.delete(key);
      else table.rows.set(key, this.#written(table.definition, { key, image, sequenceNumber }));
    }
  }

  /** Nobody writes with another definition than that of the place in the order. */
  #written(
    { name, columns }: TableDefinition,
    {
      key,
      image,
      sequenceNumber,
    }: { readonly key: RowKey; readonly image: Uint8Array; readonly sequenceNumber: number },
  ): Row {
    const values = this.#codec.decode(image) as readonly unknown[];
    const names = Object.keys(columns!);
    const first = values.length - names.length;
    this.#judge.check(
      first === 1 || first === 2,
      () => `${sequenceNumber} writes ${values.length} values into ${name}, which has the columns ${names.join()}`,
    );
    const row = Object.fromEntries(names.map((column, at) => [column, values[first + at]]));
    this.#compare(this.#shadow.tableById(tableIdOf(key), sequenceNumber)!, { image, row, sequenceNumber });
    return row;
  }

  #schemaChanged(sequenceNumber: SequenceNumber, { tables, cleared }: PossibleChange): void {
    for (const { tableId, indexId } of cleared) if (indexId === null) this.#tables.delete(tableId);
    for (const { name } of tables) {
      const definition = this.#shadow.tableAt(name, sequenceNumber);
      if (definition === null || definition.columns === null) continue;
      const known = this.#tables.get(definition.tableId);
      if (known === undefined) this.#tables.set(definition.tableId, { definition, rows: new Map() });
      else {
        for (const [key, row] of known.rows) {
          const altered = alteredRow(row, known.definition, definition);
          known.rows.set(key, altered);
          const image = this.#shadow.imageAt(key, sequenceNumber)!;
          this.#compare(definition, { image, row: altered, sequenceNumber });
        }
        known.definition = definition;
      }
    }
  }

  #compare(
    definition: TableDefinition,
    { image, row, sequenceNumber }: { readonly image: Uint8Array; readonly row: Row; readonly sequenceNumber: number },
  ): void {
    const found = JSON.stringify(sorted(decodeRow(image, new RowLayout(definition), this.#codec)));
    const expected = JSON.stringify(sorted(row));
    this.#judge.check(
      found === expected,
      () =>
        `at ${sequenceNumber} a row of ${definition.name} is read as ${found.slice(0, 200)}, not ${expected.slice(0, 200)}`,
    );
  }
}

/** No change drops and adds a column of one name. */
function alteredRow(row: Row, before: TableDefinition, after: TableDefinition): Row {
  const altered: Record<string, unknown> = {};
  for (const [column, { default: fallback }] of Object.entries(after.columns!)) {
    const isKept = Object.hasOwn(before.columns!, column);
    altered[column] = isKept ? row[column] : (fallback ?? null);
  }
  return altered;
}

function sorted(row: Row): readonly (readonly [string, unknown])[] {
  return Object.entries(row).sort(([one], [other]) => (one < other ? -1 : 1));
}
