import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { BANK_TOTAL, CheckedWorkload, HistoryWriter, LocalGroup, waitUntil } from '../../harness/index.ts';
import { runCommand } from '../../node/cli/testing/run-command.ts';

const CHECK = [
  '--list=checked.lists.values',
  '--register=checked.registers.value,checked.forks.value',
  `--bank=checked.accounts.balance=${BANK_TOTAL}`,
  '--level=as-asked',
  '--json',
];
const ORDERS = ['sequence-numbers', 'reads'] as const;

interface Row {
  readonly id: number;
  readonly value: number;
}

interface Line {
  readonly index: number;
  readonly type: string;
  readonly op?: string;
  readonly process?: number;
  readonly arguments?: { readonly table?: string; readonly tx?: string; readonly key?: number; readonly row?: Row };
  readonly invoked?: number;
  result?: { rows?: { balance: number }[]; value?: number };
}

describe('the history of clients of three members', { timeout: 120_000 }, () => {
  test('of which one is cut off and another killed, has no violation of what its transactions asked for; a wrong read in it would be found', async (t) => {
    const folder = mkdtempSync(path.join(tmpdir(), 'concert-history-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const file = path.join(folder, 'history.jsonl');
    const group = await LocalGroup.create(t, { network: true });
    const history = new HistoryWriter(file);
    const workload = await CheckedWorkload.prepare(group, { history });
    workload.start();
    await workload.commits(group.members, 100);

    const leader = await group.leader();
    history.note({ fault: 'cut', member: leader.name });
    await group.network.cut({ name: 'isolated', member: group.placeOf(leader) });
    await waitUntil(`${leader.name} knows that it reaches no majority`, 10_000, () => leader.hasQuorum === false);
    await workload.commits(group.others(leader), 100);
    await group.network.heal();
    history.note({ healed: 'cut' });
    await workload.commits(group.members, 50);

    const victim = await group.leader();
    history.note({ fault: 'kill', member: victim.name });
    await victim.process.kill();
    await workload.commits(group.others(victim), 100);
    victim.start();
    await victim.online();
    history.note({ healed: 'kill' });
    await workload.commits(group.members, 50);
    await workload.stop();
    await workload.readEverything();
    history.close();

    for (const order of ORDERS) {
      const { code, output, errors } = await runCommand(['check', file, ...CHECK, `--version-order=${order}`]);
      assert.equal(code, 0, `by ${order}: ${output}${errors}`);
      const { transactions, operations, dependencies } = JSON.parse(output);
      t.diagnostic(`by ${order}: ${JSON.stringify({ ...transactions, ...operations, dependencies })}`);
      assert(transactions.ok >= 700 && operations.appends > 50 && operations.listReads > 100, output);
      assert(operations.writes > 100 && operations.reads > 200 && operations.totals > 20, output);
    }

    const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
    for (const [plant, kind] of [
      [swapOfList, 'incompatible-order'],
      [moneyFromNowhere, 'wrong-total'],
      [readOfRefused, 'G1a'],
    ] as const) {
      const planted = path.join(folder, `${kind}.jsonl`);
      writeFileSync(planted, plant(lines).join('\n'));
      for (const order of ORDERS) {
        const { code, output, errors } = await runCommand(['check', planted, ...CHECK, `--version-order=${order}`]);
        assert.equal(code, 1, `${kind} by ${order}: ${output}${errors}`);
        const kinds = JSON.parse(output).violations.map((violation: { kind: string }) => violation.kind);
        assert(kinds.includes(kind), `${kind} by ${order}: ${kinds}`);
      }
    }
  });
});

/** The first answer that `isFit` is `change`d. */
function changed(
  lines: readonly string[],
  table: string,
  isFit: (result: NonNullable<Line['result']>, asked: Line) => boolean,
  change: (result: NonNullable<Line['result']>, asked: Line) => void,
): readonly string[] {
  const invocations = new Map<number, Line>();
  for (const [at, text] of lines.entries()) {
    const line = JSON.parse(text) as Line;
    if (line.type === 'invoke') invocations.set(line.index, line);
    const asked = line.type === 'ok' ? invocations.get(line.invoked!) : undefined;
    // Alone, so that it is neither part of what failed nor built upon.
    if (asked?.arguments?.table !== table || asked.arguments.tx !== undefined) continue;
    if (!line.result || !isFit(line.result, asked)) continue;
    change(line.result, asked);
    return lines.with(at, JSON.stringify(line));
  }
  throw new Error(`no read of ${table} is fit for it`);
}

function swapOfList(lines: readonly string[]): readonly string[] {
  const long = (rows: readonly object[]) =>
    (rows as readonly { values: unknown[] }[]).find(({ values }) => values.length >= 3);
  return changed(
    lines,
    'checked.lists',
    ({ rows = [] }) => long(rows) !== undefined,
    ({ rows = [] }) => {
      const { values } = long(rows)!;
      [values[0], values[1]] = [values[1], values[0]];
    },
  );
}

function moneyFromNowhere(lines: readonly string[]): readonly string[] {
  return changed(
    lines,
    'checked.accounts',
    ({ rows = [] }) => rows.length > 0,
    ({ rows = [] }) => {
      rows[0]!.balance++;
    },
  );
}

/** Somebody reads what a transaction wrote whose commit was refused. */
function readOfRefused(lines: readonly string[]): readonly string[] {
  const invocations = new Map<number, Line>();
  const puts = new Map<string, Row>();
  const refused = new Map<number, number>();
  for (const line of lines.slice(1).map((text) => JSON.parse(text) as Line)) {
    const { table, tx, row } = line.arguments ?? {};
    if (line.type === 'invoke') invocations.set(line.index, line);
    if (line.op === 'put' && table === 'checked.registers' && tx !== undefined) puts.set(`${line.process} ${tx}`, row!);
    const asked = line.type === 'fail' ? invocations.get(line.invoked!) : undefined;
    const put = asked?.op === 'commit' ? puts.get(`${asked.process} ${asked.arguments!.tx}`) : undefined;
    if (put !== undefined) refused.set(put.id, put.value);
  }
  return changed(
    lines,
    'checked.registers',
    ({ value }, { arguments: { key } = {} }) => value !== undefined && refused.has(key!),
    (result, { arguments: { key } = {} }) => {
      result.value = refused.get(key!)!;
    },
  );
}
