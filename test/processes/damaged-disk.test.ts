/** What rotted, was cut or lost on the disk of a member while it was down: found at its start, and brought by the others. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  LocalGroup,
  type LocalMember,
  outgrowHistory,
  Scope,
  verifyEverywhere,
  Workload,
} from '../../harness/index.ts';

function filesOf({ directory }: LocalMember, prefix: string): readonly string[] {
  const names = readdirSync(directory).filter((name) => name.startsWith(prefix));
  assert(names.length > 0, `there are files ${prefix}…`);
  return names.map((name) => path.join(directory, name));
}

function overwrite(file: string, at: number, length: number): void {
  const bytes = readFileSync(file);
  writeFileSync(file, bytes.fill(0x5a, at, at + length));
}

const laneOf = ({ directory }: LocalMember): string => path.join(directory, 'lanes', 'lane-0', 'data.mdb');

const DAMAGES: readonly (readonly [what: string, damage: (member: LocalMember) => void])[] = [
  [
    'a log with some bytes changed in its middle',
    (member) => {
      const [file] = filesOf(member, 'log-');
      const written = readFileSync(file!).findLastIndex((byte) => byte !== 0);
      overwrite(file!, written >> 1, 600);
    },
  ],
  ['a verdict file with a byte changed', (member) => overwrite(filesOf(member, 'verdicts')[0]!, 1_000, 1)],
  ['a verdict file cut short', (member) => truncateSync(filesOf(member, 'verdicts')[0]!, 1_000)],
  ['no verdict files', (member) => filesOf(member, 'verdicts').forEach((file) => void rmSync(file))],
  ['a lane cut short', (member) => truncateSync(laneOf(member), 8192)],
  ['a lane whose head was overwritten', (member) => overwrite(laneOf(member), 0, 8192)],
  ['a lane lost', (member) => rmSync(path.dirname(laneOf(member)), { recursive: true })],
];

describe('a member that finds at its start, while the others are written to,', { timeout: 300_000 }, () => {
  const scope = new Scope();
  let group: LocalGroup;
  let workload: Workload;
  before(async () => {
    group = await LocalGroup.create(scope);
    workload = await Workload.prepare(group);
    // Lanes and verdicts have something to be damaged.
    await outgrowHistory(group);
  });
  after(() => scope.end());

  for (const [what, damage] of DAMAGES) {
    test(`${what} is whole again by what the others send`, async () => {
      workload.start();
      await workload.commits(group.members, 50);
      const struck = group.others(await group.leader())[0]!;
      await struck.process.stop();
      damage(struck);
      struck.start();
      await struck.online();
      const isTold = ({ event }: { readonly event: string }) => event === 'damage' || event === 'transfer';
      assert(struck.process.events.some(isTold), 'it says so');
      await workload.commits(group.members, 20, 20_000);
      await workload.stop();
      await verifyEverywhere(group, workload);
    });
  }
});
