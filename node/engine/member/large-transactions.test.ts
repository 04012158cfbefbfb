/** Transactions that travel in fragments and are taken through in slices, beside small ones. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Transaction } from '../../../certifier/types.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import type { CommitOutcome } from '../replica.ts';
import { type SimulatedMember, startGroup, until } from '../testing/simulated-group.ts';
import { MEMBER_DEFAULTS, type MemberOptions } from './index.ts';

const ROWS = 60;
const options = {
  group: { ...MEMBER_DEFAULTS.group, fragmentBytesMax: 512, fragmentsInFlight: 2, messageBytesMax: 100_000 },
  outbox: { ...MEMBER_DEFAULTS.outbox, batchBytesMax: 400 },
  slices: { largeBytes: 400, items: 7, bytes: 2000 },
};

const keyOf = (table: number, row: number): string =>
  `\0\0\0${String.fromCharCode(table)}${String(row).padStart(4, '0')}`;

function transactionOf(table: number, rows: number, snapshotVersion = 0): Transaction {
  const image = new Uint8Array(90).fill(table);
  return {
    snapshotVersion,
    writeSet: Array.from({ length: rows }, (_, row) => ({ key: keyOf(table, row), kind: 'put', image })),
  };
}

function begin({ host, member }: SimulatedMember, transaction: Transaction): { outcome: CommitOutcome | null } {
  const committed = { outcome: null as CommitOutcome | null };
  host.process!.turn(() =>
    member.commit(transaction, Number.POSITIVE_INFINITY, (outcome) => {
      committed.outcome = outcome;
    }),
  );
  return committed;
}

function rowsOf({ member }: SimulatedMember, table: number): number {
  let rows = 0;
  for (let row = 0; row < ROWS; row++) if (member.get(keyOf(table, row), member.appliedUpTo) !== undefined) rows++;
  return rows;
}

function onlineGroup(
  seed: number,
  others: Partial<MemberOptions> = {},
): { world: SimulatedWorld; members: readonly SimulatedMember[] } {
  const world = new SimulatedWorld(seed);
  const members = startGroup(world, { options: { ...options, ...others } });
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  return { world, members };
}

test('a large transaction is seen whole or not at all, at every member, and small ones go on beside it', () => {
  const { world, members } = onlineGroup(11);
  const large = begin(members[0]!, transactionOf(1, ROWS));
  const small: { outcome: CommitOutcome | null }[] = [];
  let smallBefore = 0;
  until(world, () => {
    for (const member of members) assert.ok([0, ROWS].includes(rowsOf(member, 1)));
    if (large.outcome === null && small.every(({ outcome }) => outcome !== null)) {
      smallBefore = small.length;
      if (small.length < 30) small.push(begin(members[small.length % 3]!, transactionOf(2 + small.length, 1)));
    }
    return large.outcome !== null && small.every(({ outcome }) => outcome !== null);
  });
  assert.ok(smallBefore >= 3, `${smallBefore} small ones were committed meanwhile`);
  assert.deepEqual(new Set([large, ...small].map(({ outcome }) => outcome!.kind)), new Set(['committed']));
  until(world, () => members.every(({ member }) => member.appliedUpTo === small.length + 1));
  assert.deepEqual(new Set(members.map(({ member }) => member.certifier!.digest)).size, 1);
  assert.ok(members.every((member) => member.member.state === 'ONLINE'));
});

test('two large transactions on the same rows: the first that is ordered commits, the other conflicts', () => {
  const { world, members } = onlineGroup(12);
  const both = [begin(members[0]!, transactionOf(1, ROWS)), begin(members[1]!, transactionOf(1, ROWS))];
  until(world, () => both.every(({ outcome }) => outcome !== null));
  assert.deepEqual(both.map(({ outcome }) => outcome!.kind).sort(), ['committed', 'conflict']);
  const late = begin(members[2]!, transactionOf(1, ROWS));
  until(world, () => late.outcome !== null);
  assert.equal(late.outcome!.kind, 'conflict');
});

test('a member that stops in the middle of a large transaction has it whole after its next start', () => {
  const { world, members } = onlineGroup(13);
  const large = begin(members[0]!, transactionOf(1, ROWS));
  const last = members[2]!;
  const before = last.member.group.log.lastIndex;
  until(world, () => last.member.group.log.lastIndex > before + 3);
  last.host.crash('power-lost');
  until(world, () => large.outcome !== null);
  last.restart();
  until(world, () => last.member.state === 'ONLINE');
  assert.equal(rowsOf(last, 1), ROWS);
});

test('what a member had begun to send when it died is never seen, and its next run sends as before', () => {
  const { world, members } = onlineGroup(14);
  const [first, second] = members;
  const before = second!.member.group.log.lastIndex;
  begin(first!, transactionOf(1, ROWS));
  until(world, () => second!.member.group.log.lastIndex > before + 3);
  first!.host.crash('power-lost');
  first!.restart();
  until(world, () => members.every(({ member }) => member.state === 'ONLINE'));
  // Nobody commits anything, and yet no member has to keep its log for the rest.
  until(world, () =>
    members.every(({ member: { group, appliedUpTo } }) => {
      const { deliveredUpTo } = group.status!;
      return appliedUpTo <= 1 && group.log.partialFrom(deliveredUpTo) === deliveredUpTo + 1;
    }),
  );
  const again = begin(first!, transactionOf(2, ROWS, first!.member.appliedUpTo));
  until(world, () => again.outcome !== null);
  assert.equal(again.outcome!.kind, 'committed');
  until(world, () => members.every((member) => rowsOf(member, 2) === ROWS));
  assert.ok(members.every((member) => [0, ROWS].includes(rowsOf(member, 1))));
  assert.equal(new Set(members.map((member) => rowsOf(member, 1))).size, 1);
});

test('H5: the purge floor does not rise over a transaction on its way of which nobody holds the snapshot any more, and then does', () => {
  const { world, members } = onlineGroup(15, {
    group: { ...options.group, fragmentBytesMax: 32 },
    noticeEveryMs: 20,
    purgeStep: 2,
  });
  const [first, second] = members as [SimulatedMember, SimulatedMember];
  const floor = (): number => first.member.certifier!.purgeFloor;
  let table = 1;
  const small = (): { outcome: CommitOutcome | null } =>
    begin(second, transactionOf(++table, 1, second.member.appliedUpTo));
  let last = small();
  until(world, () => first.member.appliedUpTo === 1);
  const snapshot = first.member.appliedUpTo;
  // As where it was ended for want of memory: the transaction itself is all there is of it.
  const large = begin(first, transactionOf(1, 10, snapshot));
  until(world, () => {
    if (large.outcome === null) assert.ok(floor() <= snapshot, `the floor is ${floor()}`);
    // The items of all of them stay below the capacity: nothing is evicted.
    if (last.outcome !== null && table < 60) last = small();
    return large.outcome !== null;
  });
  assert.equal(large.outcome!.kind, 'committed');
  assert.ok(table > 10, `${table - 1} small ones were committed meanwhile`);
  until(world, () => {
    if (last.outcome !== null && table < 60) last = small();
    return floor() > snapshot + 10;
  });
});
