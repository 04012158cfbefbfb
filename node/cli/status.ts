import type { MemberRow, MemberStats } from '../../client/index.ts';
import { command } from './command.ts';
import { flag } from './options.ts';
import { textTable } from './text-table.ts';
import { urlOption } from './url-option.ts';

const ANSWER_MS_MAX = 5_000;

export const statusCommand = command({
  name: 'status',
  summary: 'show the members of a group as one of them sees them',
  options: {
    url: { ...urlOption, help: `${urlOption.help}; the first that serves is asked` },
    json: { kind: flag(), help: 'print {members, memberStats} as JSON' },
  },
  async run({ url, json }, { output }) {
    const { connectGroup } = await import('./group-client.ts');
    const client = await connectGroup(url, { prefer: 'first', timeoutMs: ANSWER_MS_MAX });
    try {
      const [members, memberStats] = await Promise.all([client.members(), client.memberStats()]);
      output.write(json ? `${JSON.stringify({ members, memberStats }, null, 2)}\n` : statusTable(members, memberStats));
    } finally {
      await client.close({ timeoutMs: 0 });
    }
    return 0;
  },
});

function statusTable(members: readonly MemberRow[], memberStats: readonly MemberStats[]): string {
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
