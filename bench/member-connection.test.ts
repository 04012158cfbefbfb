import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchError } from './bench-error.ts';
import { MemberConnection, RequestError } from './member-connection.ts';
import { FakeGroup } from './testing/fake-group.ts';

test('a refusal is an error that names the operation', async () => {
  const group = await FakeGroup.start(1);
  try {
    const member = await MemberConnection.open(group.urls[0]!, 'json');
    await assert.rejects(
      member.requestUntilDone('fly', { table: 'shop.products' }),
      (error) => error instanceof RequestError && /^fly was refused: UNKNOWN_OPERATION/.test(error.message),
    );
  } finally {
    group.stop();
  }
});

test('a member that does not answer, or goes, is named with what it was asked', async () => {
  const group = await FakeGroup.start(1, { answersAfterMs: 60_000 });
  try {
    const [url] = group.urls;
    const impatient = await MemberConnection.open(url!, 'json', 20);
    const isOfUrl = (pattern: RegExp) => (error: unknown) =>
      error instanceof BenchError && error.message.includes(url!) && pattern.test(error.message);
    await assert.rejects(impatient.request('memberStats'), isOfUrl(/did not answer memberStats within 0.02 s/));
    const patient = await MemberConnection.open(url!, 'json');
    const request = patient.request('memberStats');
    group.kill(0);
    await assert.rejects(request, isOfUrl(/was lost during memberStats/));
  } finally {
    group.stop();
  }
});
