import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { mergedEnvironment } from './environment.ts';
import { LocalGroup } from './local-group.ts';
import { Scope } from './scope.ts';

test('a group whose test fails shows the last lines of each log, keeps the logs, and leaves nothing else', async () => {
  const said: string[] = [];
  const scope = new (class extends Scope {
    override diagnostic(message: string): void {
      said.push(message);
    }
  })();
  const group = await LocalGroup.create(scope, { members: 1 });
  const { pid } = group.members[0]!.process;
  scope.passed = false;
  await scope.end();
  assert.match(said.join('\n'), /^member-1:\n(.*\n)*.*"state":"ONLINE"/);
  const kept = /the whole logs: (.+)$/.exec(said.join('\n'))![1]!;
  assert.match(readFileSync(path.join(kept, 'member-1.log'), 'utf8'), /"event":"ready"/);
  rmSync(kept, { recursive: true });
  assert.equal(existsSync(group.folder), false);
  assert.throws(() => process.kill(pid, 0), /ESRCH/);
});

test('a member that is started anew has nothing of what it had, is another, and joins as that', async (t) => {
  const group = await LocalGroup.create(t);
  const member = group.members[1]!;
  const { memberId } = member;
  await member.process.kill();
  group.startAnew(member);
  await member.online();
  assert.notEqual(member.memberId, memberId);
});

test('a scope ends the newest first, all of it, and throws the first failure then', async () => {
  const scope = new Scope();
  const ended: number[] = [];
  scope.after(() => void ended.push(1));
  scope.after(() => Promise.reject(new Error('two')));
  scope.after(() => void ended.push(3));
  await assert.rejects(scope.end(), /two/);
  assert.deepEqual(ended, [3, 1]);
});

test('what is to be loaded into a process adds up, other variables replace each other', () => {
  const environment = mergedEnvironment(
    { LD_PRELOAD: 'a.so', NODE_OPTIONS: '', A: '1' },
    { LD_PRELOAD: 'b.so', NODE_OPTIONS: '--import x', A: '2' },
    { NODE_OPTIONS: '--import y', B: undefined },
  );
  assert.deepEqual(environment, { LD_PRELOAD: 'a.so:b.so', NODE_OPTIONS: '--import x --import y', A: '2' });
});
