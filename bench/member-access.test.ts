import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MemberAccess } from './member-access.ts';
import { FakeGroup } from './testing/fake-group.ts';

async function withGroup(body: (group: FakeGroup, access: MemberAccess, said: string[]) => Promise<void>) {
  const group = await FakeGroup.start(2);
  const access = new MemberAccess(group.urls, 'msgpack');
  const said: string[] = [];
  try {
    await access.open();
    await body(group, access, said);
  } finally {
    access.close();
    group.stop();
  }
}

async function untilClosed(access: MemberAccess, at: number): Promise<void> {
  while (access.members[at]!.isOpen) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('connections that were not lost are kept', () =>
  withGroup(async (_, access, said) => {
    const before = [...access.members];
    const { members, problems } = await access.reopen((line) => said.push(line), 0);
    assert.deepEqual([problems, said], [[], []]);
    assert.ok(members.every((member, at) => member === before[at]));
  }));

test('a member that stays away is named, and the others are there', () =>
  withGroup(async (group, access, said) => {
    group.kill(0);
    await untilClosed(access, 0);
    const { members, problems } = await access.reopen((line) => said.push(line), 0);
    assert.deepEqual(
      members.map(({ memberId }) => memberId),
      ['member-2'],
    );
    assert.equal(problems.length, 1);
    assert.ok(problems[0]!.includes(group.urls[0]!));
    assert.deepEqual(said, [`waiting for ${group.urls[0]}`]);
  }));

test('a member that comes back is waited for', () =>
  withGroup(async (group, access, said) => {
    group.kill(1);
    await untilClosed(access, 1);
    const reopened = access.reopen((line) => said.push(line));
    await group.revive(1);
    const { members, problems } = await reopened;
    assert.deepEqual(problems, []);
    assert.deepEqual(await members[1]!.request('memberStats'), [
      { memberId: 'member-2', appliedUpTo: 0, digest: 'equal' },
    ]);
  }));
