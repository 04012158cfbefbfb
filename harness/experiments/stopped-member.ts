/**
 * `npm run stopped-member`: one member of a loaded group stands still (SIGSTOP) for a minute. The others have to go on,
 * expel it, and let go of what they hold for it; when it goes on it has to come back with its own disk.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Client } from '../group/client.ts';
import { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import { Scope } from '../group/scope.ts';
import { verifyEverywhere } from '../load/verification.ts';
import { Workload } from '../load/workload.ts';
import { waitUntil } from '../wait-until.ts';
import { plotPage } from './plot-page.ts';
import { countsAround, longestGap } from './stalls.ts';

const HELP = `npm run stopped-member -- [OPTIONS]

Stops (SIGSTOP) one member of a group under load and prints what that does to the others: throughput, longest stall,
memory, the purge floor, when it is expelled; and, when it goes on, how long it takes until it is ONLINE again and how it
caught up. Then it verifies that nothing acknowledged is lost and all members are equal.

  --members N    3 to 9 (default 3)
  --seconds N    for which it stands still (default 60)
  --before N     seconds of load before it, to compare with (default 20)
  --writers N    at each member (default 8)
  --leader       stops the leader (default: a follower)
  --certification-capacity N
                 rows that the certification database remembers (default: a member's own): once it is full, memory must
                 not grow any more
  --json FILE    writes what was measured, second by second
  --html FILE    writes a page with plots
  --help
`;

const RETURN_MS_MAX = 120_000;
const EVERY_MS = 1000;
/** A member may allow less, and says so. */
const CAPACITY_MAX = 2 ** 30;

interface Second {
  readonly atMs: number;
  readonly rssMiB: readonly number[];
  readonly purgeFloor: number;
  readonly appliedUpTo: number;
  /** In the certification database of the first of them. */
  readonly certificationEntries: number;
  /** Members in the view of one that goes on. */
  readonly members: number;
}

/** Of one that goes on. */
class Watch {
  readonly seconds: Second[] = [];
  readonly #others: readonly LocalMember[];
  readonly #client: Client;
  #isOver = false;
  #done: Promise<void> | null = null;

  constructor(others: readonly LocalMember[], client: Client) {
    this.#others = others;
    this.#client = client;
  }

  begin(): void {
    this.#done = this.#watch(performance.now());
  }

  async end(): Promise<void> {
    this.#isOver = true;
    await this.#done;
    this.#client.close();
  }

  async #watch(startedMs: number): Promise<void> {
    while (!this.#isOver) {
      const members = await this.#client.result<readonly unknown[]>('members');
      const stats =
        await this.#client.result<
          readonly {
            memberId: string;
            purgeFloor: number;
            appliedUpTo: number;
            countTransactionsRowsValidating: number;
          }[]
        >('memberStats');
      const own = stats.find(({ memberId }) => memberId === this.#others[0]!.memberId)!;
      this.seconds.push({
        atMs: performance.now() - startedMs,
        rssMiB: this.#others.map((member) => rssMiB(member.process.pid)),
        purgeFloor: own.purgeFloor,
        appliedUpTo: own.appliedUpTo,
        certificationEntries: own.countTransactionsRowsValidating,
        members: members.length,
      });
      await delay(EVERY_MS);
    }
  }
}

/** Without the files that it maps: those of the lanes grow with the rows, which the load adds. */
function rssMiB(pid: number): number {
  const line = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return line === null ? 0 : Number(line[1]) / 1024;
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
        seconds: { ...text, default: '60' },
        before: { ...text, default: '20' },
        writers: { ...text, default: '8' },
        leader: { type: 'boolean', default: false },
        'certification-capacity': text,
        json: text,
        html: text,
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    process.stderr.write(`stopped-member: ${(error as Error).message}\n${HELP}`);
    return process.exit(2);
  }
}

function wholeNumber(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  process.stderr.write(`stopped-member: --${name}: a whole number from ${least} to ${most}, not ${given}\n`);
  return process.exit(2);
}

const options = readOptions();
if (options.help) {
  process.stdout.write(HELP);
  process.exit(0);
}
const members = wholeNumber('members', options.members, 3, 9);
const stoppedMs = wholeNumber('seconds', options.seconds, 1, 3600) * 1000;
const beforeMs = wholeNumber('before', options.before, 1, 3600) * 1000;
const writers = wholeNumber('writers', options.writers, 1, 64);
const capacity =
  options['certification-capacity'] === undefined
    ? null
    : wholeNumber('certification-capacity', options['certification-capacity'], 1, CAPACITY_MAX);
