/**
 * What a publication changed, as clients are shown it: each row before and after, decoded as `get` would give it. The
 * same at every member, since nothing goes into it but the order and what it made of the rows.
 */
import type { RowKey } from '../../../../certifier/types.ts';
import { assert, type SequenceNumber } from '../../../../gcs/base/index.ts';
import type { ImageCodec, Row } from '../../image-codec.ts';
import { decodeKey, isBesideRows, shownKey, tableIdOf } from '../../key-codec.ts';
import type { Publication, Replica } from '../../replica.ts';
import type { Table, TableCache } from '../../table.ts';

export interface ChangedRow {
  readonly table: string;
  readonly key: unknown;
  /** Null: there was none. */
  readonly before: Row | null;
  /** Null: there is none. */
  readonly after: Row | null;
}

export interface Change {
  readonly rows: readonly ChangedRow[];
  /** Of the row images. */
  readonly bytes: number;
}

/** Rows remembered of the publications shown last, and bytes of their images; beyond that the version store is asked again. */
const REMEMBERED_MAX = 4096;
const REMEMBERED_BYTES_MAX = 4 * 1024 * 1024;

export class ChangeRows {
  readonly #replica: Replica;
  readonly #tables: TableCache;
  readonly #codec: ImageCodec;
  /** Shared by all who are at the same place. */
  readonly #shown = new WeakMap<Publication, Change>();
  /** Images as of `#rememberedUpTo`, of rows written since some place before it: a row written often is not searched for each time. */
  readonly #remembered = new Map<RowKey, Uint8Array | null>();
  #rememberedUpTo: SequenceNumber = 0;
  #rememberedBytes = 0;

  constructor(setup: { replica: Replica; tables: TableCache; imageCodec: ImageCodec }) {
    this.#replica = setup.replica;
    this.#tables = setup.tables;
    this.#codec = setup.imageCodec;
  }

  /** Whether a row of that table is among those changed: told without looking into any. */
  concerns({ writes, sequenceNumber }: Publication, table: string): boolean {
    return writes.some(
      ({ key }) => !isBesideRows(key) && this.#replica.tableById(tableIdOf(key), sequenceNumber)?.name === table,
    );
  }

  /** `publication` is held by the replica. */
  changeOf(publication: Publication): Change {
    let change = this.#shown.get(publication);
    if (change === undefined) {
      change = this.#show(publication);
      this.#shown.set(publication, change);
    }
    return change;
  }

  #show({ sequenceNumber, writes }: Publication): Change {
    const isFull = this.#remembered.size > REMEMBERED_MAX || this.#rememberedBytes > REMEMBERED_BYTES_MAX;
    if (isFull || sequenceNumber !== this.#rememberedUpTo + 1) {
      this.#remembered.clear();
      this.#rememberedBytes = 0;
    }
    this.#rememberedUpTo = sequenceNumber;
    let bytes = 0;
    const rows: ChangedRow[] = [];
    for (const { key, image } of writes) {
      if (isBesideRows(key)) continue;
      const before = this.#imageBefore(key, sequenceNumber);
      this.#remembered.set(key, image);
      // Of a row written again, too: an image is a view of the buffer that it came in, which others may share.
      this.#rememberedBytes += image?.length ?? 0;
      bytes += (before?.length ?? 0) + (image?.length ?? 0);
      rows.push(this.#rowOf(key, { before, after: image, at: sequenceNumber }));
    }
    return { rows, bytes };
  }

  #imageBefore(key: RowKey, sequenceNumber: SequenceNumber): Uint8Array | null {
    const remembered = this.#remembered.get(key);
    return remembered === undefined ? (this.#replica.get(key, sequenceNumber - 1) ?? null) : remembered;
  }

  #rowOf(
    key: RowKey,
    {
      before,
      after,
      at,
    }: { readonly before: Uint8Array | null; readonly after: Uint8Array | null; readonly at: SequenceNumber },
  ): ChangedRow {
    // As it was then, wherever it is told: the table may have been altered since.
    const definition = this.#replica.tableById(tableIdOf(key), at);
    assert(definition !== undefined, 'the table of a publication that is held is known');
    const table = this.#tables.of(definition);
    const decoded = decodeKey(key, table.keyTypes);
    assert(decoded.kind === 'row', 'transactions write rows');
    return {
      table: table.name,
      key: shownKey(decoded.values),
      before: this.#decoded(table, before),
      after: this.#decoded(table, after),
    };
  }

  #decoded(table: Table, image: Uint8Array | null): Row | null {
    return image === null ? null : table.decode(image, this.#codec);
  }
}
