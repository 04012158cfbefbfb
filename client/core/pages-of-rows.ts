import type { ScanResult } from '../types.ts';

/** All rows of a scan, page by page. `page`: asks for the first, or for the one behind `cursor`. */
export async function* pagesOfRows<R>(page: (cursor: string | null) => Promise<ScanResult<R>>): AsyncGenerator<R> {
  let cursor: string | null = null;
  do {
    const result: ScanResult<R> = await page(cursor);
    yield* result.rows;
    cursor = result.cursor ?? null;
  } while (cursor !== null);
}
