import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  inject,
  isPossible,
  LocalGroup,
  type LocalMember,
  verifyEverywhere,
  Workload,
  waitUntil,
  whyNoFaultyDisk,
  whyNoSmallDisk,
} from '../../harness/index.ts';

const DISK_BYTES = 128 * 1024 * 1024;
/** A row that makes the log grow soon. */
const LARGE_ROW = { id: 1, filler: 'x'.repeat(200_000) };
const ROOM_MS_MAX = 60_000;

for (const [how, whyNot, options] of [
  ['a filesystem of its own', whyNoSmallDisk, { diskBytes: DISK_BYTES }],
  ['a shim', whyNoFaultyDisk, { faultyDisks: true }],
] as const) {
  test(`R16: a member whose disk (${how}) is full under load answers reads, refuses writes and does not lead; with room again it catches up by itself`, async (t) => {
    if (!isPossible(t, whyNot())) return;
    const group = await LocalGroup.create(t, options);
    const full = await group.leader();
    const others = group.others(full) as readonly [LocalMember, LocalMember];
    const workload = await Workload.prepare(group);
    workload.start();
    await workload.commits(group.members, 20);
    const heal = await inject(group, { kind: 'fullDisk', members: group.placeOf(full) });
    const { pid } = full.process;
    const client = await others[0].client();
    await client.result('createTable', { table: 'test.large', primaryKey: ['id'] });
    const isFull = () => full.process.events.some((event) => event.event === 'room' && event.hasRoom === false);
    while (!isFull()) await client.ask('put', { table: 'test.large', row: LARGE_ROW });

    assert.equal(await full.metric('concert_disk_full'), 1);
    const own = await full.client();
    assert.equal((await own.ask('get', { table: 'test.large', key: 1, columns: ['id'] })).kind, 'result');
    await waitUntil('its writes are refused', 10_000, async () => {
      const answer = await own.ask('put', { table: 'test.large', row: { id: 2 } });
      return answer.kind === 'error' && answer.error.code === 'DISK_FULL' && answer.error.retry === 'elsewhere';
    });
    await waitUntil('another leads', 10_000, async () => (await group.leader(others)) !== full);
    await waitUntil('the others know', 10_000, async () => {
      const rows = (await client.result('members')) as unknown as readonly { memberId: string; hasRoom: boolean }[];
      return rows.find(({ memberId }) => memberId === full.memberId)?.hasRoom === false;
    });
    await workload.commits(others, 50);

    await heal();
    await waitUntil('it has room', ROOM_MS_MAX, async () => (await full.metric('concert_disk_full')) === 0);
    await full.untilState('ONLINE', ROOM_MS_MAX);
    await workload.commits(group.members, 20, ROOM_MS_MAX);
    assert.equal(full.process.pid, pid, 'the process went on');
    own.close();
    client.close();
    await workload.stop();
    await verifyEverywhere(group, workload);
  });
}
