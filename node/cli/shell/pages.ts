/**
 * All rows of a scan, page by page on one snapshot. A page must not exceed what a member puts into one answer: in a
 * transaction the refusal would doom it, so pages stay small there; elsewhere they grow with small rows.
 */
import { ConcertError } from '../../../client/index.ts';
import type { TableRow } from '../display/table-layout.ts';
import { valueJson } from '../value-json.ts';

/** As many rows of the largest size as fit an answer of a member: 16 MiB and 512 KiB. */
const ROWS_SAFE = 30;
const ROWS_MAX = 1_000;
const PAGE_BYTES_WANTED = 1024 * 1024;

export interface Page {
  readonly rows: readonly TableRow[];
  readonly cursor?: string;
}

export async function* pagesOf(facts: {
  readonly request: (args: Readonly<Record<string, unknown>>) => Promise<Page>;
  readonly arguments: Readonly<Record<string, unknown>>;
  readonly isInTransaction: boolean;
}): AsyncGenerator<readonly TableRow[]> {
  const { request, isInTransaction } = facts;
  const { limit, ...selection } = facts.arguments;
  // A limit that is none is the member's to refuse.
  let left = typeof limit === 'number' && Number.isSafeInteger(limit) ? limit : Number.POSITIVE_INFINITY;
  if (limit !== undefined && !(left > 0 && left < Number.POSITIVE_INFINITY)) {
    yield (await request(facts.arguments)).rows;
    return;
  }
  let pageSize = ROWS_SAFE;
  let cursor: string | undefined;
  do {
    const next = cursor === undefined ? selection : { table: selection.table, cursor };
    let page: Page;
    try {
      page = await request({ ...next, limit: Math.min(pageSize, left) });
    } catch (error) {
      if (!isTooLarge(error) || pageSize === ROWS_SAFE) throw error;
      pageSize = ROWS_SAFE;
      continue;
    }
    yield page.rows;
    left -= page.rows.length;
    cursor = page.cursor;
    if (!isInTransaction) pageSize = pageSizeAfter(page.rows);
  } while (cursor !== undefined && left > 0);
}

function isTooLarge(error: unknown): boolean {
  return error instanceof ConcertError && error.code === 'RESULT_TOO_LARGE';
}

function pageSizeAfter(rows: readonly TableRow[]): number {
  const bytes = rows.reduce((sum, row) => sum + valueJson(row).length, 0);
  if (bytes === 0) return ROWS_SAFE;
  return Math.max(ROWS_SAFE, Math.min(ROWS_MAX, Math.floor((PAGE_BYTES_WANTED * rows.length) / bytes)));
}
