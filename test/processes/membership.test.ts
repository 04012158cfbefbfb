/** Members that join, leave, are expelled, come back and lose their disks, as processes and under load. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import {
  agreedContent,
  freePorts,
  LocalGroup,
  LocalMember,
  verifyContent,
  Workload,
  waitUntil,
} from '../../harness/index.ts';
import { runCommand } from '../../node/cli/testing/run-command.ts';

/** So that members are given up, and the log with what they lack, within a test's time. */
const SPARING = {
  CONCERT_MEMBER_EXPEL_TIMEOUT: '1',
  CONCERT_LOG_SEGMENT_MIB: '1',
  CONCERT_LOG_KEEP_MIB: '1',
  CONCERT_LOG_MAX_MIB: '16',
};
const CHANGE_MS_MAX = 30_000;

interface Row {
  readonly memberId: string;
  readonly state: string;
  readonly learner: boolean;
  readonly leads: boolean;
}

async function membersAt(member: LocalMember): Promise<readonly Row[]> {
  const client = await member.client();
  try {
    return (await client.result('members')) as unknown as readonly Row[];
  } finally {
    client.close();
  }
}

async function untilMembers(at: LocalMember, what: string, fits: (rows: readonly Row[]) => boolean): Promise<void> {
  await waitUntil(what, CHANGE_MS_MAX, async () => fits(await membersAt(at)));
}

/** Of the group's machine, but not of the group yet. */
async function newMember(group: LocalGroup, name: string): Promise<LocalMember> {
  const [port, groupPort] = await freePorts(2);
  const member = new LocalMember({
    name,
    directory: path.join(group.folder, name),
    port: port!,
    groupPort: groupPort!,
    environment: SPARING,
    process: { logFile: path.join(group.folder, `${name}.log`) },
  });
  group.atEnd(async () => {
    if (member.isRunning) await member.process.kill();
  });
  return member;
}

test('under load a fourth member joins, one is killed, expelled and comes back, one loses its disk and is replaced; nothing is lost', async (t) => {
  const group = await LocalGroup.create(t, { environmentOf: () => SPARING });
  const [first, second, third] = group.members as readonly [LocalMember, LocalMember, LocalMember];
  const workload = await Workload.prepare(group);
  workload.start({ bulkEveryMs: 20 });
  await workload.commits(group.members, 50);

  const fourth = await newMember(group, 'member-4');
  fourth.start('--seeds', `${first.groupAddress},${second.groupAddress}`);
  await fourth.online();
  await untilMembers(first, 'four voters', (rows) => rows.length === 4 && rows.every(({ learner }) => !learner));
  await workload.commits(group.members, 50);

  const killedId = third.memberId;
  await third.process.kill();
  await untilMembers(first, 'the killed one is expelled', (rows) =>
    rows.every(({ memberId }) => memberId !== killedId),
  );
  await workload.commits([first, second], 50);
  third.start();
  await third.online();
  assert.equal(third.memberId, killedId, 'with its own disk');
  assert.equal(await third.metric('concert_rejoins_total'), 1);
  await untilMembers(first, 'it is back', (rows) => rows.length === 4 && rows.every(({ state }) => state === 'ONLINE'));

  // Of all that stay: whoever leads gives the newcomer entries from the first one on, as long as it has them.
  for (const member of [first, third, fourth]) {
    await waitUntil('the log was truncated', 60_000, async () => (await member.metric('concert_log_first_index')) > 1);
  }
  const lostId = second.memberId;
  await second.process.kill();
  second.removeData();
  second.start('--seeds', `${third.groupAddress},${fourth.groupAddress}`);
  await second.online();
  assert.notEqual(second.memberId, lostId);
  assert.equal(await second.metric('concert_states_received_total'), 1);
  assert((await second.metric('concert_state_bytes_received_total')) > 0);
  await untilMembers(first, 'the lost one is gone', (rows) => rows.every(({ memberId }) => memberId !== lostId));
  await workload.commits(group.members, 50, 20_000);
  await workload.stop();
  const { tables } = await agreedContent([...group.members, fourth]);
  verifyContent(tables, workload);
});

test('an operator lets a member leave and join, expels one, and has another lead, by concert admin', async (t) => {
  const group = await LocalGroup.create(t, { environmentOf: () => SPARING });
  const workload = await Workload.prepare(group);
  workload.start();
  await workload.commits(group.members, 20);
  const admin = async (...args: string[]) => {
    const { code, output, errors } = await runCommand(['admin', ...args, '--json']);
    assert.equal(code, 0, errors);
    return JSON.parse(output) as { readonly memberId: string; readonly viewId: string };
  };
  const leader = await group.leader();
  const [next, other] = group.others(leader) as readonly [LocalMember, LocalMember];

  assert.equal((await admin('transfer-leader', '--url', other.url, '--to', next.memberId)).memberId, next.memberId);
  await admin('leave', '--url', next.url);
  assert.equal(await next.state(), 'OFFLINE');
  await untilMembers(other, 'two are left', (rows) => rows.length === 2);
  const status = await runCommand(['status', '--url', other.url]);
  assert.match(status.output, /^view \d+:2: 2 voters\n/);
  await workload.commits([leader, other], 20);
  await admin('join', '--url', next.url);
  assert.equal(await next.state(), 'ONLINE');
  await workload.commits(group.members, 20);

  await admin('expel', '--url', leader.url, other.memberId.slice(0, 8));
  await waitUntil('it began anew', CHANGE_MS_MAX, () =>
    other.process.events.some(({ event, why }) => event === 'restart' && why === 'expelled'),
  );
  await other.untilState('ONLINE', CHANGE_MS_MAX);
  await workload.commits(group.members, 20);
  await workload.stop();
  const { tables } = await agreedContent(group.members);
  verifyContent(tables, workload);
});