const scope = new Scope();
process.once('SIGINT', () => void scope.end().finally(() => process.exit(130)));
try {
  const group = await LocalGroup.create(scope, {
    members,
    ...(capacity !== null && { bootstrapOptions: ['--certification-capacity', String(capacity)] }),
  });
  const workload = await Workload.prepare(group);
  workload.start({ each: writers });
  await workload.commits(group.members, 500, 60_000);
  const leader = await group.leader();
  const victim = options.leader ? leader : group.others(leader)[0]!;
  const others = group.others(victim);
  const watch = new Watch(others, await others[0]!.client());
  watch.begin();
  const startedMs = performance.now();
  await delay(beforeMs);
  const pausedMs = performance.now();
  victim.pause();
  say(`${victim.name} (${options.leader ? 'the leader' : 'a follower'}) stands still`);
  await delay(stoppedMs);
  const floorWhenResumed = watch.seconds.at(-1)!;
  const resumedMs = performance.now();
  victim.resume();
  await waitUntil(`${victim.name} is ONLINE again and commits`, RETURN_MS_MAX, async () => {
    const client = await victim.client().catch(() => null);
    if (client === null) return false;
    const answer = await client.ask('put', {
      table: 'test.counters',
      row: { id: `back-${performance.now()}`, count: 0 },
    });
    client.close();
    return answer.kind === 'result';
  });
  const backMs = performance.now();
  await workload.commits(group.members, 50, RETURN_MS_MAX);
  await workload.stop();
  await watch.end();
  await verifyEverywhere(group, workload);

  const times = others.flatMap((member) => [...workload.acknowledgedAt(member)]).sort((a, b) => a - b);
  const rate = (fromMs: number, upToMs: number): number =>
    (times.filter((at) => at >= fromMs && at < upToMs).length / (upToMs - fromMs)) * 1000;
  const before = rate(startedMs, pausedMs);
  const during = rate(pausedMs, resumedMs);
  const { seconds } = watch;
  const expelled = seconds.find(({ atMs, members: count }) => atMs >= pausedMs - startedMs && count < members);
  const rssMax = (from: number, upTo: number): number =>
    Math.max(...seconds.filter(({ atMs }) => atMs >= from && atMs < upTo).flatMap((second) => second.rssMiB));
  const pausedAtMs = pausedMs - startedMs;
  const resumedAtMs = resumedMs - startedMs;
  const thirdMs = (resumedAtMs - pausedAtMs) / 3;
  const thirds = [0, 1, 2].map((i) => rssMax(pausedAtMs + i * thirdMs, pausedAtMs + (i + 1) * thirdMs));
  const entriesAt = (ms: number): number => seconds.findLast(({ atMs }) => atMs <= ms)!.certificationEntries;
  const transfers = victim.process.events.filter(({ event }) => String(event).startsWith('stateTransfer'));
  const findings = [
    `the others: ${before.toFixed(0)} commits a second before, ${during.toFixed(0)} while it stood still (${((during / before) * 100).toFixed(0)} %)`,
    `longest time without a commit while it stood still: ${longestGap(times, pausedMs, resumedMs).toFixed(0)} ms`,
    expelled === undefined
      ? 'it was not expelled'
      : `expelled ${((expelled.atMs - (pausedMs - startedMs)) / 1000).toFixed(1)} s after it stopped`,
    `the purge floor was ${floorWhenResumed.appliedUpTo - floorWhenResumed.purgeFloor} transactions behind when it went on`,
    `memory of the others, at most (without the data files that they map): ${rssMax(0, pausedAtMs).toFixed(0)} MiB before, ${thirds.map((mebibytes) => mebibytes.toFixed(0)).join(', ')} MiB in the thirds of the time while it stood still`,
    `the certification database remembered ${entriesAt(pausedAtMs)} rows when it stopped and ${entriesAt(resumedAtMs)} when it went on`,
    `back and committing ${((backMs - resumedMs) / 1000).toFixed(1)} s after it went on, ${transfers.length === 0 ? 'from the log (incrementally)' : 'by a state transfer'}`,
    `verified: ${workload.acknowledged()} acknowledged transactions, all members equal`,
  ];
  for (const finding of findings) say(finding);
  const command = `npm run stopped-member -- --members ${members} --seconds ${stoppedMs / 1000} --before ${beforeMs / 1000} --writers ${writers}${options.leader ? ' --leader' : ''}${capacity === null ? '' : ` --certification-capacity ${capacity}`}`;
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify({ command, members, findings, seconds })}\n`);
  }
  if (options.html !== undefined) {
    const span = { fromMs: startedMs, upToMs: performance.now(), everyMs: 250 };
    const counts = countsAround(times, span);
    const ofSecond = (pick: (second: Second) => number) => seconds.map(pick);
    const plots = [
      {
        title: 'Commits of the others',
        about: `It stands still from ${(beforeMs / 1000).toFixed(0)} s to ${((beforeMs + stoppedMs) / 1000).toFixed(0)} s.`,
        xLabel: 'seconds',
        yLabel: 'commits a second',
        x: counts.map((_, i) => i / 4),
        series: [{ name: 'commits', values: counts.map((count) => count * 4) }],
      },
      {
        title: 'Memory of the others',
        about: 'Resident set of each process.',
        xLabel: 'seconds',
        yLabel: 'MiB',
        x: ofSecond(({ atMs }) => atMs / 1000),
        series: others.map(({ name }, i) => ({ name, values: ofSecond(({ rssMiB: rss }) => rss[i]!) })),
      },
      {
        title: 'Distance of the purge floor',
        about: 'Transactions between the floor and the last one applied.',
        xLabel: 'seconds',
        yLabel: 'transactions',
        x: ofSecond(({ atMs }) => atMs / 1000),
        series: [{ name: 'behind', values: ofSecond((second) => second.appliedUpTo - second.purgeFloor) }],
      },
    ];
    writeFileSync(options.html, plotPage({ title: 'A member stands still', command, findings, plots }));
  }
} catch (error) {
  scope.passed = false;
  process.exitCode = 1;
  process.stderr.write(`stopped-member: ${(error as Error).message}\n`);
} finally {
  await scope.end();
}
