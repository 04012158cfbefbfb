import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ConcertError } from '../../../client/index.ts';
import { type Page, pagesOf } from './pages.ts';

/** As a member of tiny limits: answers of more than `bytesMax` are refused. Row `i` is `sizeOf(i)` long. */
function table(count: number, sizeOf: (i: number) => number, bytesMax = Number.POSITIVE_INFINITY) {
  const asked: Readonly<Record<string, unknown>>[] = [];
  const request = async (args: Readonly<Record<string, unknown>>): Promise<Page> => {
    asked.push(args);
    const from = args.cursor === undefined ? 0 : Number(args.cursor);
    const upTo = Math.min(count, from + (args.limit as number));
    const rows = Array.from({ length: upTo - from }, (_, i) => ({ id: from + i, text: 'x'.repeat(sizeOf(from + i)) }));
    if (rows.reduce((sum, { text }) => sum + text.length, 0) > bytesMax) {
      const message = 'The result is too large.';
      throw new ConcertError({ code: 'RESULT_TOO_LARGE', sqlState: '54000', message, retry: 'no' });
    }
    return upTo < count ? { rows, cursor: String(upTo) } : { rows };
  };
  return { request, asked };
}

async function idsOf(pages: AsyncIterable<readonly Readonly<Record<string, unknown>>[]>): Promise<unknown[]> {
  const ids: unknown[] = [];
  for await (const rows of pages) ids.push(...rows.map(({ id }) => id));
  return ids;
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a scan', () => {
  test('is read page by page to its end, or to its limit', async () => {
    for (const [limit, expected] of [
      [undefined, 5_000],
      [1, 1],
      [30, 30],
      [31, 31],
      [4_999, 4_999],
      [9_000, 5_000],
    ] as const) {
      const { request, asked } = table(5_000, () => 10);
      const args = { table: 'a.b', where: { x: 1 }, ...(limit !== undefined && { limit }) };
      assert.deepEqual(await idsOf(pagesOf({ request, arguments: args, isInTransaction: false })), upTo(expected));
      assert.deepEqual(asked[0], { table: 'a.b', where: { x: 1 }, limit: Math.min(30, limit ?? 30) });
      for (const more of asked.slice(1)) assert.deepEqual(Object.keys(more).sort(), ['cursor', 'limit', 'table']);
      assert.ok(asked.length < 12, 'pages grow where rows are small');
    }
  });

  test('asks for so few rows in a transaction that no answer is too large', async () => {
    const { request, asked } = table(500, (i) => (i < 100 ? 1 : 512 * 1024), 16 * 1024 * 1024);
    assert.deepEqual(await idsOf(pagesOf({ request, arguments: {}, isInTransaction: true })), upTo(500));
    assert.equal(asked.length, Math.ceil(500 / 30));
  });

  test('asks again for fewer rows where an answer is too large', async () => {
    const { request } = table(200, (i) => (i < 100 ? 1 : 512 * 1024), 16 * 1024 * 1024);
    assert.deepEqual(await idsOf(pagesOf({ request, arguments: {}, isInTransaction: false })), upTo(200));
    const hopeless = table(10, () => 512 * 1024, 1024);
    await assert.rejects(idsOf(pagesOf({ ...hopeless, arguments: {}, isInTransaction: false })), /too large/);
  });

  test('leaves a limit that is none to the member', async () => {
    for (const limit of [0, -1, 1.5, '7', null]) {
      const refuse = async (args: Readonly<Record<string, unknown>>): Promise<Page> => {
        assert.equal(args.limit, limit);
        throw new Error('refused');
      };
      await assert.rejects(
        idsOf(pagesOf({ request: refuse, arguments: { limit }, isInTransaction: false })),
        /refused/,
      );
    }
  });
});
