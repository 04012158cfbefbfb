import type { MemberRow, MemberStatsRow } from '../engine/replica.ts';
import { ApiClient } from './api-client.ts';
import { command } from './command.ts';
import { flag, text } from './options.ts';
import { textTable } from './text-table.ts';

const answerMsMax = 5_000;

export const statusCommand = command({
  name: 'status',
  summary: 'show the members of a group as one of them sees them',
  options: {
    url: { kind: text('URL'), help: 'a member (ws://127.0.0.1:7001/v1)' },
    json: { kind: flag(), help: 'print {members, memberStats} as JSON' },
  },
  async run({ url, json }, { output }) {
    const client = await ApiClient.open(url ?? 'ws://127.0.0.1:7001/v1', answerMsMax);
    try {
      const [members, memberStats] = await Promise.all([
        client.request<readonly MemberRow[]>('members'),
        client.request<readonly MemberStatsRow[]>('memberStats'),
      ]);
      output.write(json ? `${JSON.stringify({ members, memberStats }, null, 2)}\n` : statusTable(members, memberStats));
    } finally {
      client.close();
    }
    return 0;
  },
});

export function statusTable(members: readonly MemberRow[], memberStats: readonly MemberStatsRow[]): string {
  const stats = new Map(memberStats.map((row) => [row.memberId, row]));
  return textTable(
    ['member', 'address', 'state', 'role', 'applied up to', 'checked', 'conflicts', 'in queue', 'digest'],
    members.map((member) => {
      const row = stats.get(member.memberId);
      return [
        member.memberId,
        `${member.host}:${member.port}`,
        member.state,
        member.role,
        row?.appliedUpTo ?? 0,
        row?.countTransactionsChecked ?? 0,
        row?.countConflictsDetected ?? 0,
        row?.countTransactionsInQueue ?? 0,
        row?.digest ?? '',
      ];
    }),
  );
}
