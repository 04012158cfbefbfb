/** The rows of one table at one member and snapshot, in key order, page by page: one is read ahead, no more is held. */
import { ConcertError, type Row, type TableDescription } from '../../../client/index.ts';
import { encodeKey, type KeyType } from '../../engine/key-codec.ts';
import type { MemberSnapshot } from './common-snapshot.ts';

export interface KeyedRow {
  /** Orders rows as members do. */
  readonly order: string;
  /** A scalar if the primary key has one column. */
  readonly key: unknown;
  readonly row: Row;
}

const PAGE_ROWS = 1_000;

/** The rows behind `after`, a key, or all. @throws ConcertError */
export async function* tableRows(
  snapshot: MemberSnapshot,
  { table, primaryKey, columns }: TableDescription,
  after: unknown,
): AsyncGenerator<readonly KeyedRow[], void> {
  const types = primaryKey.map((column) => (columns?.[column]?.type ?? null) as KeyType);
  let limit = PAGE_ROWS;
  const keyed = (row: Row): KeyedRow => {
    const values = primaryKey.map((column) => row[column]);
    return { order: encodeKey('', values, types), key: values.length === 1 ? values[0] : values, row };
  };
  const page = async (behind: unknown): Promise<readonly KeyedRow[]> => {
    for (;;) {
      const bound = behind === undefined ? {} : { gt: behind };
      try {
        const { rows } = await snapshot.request<{ readonly rows: readonly Row[] }>('scan', { table, limit, ...bound });
        return rows.map(keyed);
      } catch (error) {
        if (!(error instanceof ConcertError) || error.code !== 'RESULT_TOO_LARGE' || limit === 1) throw error;
        limit = Math.max(1, limit >> 1);
      }
    }
  };
  let rows = await page(after);
  while (rows.length > 0) {
    const next = page(rows.at(-1)!.key);
    // Whoever stops reading here never learns what becomes of it.
    next.catch(() => {});
    yield rows;
    rows = await next;
  }
}
