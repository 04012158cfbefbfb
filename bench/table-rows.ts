/** Rows before and after a load: many in, all out. */
import type { MemberConnection } from './member-connection.ts';

/** Transactions on their way at once. */
const batchesOutstanding = 4;
const rowsPerBatchMax = 1_000;
const rowsPerScanMax = 2_000;
/** What an answer may come from: all of a row is counted, whatever columns are asked for. */
const scanBytesMax = 4 * 1024 * 1024;

/** Puts `count` rows, `rowAt(0)` to `rowAt(count - 1)`, all of much the same size. */
export async function putRows(
  member: MemberConnection,
  rows: { readonly table: string; readonly count: number; rowAt(at: number): object },
  progress: (line: string) => void,
): Promise<void> {
  const { table, count } = rows;
  const step = (at: number) => ({ op: 'put', table, row: rows.rowAt(at) });
  const size = rowsPerTransaction(member, step(count - 1));
  let next = 0;
  let inserted = 0;
  const putBatches = async () => {
    while (next < count) {
      const from = next;
      next = Math.min(count, from + size);
      const upTo = next;
      const steps = Array.from({ length: upTo - from }, (_, i) => step(from + i));
      await member.requestUntilDone('transact', { steps });
      const tenths = Math.floor((inserted * 10) / count);
      inserted += upTo - from;
      if (Math.floor((inserted * 10) / count) > tenths) progress(`inserted ${inserted} of ${count} rows`);
    }
  };
  await Promise.all(Array.from({ length: batchesOutstanding }, putBatches));
}

/** Fills half a frame and half a transaction at most: the rest is for what surrounds the rows. */
function rowsPerTransaction(member: MemberConnection, step: object): number {
  const { frameBytesMax, transactionBytesMax, stepsMax } = member.welcome.limits;
  const bytesMax = Math.min(frameBytesMax ?? Infinity, transactionBytesMax ?? Infinity) / 2;
  return Math.max(1, Math.min(rowsPerBatchMax, stepsMax ?? Infinity, Math.floor(bytesMax / member.bytesOf(step))));
}

/** Every row of a table whose primary key is `id`, in its order, page by page. */
export async function eachRow<R extends { readonly id: number }>(
  member: MemberConnection,
  { rowBytes, ...scan }: { readonly table: string; readonly columns?: readonly string[]; readonly rowBytes?: number },
  take: (row: R) => void,
): Promise<void> {
  const rowsPerScan = Math.min(rowsPerScanMax, Math.ceil(scanBytesMax / (rowBytes ?? 1)));
  for (let after: number | null = null; ; ) {
    const page = { ...scan, limit: rowsPerScan, ...(after === null ? {} : { gt: after }) };
    const { rows } = (await member.requestUntilDone('scan', page)) as { readonly rows: readonly R[] };
    for (const row of rows) take(row);
    if (rows.length < rowsPerScan) return;
    after = rows.at(-1)!.id;
  }
}
