/** Reads every row of every member, and compares it with what the writers were told. */
import assert from 'node:assert/strict';
import type { Client } from '../group/client.ts';
import type { LocalGroup } from '../group/local-group.ts';
import type { LocalMember, MemberStats } from '../group/local-member.ts';
import { waitUntil, within } from '../wait-until.ts';
import type { Workload } from './workload.ts';

const TABLES = ['test.counters', 'test.entries', 'test.writers'] as const;
const PAGE = 2_000;
const AGREE_MS_MAX = 20_000;
const READ_MS_MAX = 30_000;

type Row = Readonly<Record<string, unknown>>;
type Tables = Readonly<Record<string, readonly Row[]>>;

/** All members hold the same, and it is what the writers were told. The writers have stopped. */
export async function verifyEverywhere(group: LocalGroup, workload: Workload): Promise<{ rows: number }> {
  const { tables } = await agreedContent(group.members);
  verifyContent(tables, workload);
  return { rows: tables['test.entries']!.length };
}

/** Equal digests at one sequence number, and equal rows there. */
export async function agreedContent(
  members: readonly LocalMember[],
  names: readonly string[] = TABLES,
): Promise<{ readonly at: MemberStats; readonly tables: Tables }> {
  return waitUntil('equal digests at one sequence number, and nothing on its way', AGREE_MS_MAX, async () => {
    const at = await agreement(members);
    if (at === null) return null;
    const contents = await Promise.all(members.map((member) => contentOf(member, names)));
    // Something that was still on its way may have come in between.
    const after = await agreement(members);
    if (after?.digest !== at.digest) return null;
    for (const [place, content] of contents.entries()) {
      assert.deepEqual(content, contents[0], `${members[place]!.name} has the rows of ${members[0]!.name}`);
    }
    return { at, tables: contents[0]! };
  });
}

/** Null: not now. A digest tells of refusals too, which have no sequence number: it may lag while that is equal. */
async function agreement(members: readonly LocalMember[]): Promise<MemberStats | null> {
  const stats = await Promise.all(members.map((member) => member.stats()));
  const [first] = stats as [MemberStats, ...MemberStats[]];
  const isAgreed = stats.every((one) => {
    return one.appliedUpTo === first.appliedUpTo && one.digest === first.digest && one.countTransactionsInQueue === 0;
  });
  return isAgreed ? first : null;
}

async function contentOf(member: LocalMember, names: readonly string[]): Promise<Tables> {
  const client = await member.client();
  try {
    const tables: Record<string, readonly Row[]> = {};
    for (const name of names) {
      tables[name] = await within(`${name} of ${member.name}`, READ_MS_MAX, allRows(client, name));
    }
    return tables;
  } finally {
    client.close();
  }
}

export async function allRows(client: Client, table: string): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let cursor: unknown;
  do {
    const page = await client.result<{ rows: readonly Row[]; cursor?: unknown }>('scan', {
      table,
      limit: PAGE,
      ...(cursor !== undefined && { cursor }),
    });
    rows.push(...page.rows);
    cursor = page.cursor;
  } while (cursor !== undefined && cursor !== null);
  return rows;
}

export function verifyContent(tables: Tables, workload: Workload): void {
  const found = new Map(tables['test.entries']!.map((row) => [row.id, row]));
  const sequenceNumbers = new Set<number>();
  for (const entry of workload.entries) {
    const row = found.get(entry.id);
    const what = `entry ${entry.id}, written at ${entry.member.name}`;
    if (entry.fate === 'acknowledged') {
      assert(row !== undefined, `${what}, was acknowledged at sequence number ${entry.sequenceNumber} and is lost`);
      assert(!sequenceNumbers.has(entry.sequenceNumber!), `${what}, has a sequence number of its own`);
      sequenceNumbers.add(entry.sequenceNumber!);
    } else if (entry.fate === 'refused') assert(row === undefined, `${what}, was refused (${entry.why}) and is there`);
    if (row === undefined) continue;
    const { id, writer, number, counter } = entry;
    assert.deepEqual(row, { id, writer, number, counter });
    found.delete(id);
  }
  assert.deepEqual([...found.keys()], [], 'rows that nobody wrote');
  verifyWholeTransactions(tables);
}

/** What was written with each entry is there with it. */
function verifyWholeTransactions(tables: Tables): void {
  const lastOf = new Map<unknown, number>();
  const counts = new Map<unknown, number>();
  for (const { writer, number, counter } of tables['test.entries']! as readonly Record<string, number | null>[]) {
    if (counter === null) lastOf.set(writer, Math.max(lastOf.get(writer) ?? 0, number!));
    else counts.set(counter, (counts.get(counter) ?? 0) + 1);
  }
  const writers = new Map(tables['test.writers']!.map((row) => [row.id, row.number]));
  assert.deepEqual([...writers].sort(), [...lastOf].sort(), 'the last transaction of each writer is whole');
  for (const { id, count } of tables['test.counters']!) {
    assert.equal(count, counts.get(id) ?? 0, `counter ${id} counts the transactions that read and wrote it`);
  }
}
