/**
 * Read-only transactions at all members whose snapshots are one and the same sequence number, also while the group is
 * written to.
 *
 * A snapshot is fixed by the first statement, and a member that is asked to wait (`atLeast`) executes what was sent behind
 * in the turn in which it has applied the number: when the log entry with it is through. Entries are the same at every
 * member. So all members are asked to wait for one number that none of them has reached yet, and their snapshots are the
 * end of the entry that it is in. In a quiet group the number is that of the last transaction, which all have.
 *
 * What the snapshot is tells the commit of a second transaction that begins in the same turn; at the end that of the first.
 */
import { type Client, ConcertError, type MemberStats, type TableDescription } from '../../../client/index.ts';
import { answerOf, NotComparable, type VerifiedMember } from './verified-member.ts';

export interface MemberSnapshot {
  readonly member: VerifiedMember;
  /** As of the snapshot. */
  readonly tables: readonly TableDescription[];
  /** A statement, executed at the snapshot. @throws ConcertError */
  request<T>(op: string, args: object): Promise<T>;
}

export interface CommonSnapshot {
  readonly sequenceNumber: number;
  readonly members: readonly MemberSnapshot[];
  /** Ends it, and says whether it was one snapshot at all members. */
  end(): Promise<boolean>;
}

export interface SnapshotClock {
  nowMs(): number;
  wait(ms: number): Promise<void>;
}

const ATTEMPTS_MAX = 12;
/** How far ahead the number lies that members wait for, in time at the rate of the moment; longer with every attempt. */
const AHEAD_MS = 150;
const WAIT_MS_MAX = 3_000;
const PAUSE_MS = 50;

/** @throws NotComparable if it does not succeed; ConcertError of a member that cannot serve */
export async function openCommonSnapshot(
  members: readonly VerifiedMember[],
  clock: SnapshotClock,
): Promise<CommonSnapshot> {
  let before: Standing | null = null;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const standing: Standing = { atMs: clock.nowMs(), appliedUpTo: await highestApplied(members) };
    const goal = standing.appliedUpTo + numbersAhead(before, standing, attempt);
    before = standing;
    const opened = await Promise.all(members.map((member) => openAt(member, goal)));
    const [first] = opened;
    if (first !== null && opened.every((one) => one !== null && one.sequenceNumber === first!.sequenceNumber)) {
      return common(opened as readonly OpenSnapshot[]);
    }
    await Promise.all(opened.map((one) => one?.end()));
    await clock.wait(PAUSE_MS * attempt);
  }
  throw new NotComparable('the group is being written to, and the members could not be read at one sequence number');
}

/** Of one member: its own row of its statistics. */
export async function ownStats(member: VerifiedMember): Promise<MemberStats> {
  const { client, memberId } = member;
  const rows = await answerOf(member, client.memberStats());
  const own = rows.find((row) => row.memberId === memberId);
  if (own === undefined) throw new NotComparable(`member ${memberId} does not tell its own statistics`);
  return own;
}

interface Standing {
  readonly atMs: number;
  readonly appliedUpTo: number;
}

async function highestApplied(members: readonly VerifiedMember[]): Promise<number> {
  const stats = await Promise.all(members.map(ownStats));
  return Math.max(...stats.map(({ appliedUpTo }) => appliedUpTo));
}

/** None in a group that stands still, as far as is known. */
function numbersAhead(before: Standing | null, now: Standing, attempt: number): number {
  if (before === null || now.appliedUpTo === before.appliedUpTo) return 0;
  const perMs = (now.appliedUpTo - before.appliedUpTo) / Math.max(1, now.atMs - before.atMs);
  return Math.ceil(perMs * AHEAD_MS * attempt) + 1;
}

interface OpenSnapshot extends MemberSnapshot {
  readonly sequenceNumber: number;
  /** The snapshot, as the commit tells it; null where that does not succeed. */
  end(): Promise<number | null>;
}

let lastName = 0;

/** Null: the number was not reached in time. @throws ConcertError */
async function openAt(member: VerifiedMember, atLeast: number): Promise<OpenSnapshot | null> {
  const { client } = member;
  const tx = `verify-${++lastName}`;
  const probe = `${tx}-probe`;
  const begin = { readOnly: true, atLeast, waitTimeoutMs: WAIT_MS_MAX, onError: 'continue' };
  // All of it is sent at once, so that it is executed in one turn.
  const asked = [
    client.request('begin', { tx, ...begin }),
    client.request('begin', { tx: probe, ...begin }),
    client.request<readonly TableDescription[]>('tables', { tx }),
    client.request('tables', { tx: probe }),
    client.request<{ readonly snapshotVersion: number }>('commit', { tx: probe }),
  ] as const;
  const [begun, , , , committed] = await Promise.allSettled(asked);
  const refused = [begun, committed].find((one) => one.status === 'rejected');
  if (refused !== undefined) {
    await rollback(client, [tx, probe]);
    if (refused.reason instanceof ConcertError && refused.reason.code === 'TIMEOUT') return null;
    return answerOf(member, Promise.reject(refused.reason));
  }
  return {
    member,
    tables: await asked[2],
    sequenceNumber: (await asked[4]).snapshotVersion,
    request: (op, args) => answerOf(member, client.request(op, { tx, ...args })),
    async end() {
      try {
        return (await client.request<{ readonly snapshotVersion: number | null }>('commit', { tx })).snapshotVersion;
      } catch (error) {
        if (!(error instanceof ConcertError)) throw error;
        await rollback(client, [tx]);
        return null;
      }
    },
  };
}

async function rollback(client: Client, names: readonly string[]): Promise<void> {
  // One that was never begun, or is over, is as good as rolled back.
  await Promise.allSettled(names.map((tx) => client.request('rollback', { tx })));
}

function common(opened: readonly OpenSnapshot[]): CommonSnapshot {
  const { sequenceNumber } = opened[0]!;
  return {
    sequenceNumber,
    members: opened,
    async end() {
      const versions = await Promise.all(opened.map((one) => one.end()));
      return versions.every((version) => version === sequenceNumber);
    },
  };
}
