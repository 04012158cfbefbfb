/** What clients have open on the members, for people and as JSON; and its end. */
import type { MemberRow, TransactionRow } from '../../../client/index.ts';
import { wrongOption } from '../cli-error.ts';
import { type MemberLabel, memberLabel } from '../member-label.ts';
import { textTable } from '../text-table.ts';
import { ask, nameOf, withGroup } from './run-admin.ts';

type Out = Pick<NodeJS.WriteStream, 'write'>;

export async function transactions(
  asked: { readonly url: string | undefined; readonly json: boolean },
  out: Out,
): Promise<number> {
  return withGroup(asked.url, async (client) => {
    const [rows, members] = await Promise.all([client.transactions(), client.members()]);
    const label = memberLabel(client.status(), members);
    out.write(asked.json ? `${JSON.stringify(rows)}\n` : transactionTable(rows, label));
    return 0;
  });
}

export async function abort(
  asked: { readonly url: string | undefined; readonly transactionId: string; readonly json: boolean },
  out: Out,
): Promise<number> {
  const { transactionId } = asked;
  const member = await withGroup(asked.url, async (client) => {
    const named = memberOf(transactionId, await client.members());
    await ask(client, 'abortTransaction', { transactionId });
    return named;
  });
  const done = { op: 'abortTransaction', transactionId, memberId: member.memberId };
  out.write(asked.json ? `${JSON.stringify(done)}\n` : `the transaction was ended at ${nameOf(member)}\n`);
  return 0;
}

export function transactionTable(rows: readonly TransactionRow[], label: MemberLabel): string {
  if (rows.length === 0) return 'no transaction is open\n';
  const head = [
    'TRANSACTION',
    'MEMBER',
    'NAME',
    'STATE',
    'AGE S',
    'SNAPSHOT',
    'HOLDS FLOOR',
    'ROWS',
    'LOCKS',
    'WAITS FOR',
  ];
  const cells = rows.map((row) => [
    row.transactionId,
    label(row.member),
    row.tx,
    row.isReadOnly ? `${row.state}, read-only` : row.state,
    Number((row.ageMs / 1000).toFixed(1)),
    row.snapshotVersion ?? '-',
    row.floorHeld === null ? '-' : `${row.floorHeld}${row.holdsFloor ? ' (lowest)' : ''}`,
    row.rowsWritten,
    row.locks,
    waitsFor(row),
  ]);
  return textTable(head, cells);
}

function waitsFor({ waitsFor }: TransactionRow): string {
  if (waitsFor === null) return '';
  const { table, key, heldBy } = waitsFor;
  return `${table} ${key}${heldBy === null ? '' : `, held by ${heldBy}`}`;
}

/** @throws CliError */
function memberOf(transactionId: string, members: readonly MemberRow[]): MemberRow {
  const memberId = transactionId.split(':')[0]!;
  const member = members.find((row) => row.memberId === memberId);
  if (member === undefined) {
    throw wrongOption(
      `TRANSACTION ${JSON.stringify(transactionId)} names none of the members; see concert admin transactions`,
    );
  }
  return member;
}
