/**
 * `npm run failover`: kills the leader, and then a follower, of a loaded group again and again, and says how long the
 * others stood still. In the end all that was acknowledged has to be on every member.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import { Scope } from '../group/scope.ts';
import { verifyEverywhere } from '../load/verification.ts';
import { Workload } from '../load/workload.ts';
import { type Plot, plotPage } from './plot-page.ts';
import { countsAround, longestGap, median } from './stalls.ts';

const HELP = `npm run failover -- [OPTIONS]

Kills (SIGKILL) a member of a group under load, --kills times the leader and as often a follower, starts it again each
time, and prints how long the other members acknowledged nothing. Then it verifies that nothing acknowledged is lost.

  --members N    3 to 9 (default 3)
  --kills N      of each kind (default 20)
  --writers N    at each member (default 8)
  --json FILE    writes every kill with the commits per 10 ms around it
  --html FILE    writes a page with plots
  --help
`;

const BEFORE_MS = 500;
const AFTER_MS = 2_500;
const EVERY_MS = 10;
const ONLINE_MS_MAX = 60_000;
const SETTLED_MS = 1_000;

export interface Kill {
  readonly kind: 'leader' | 'follower';
  readonly member: string;
  /** Longest time without an acknowledgement anywhere, from the kill on. */
  readonly stallMs: number;
  /** The same at the surviving member that had the longest. */
  readonly worstMemberStallMs: number;
  /** The same before the kill, while nothing was wrong: what of it is this machine's noise. */
  readonly quietGapMs: number;
  /** Acknowledgements of the survivors per 10 ms, from 500 ms before the kill on. */
  readonly commits: readonly number[];
}

async function killOne(group: LocalGroup, workload: Workload, kind: Kill['kind']): Promise<Kill> {
  const leader = await group.leader();
  const victim = kind === 'leader' ? leader : group.others(leader)[0]!;
  await workload.commits(group.members, 50, ONLINE_MS_MAX);
  await delay(SETTLED_MS);
  const killedMs = performance.now();
  await victim.process.kill();
  await delay(AFTER_MS);
  const survivors = group.others(victim);
  const span = { fromMs: killedMs - BEFORE_MS, upToMs: killedMs + AFTER_MS, everyMs: EVERY_MS };
  const all = survivors.flatMap((member) => recent(workload, member, span.fromMs)).sort((a, b) => a - b);
  const kill: Kill = {
    kind,
    member: victim.name,
    stallMs: longestGap(all, killedMs, span.upToMs),
    worstMemberStallMs: Math.max(
      ...survivors.map((member) => longestGap(recent(workload, member, span.fromMs), killedMs, span.upToMs)),
    ),
    quietGapMs: longestGap(all, span.fromMs, killedMs),
    commits: countsAround(all, span),
  };
  victim.start();
  await victim.online();
  return kill;
}

function recent(workload: Workload, member: LocalMember, fromMs: number): readonly number[] {
  const times = workload.acknowledgedAt(member);
  let first = times.length;
  while (first > 0 && times[first - 1]! >= fromMs) first--;
  return times.slice(first);
}

function summary(kind: Kill['kind'], kills: readonly Kill[]): string {
  const of = (pick: (kill: Kill) => number): string => {
    const values = kills.filter((kill) => kill.kind === kind).map(pick);
    return `median ${median(values).toFixed(0)} ms, worst ${Math.max(...values).toFixed(0)} ms`;
  };
  const stall = of((kill) => kill.stallMs);
  const worst = of((kill) => kill.worstMemberStallMs);
  const noise = of((kill) => kill.quietGapMs);
  return `kill of ${kind === 'leader' ? 'the leader' : 'a follower'}: no commit anywhere for ${stall}; at one member for ${worst}; before it, undisturbed, ${noise}`;
}

function plotOf(kind: Kill['kind'], kills: readonly Kill[]): Plot {
  const of = kills.filter((kill) => kill.kind === kind);
  const x = of[0]!.commits.map((_, i) => i * EVERY_MS - BEFORE_MS);
  const middle = x.map((_, i) => median(of.map((kill) => kill.commits[i]!)));
  const worst = of.reduce((a, b) => (b.stallMs > a.stallMs ? b : a));
  return {
    title: `SIGKILL of ${kind === 'leader' ? 'the leader' : 'a follower'}`,
    about: `Commits acknowledged by the surviving members in each 10 ms; ${of.length} kills, at 0 ms.`,
    xLabel: 'ms since the kill',
    yLabel: 'commits per 10 ms',
    x,
    series: [
      { name: 'median of all kills', values: middle },
      { name: `the worst (${worst.stallMs.toFixed(0)} ms)`, values: worst.commits },
    ],
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function readOptions() {
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      options: {
        members: { ...text, default: '3' },
        kills: { ...text, default: '20' },
        writers: { ...text, default: '8' },
        json: text,
        html: text,
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`failover: ${(error as Error).message}\n${HELP}`);
    return process.exit(2);
  }
}

function wholeNumber(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`failover: --${name}: a whole number from ${least} to ${most}, not ${given}\n`);
  return process.exit(2);
}

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const members = wholeNumber('members', options.members, 3, 9);
const kills = wholeNumber('kills', options.kills, 1, 1000);
const writers = wholeNumber('writers', options.writers, 1, 64);
const scope = new Scope();
process.once('SIGINT', () => void scope.end().finally(() => process.exit(130)));
try {
  const group = await LocalGroup.create(scope, { members });
  const workload = await Workload.prepare(group);
  workload.start({ each: writers });
  const done: Kill[] = [];
  for (const kind of ['leader', 'follower'] as const) {
    for (let i = 1; i <= kills; i++) {
      const kill = await killOne(group, workload, kind);
      done.push(kill);
      say(`${kind} ${i}: ${kill.member} killed, ${kill.stallMs.toFixed(0)} ms without a commit`);
    }
  }
  await workload.stop();
  const { rows } = await verifyEverywhere(group, workload);
  const findings = [
    ...(['leader', 'follower'] as const).map((kind) => summary(kind, done)),
    `verified: ${workload.acknowledged()} acknowledged transactions, ${rows} there, on every member`,
  ];
  for (const finding of findings) say(finding);
  const command = `npm run failover -- --members ${members} --kills ${kills} --writers ${writers}`;
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ command, members, findings, everyMs: EVERY_MS, kills: done })}\n`);
  }
  if (options.html !== undefined) {
    const plots = (['leader', 'follower'] as const).map((kind) => plotOf(kind, done));
    writeFileSync(options.html, plotPage({ title: 'A member is killed', command, findings, plots }));
  }
} catch (error) {
  scope.passed = false;
  process.exitCode = 1;
  process.stderr.write(`failover: ${(error as Error).message}\n`);
} finally {
  await scope.end();
}
