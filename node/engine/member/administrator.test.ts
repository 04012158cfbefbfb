import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Administration, AdministrationOutcome } from '../replica.ts';
import { ManualClock } from '../testing/solo-replica.ts';
import { viewOf } from '../testing/views.ts';
import { Administrator } from './administrator.ts';
import { Membership } from './membership.ts';

function administratorOf(role: 'leader' | 'follower' = 'leader') {
  const clock = new ManualClock();
  const membership = new Membership('m0');
  membership.install(viewOf(1, [0, 1, 2]), 0);
  const asked: string[] = [];
  const status: { role: 'leader' | 'follower' } = { role };
  const world = { isOutside: false, hasQuorum: true, rejoins: 0, status, asked, problem: null as string | null };
  const administrator = new Administrator({
    memberId: 'm0',
    group: {
      status,
      view: { viewId: '1:9' },
      leave: (done) => {
        asked.push('leave');
        if (world.problem !== null) done?.({ kind: 'refused', problem: world.problem });
      },
      expel: (ordinal, done) => {
        asked.push(`expel ${ordinal}`);
        if (world.problem !== null) done({ kind: 'refused', problem: world.problem });
      },
      transferLeadership: (to) => asked.push(`transfer to ${to}`),
    },
    membership,
    clock,
    isOutside: () => world.isOutside,
    hasQuorum: () => world.hasQuorum,
    rejoin: () => world.rejoins++,
  });
  const ask = (request: Administration): { outcome: AdministrationOutcome | null } => {
    const answer = { outcome: null as AdministrationOutcome | null };
    administrator.ask(request, (outcome) => {
      assert.equal(answer.outcome, null, 'answered once');
      answer.outcome = outcome;
    });
    assert.equal(answer.outcome, null, 'in a later turn');
    clock.advance(0);
    return answer;
  };
  return { clock, membership, administrator, world, ask };
}

test('an expulsion is done when the view without the member is delivered here', () => {
  const { membership, administrator, world, ask, clock } = administratorOf();
  const answer = ask({ kind: 'expel', memberId: 'm2' });
  assert.deepEqual([world.asked, answer.outcome], [['expel 2'], null]);
  membership.install(viewOf(2, [0, 1]), 8);
  administrator.look();
  clock.advance(0);
  assert.deepEqual(answer.outcome, { kind: 'done', viewId: '1:9' });
});

test('what the group refuses, or makes no sense, is told with the reason', () => {
  const { world, ask, clock } = administratorOf();
  world.problem = 'a change is under way';
  const refusedByGroup = ask({ kind: 'expel', memberId: 'm2' });
  clock.advance(0);
  assert.deepEqual(refusedByGroup.outcome, { kind: 'refused', problem: 'a change is under way' });
  for (const request of [
    { kind: 'expel', memberId: 'm0' },
    { kind: 'expel', memberId: 'nobody' },
    { kind: 'join' },
    { kind: 'transfer-leadership', memberId: 'm0' },
  ] as const) {
    assert.equal(ask(request).outcome?.kind, 'refused', request.kind);
  }
  assert.equal(
    administratorOf('follower').ask({ kind: 'transfer-leadership', memberId: null }).outcome?.kind,
    'refused',
  );
});

test('without a quorum nothing is asked, and what does not come about in time is unknown', () => {
  const { world, ask, clock, administrator } = administratorOf();
  world.hasQuorum = false;
  assert.deepEqual(ask({ kind: 'expel', memberId: 'm2' }).outcome, { kind: 'no-quorum' });
  world.hasQuorum = true;
  const answer = ask({ kind: 'leave' });
  clock.advance(15_000);
  administrator.look();
  clock.advance(0);
  assert.deepEqual(answer.outcome, { kind: 'unknown' });
  const abandoned = ask({ kind: 'transfer-leadership', memberId: 'm1' });
  administrator.abandon();
  clock.advance(0);
  assert.deepEqual(abandoned.outcome, { kind: 'unknown' });
});

test('only a member outside joins, once it has answered', () => {
  const { world, ask, clock } = administratorOf();
  const leaving = ask({ kind: 'leave' });
  world.isOutside = true;
  assert.equal(ask({ kind: 'leave' }).outcome?.kind, 'refused');
  assert.deepEqual(ask({ kind: 'join' }).outcome, { kind: 'done', viewId: '1:9' });
  clock.advance(1);
  assert.equal(world.rejoins, 1);
  assert.equal(leaving.outcome, null);
});

test('who may not leave is told why, and not only that nobody knows', () => {
  const { world, ask, clock } = administratorOf();
  world.problem = 'no majority would be left';
  const answer = ask({ kind: 'leave' });
  clock.advance(0);
  assert.deepEqual(answer.outcome, { kind: 'refused', problem: 'no majority would be left' });
});
