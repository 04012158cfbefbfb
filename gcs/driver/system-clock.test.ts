import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from './system-clock.ts';
import { SystemRandom } from './system-random.ts';

test('a call without delay comes after the current turn, in order', async () => {
  const clock = new SystemClock();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    clock.schedule(0, () => order.push('first'));
    clock.schedule(0, () => order.push('cancelled')).cancel();
    clock.schedule(0, resolve);
    order.push('turn');
  });
  assert.deepEqual(order, ['turn', 'first']);
});

test('a delayed call is never early, and does not come when it was cancelled', async () => {
  const clock = new SystemClock();
  const cancelled = clock.schedule(5, () => assert.fail('it was cancelled'));
  const veryFar = clock.schedule(1e12, () => assert.fail('it is far away'));
  const waits = [0.5, 1, 2.5, 10, 30].map(
    (delayMs) =>
      new Promise<void>((resolve) => {
        const from = clock.monotonicMs();
        clock.schedule(delayMs, () => {
          assert.ok(clock.monotonicMs() - from >= delayMs);
          resolve();
        });
      }),
  );
  cancelled.cancel();
  await Promise.all(waits);
  veryFar.cancel();
  assert.ok(Number.isInteger(clock.wallMs()));
});

test('two sources of chance differ, and numbers stay below their bound', () => {
  const [one, other] = [new SystemRandom(), new SystemRandom()];
  const drawn = (random: SystemRandom): number[] => Array.from({ length: 20 }, () => random.below(1_000_000));
  assert.notDeepEqual(drawn(one), drawn(other));
  assert.ok(drawn(one).every((value) => value < 1_000_000));
  assert.match(one.uuid(), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
});
