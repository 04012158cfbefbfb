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

/** The view, its members, and which of them hear which. */
export function statusTable(members: readonly MemberRow[], memberStats: readonly MemberStats[]): string {
  const view = members[0]?.viewId;
  const learners = members.filter(({ learner }) => learner === true).length;
  const head =
    view === undefined
      ? 'no view yet\n'
      : `view ${view}: ${members.length - learners} voters${learners > 0 ? `, ${learners} catching up` : ''}\n`;
  return `${head}${memberTable(members, memberStats)}\n${reachabilityTable(members)}`;
}

/** Rows hear columns. What a member has not told yet is unknown: `?`. */
export function reachabilityTable(members: readonly MemberRow[]): string {
  const name = ({ host, port }: MemberRow) => `${host}:${port}`;
  return textTable(
    ['hears', ...members.map(name)],
    members.map((row) => {
      const reaches = (row.reaches ?? []) as readonly string[];
      const mark = ({ memberId }: MemberRow) =>
        reaches.length === 0 ? '?' : reaches.includes(memberId) ? 'yes' : 'no';
      return [name(row), ...members.map(mark)];
    }),
  );
}

function memberTable(members: readonly MemberRow[], memberStats: readonly MemberStats[]): string {
  const stats = new Map(memberStats.map((row) => [row.memberId, row]));
  return textTable(
    [
      'member',
      'address',
      'state',
      'log',
      'role',
      'applied up to',
      'checked',
      'conflicts',
      'in queue',
      'past from',
      'commit p50/p99 ms',
      'order + execution + disk ms',
      'digest',
    ],
    members.map((member) => {
      const row = stats.get(member.memberId);
      return [
        member.memberId,
        `${member.host}:${member.port}`,
        stateOf(member),
        member.leads === true ? 'leader' : '',
        member.role,
        row?.appliedUpTo ?? 0,
        row?.countTransactionsChecked ?? 0,
        row?.countConflictsDetected ?? 0,
        row?.countTransactionsInQueue ?? 0,
        pastOf(row),
        ...latencyOf(row),
        row?.digest ?? '',
      ];
    }),
  );
}

/** Of the last ten seconds: quantiles, and where the average commit's time went. */
function latencyOf(row: MemberStats | undefined): [quantiles: string, layers: string] {
  const latency = row?.commitLatencyMs;
  if (latency === undefined || latency.count === 0) return ['', ''];
  const { p50, p99, layers } = latency;
  const parts = layers === undefined ? [] : [layers.l2Ms, layers.l1Ms, layers.l0Ms];
  return [`${p50.toFixed(1)}/${p99.toFixed(1)}`, parts.map((ms) => ms.toFixed(1)).join(' + ')];
}

/** The oldest place that can be read there, and when that was. */
function pastOf(row: MemberStats | undefined): string {
  if (row?.past === undefined) return '';
  const { from, fromTime } = row.past;
  return fromTime === null ? `${from}` : `${from} (${fromTime.slice(0, fromTime.lastIndexOf('.'))})`;
}

/** With what keeps it from being a full member. */
function stateOf({ state, learner, hasRoom, claims, transfer }: MemberRow): string {
  const facts: string[] = [];
  if (learner === true) facts.push('learner');
  if (hasRoom === false) facts.push('disk full');
  if (claims === true) facts.push('lost entries of its log: does not stand for leader until they are back');
  if (typeof transfer === 'object' && transfer !== null) {
    const { kind, rows, bytes } = transfer as { kind: string; rows: number; bytes: number };
    const mib = (bytes / 1024 / 1024).toFixed(1);
    facts.push(kind === 'state' ? `receiving state: ${rows} rows, ${mib} MiB` : `repairing its log: ${mib} MiB`);
  }
  return facts.length === 0 ? state : `${state} (${facts.join(', ')})`;
}
