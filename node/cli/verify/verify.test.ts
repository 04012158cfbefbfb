import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Client, ConcertError } from '../../../client/index.ts';
import { NotComparable, type VerifiedMember } from './verified-member.ts';
import { Verification } from './verify.ts';

type Arguments = Readonly<Record<string, unknown>>;

function refusal(code: string): ConcertError {
  return new ConcertError({ code, sqlState: '40001', retry: 'transaction', message: code });
}

/** A member with one table of rows, as a client sees it. */
class Member implements VerifiedMember {
  readonly memberId: string;
  readonly url: string;
  readonly scanned: unknown[] = [];
  readonly #rows: readonly { readonly id: number }[];
  readonly #snapshots = new Map<unknown, number>();
  /** What a transaction that begins now sees, if it waited for `atLeast`. */
  snapshotOf = (atLeast: number): number => atLeast;
  appliedUpTo = () => 10;
  digest = () => 'd';
  beforeScan = (): void => {};

  constructor(memberId: string, rows: number) {
    this.memberId = memberId;
    this.url = `ws://${memberId}/v1`;
    this.#rows = Array.from({ length: rows }, (_, id) => ({ id }));
  }

  get client(): Client {
    const stats = () => [{ memberId: this.memberId, appliedUpTo: this.appliedUpTo(), digest: this.digest() }];
    const client = {
      memberStats: async () => stats(),
      request: async (op: string, args: Arguments) => this.#answer(op, args),
    };
    return client as unknown as Client;
  }

  #answer(op: string, { tx, atLeast, gt, limit }: Arguments): unknown {
    switch (op) {
      case 'begin':
        this.#snapshots.set(tx, this.snapshotOf(atLeast as number));
        return { tx };
      case 'tables':
        return [{ table: 'a.b', tableId: 1, primaryKey: ['id'], columns: null }];
      case 'commit':
        return { snapshotVersion: this.#snapshots.get(tx) };
      case 'scan': {
        this.beforeScan();
        this.scanned.push(gt ?? null);
        const rows = this.#rows.filter(({ id }) => gt === undefined || id > (gt as number));
        return { rows: rows.slice(0, limit as number) };
      }
      default:
        return {};
    }
  }
}

function verify(members: readonly Member[]) {
  let nowMs = 0;
  const clock = {
    nowMs: () => nowMs,
    wait: async (ms: number) => {
      nowMs += ms;
    },
  };
  return new Verification({ members, table: null, differencesMax: 10, clock }).run();
}

describe('a verification', () => {
  test('goes on behind the last key at a new snapshot where one ended before all was read', async () => {
    const members = [new Member('m1', 2_500), new Member('m2', 2_500)];
    let scans = 0;
    members[1]!.beforeScan = () => {
      scans++;
      if (scans === 3) throw refusal('SNAPSHOT_TOO_OLD');
    };
    const { isEqual, sequenceNumbers, tables } = await verify(members);
    assert.equal(isEqual, true);
    assert.equal(sequenceNumbers.length, 2);
    assert.deepEqual(tables, [{ table: 'a.b', rows: 2_500, differences: 0 }]);
    assert.deepEqual(members[1]!.scanned, [null, 999, 1_999, 2_499], 'no page is read twice');
  });

  test('gives up where snapshots end before anything is read', async () => {
    const members = [new Member('m1', 10), new Member('m2', 10)];
    members[0]!.beforeScan = () => {
      throw refusal('SNAPSHOT_TOO_OLD');
    };
    await assert.rejects(verify(members), (error) => {
      assert.ok(error instanceof NotComparable);
      return /keep no snapshot for as long as it takes/.test(error.message);
    });
  });

  test('has the members wait for a number ahead of all of them while the group is written to', async () => {
    const members = [new Member('m1', 10), new Member('m2', 10)];
    let applied = 10;
    const asked: number[] = [];
    for (const [place, member] of members.entries()) {
      member.appliedUpTo = () => {
        applied += 5;
        return applied;
      };
      // What has been applied already is seen with what came since; only what is waited for is seen as it comes.
      member.snapshotOf = (atLeast) => {
        asked.push(atLeast);
        return atLeast > applied ? atLeast : applied + place;
      };
    }
    const { isEqual, digests } = await verify(members);
    assert.equal(isEqual, true);
    assert.ok(Math.max(...asked) > 20);
    assert.equal(digests.kind, 'moving');
  });

  test('says that the group is being written to where no snapshot is had in common', async () => {
    const members = [new Member('m1', 10), new Member('m2', 10)];
    members[1]!.snapshotOf = (atLeast) => atLeast + 1;
    await assert.rejects(verify(members), (error) => {
      assert.ok(error instanceof NotComparable);
      return /the group is being written to/.test(error.message);
    });
  });

  test('compares again where a snapshot turns out at its end to have been another', async () => {
    const members = [new Member('m1', 10), new Member('m2', 10)];
    let begun = 0;
    members[1]!.snapshotOf = (atLeast) => (++begun === 1 ? atLeast + 1 : atLeast);
    const { sequenceNumbers, tables } = await verify(members);
    assert.deepEqual(sequenceNumbers, [10]);
    assert.equal(tables[0]!.rows, 10);
    assert.equal(members[1]!.scanned.length, 4, 'read twice, and each time a page and the end');
  });

  test('takes digests for different only when they stay so at one sequence number', async () => {
    const lagging = [new Member('m1', 1), new Member('m2', 1)];
    let looks = 0;
    lagging[1]!.digest = () => (++looks < 3 ? 'old' : 'd');
    assert.equal((await verify(lagging)).digests.kind, 'equal');
    const astray = [new Member('m1', 1), new Member('m2', 1)];
    astray[1]!.digest = () => 'e';
    const { isEqual, digests } = await verify(astray);
    assert.equal(isEqual, false);
    assert.deepEqual(digests, { kind: 'different', sequenceNumber: 10, digests: { m1: 'd', m2: 'e' } });
  });

  test('names the member that stops answering', async () => {
    const members = [new Member('m1', 10), new Member('m2', 10)];
    members[1]!.beforeScan = () => {
      throw refusal('CONNECTION_LOST');
    };
    await assert.rejects(verify(members), (error) => {
      assert.ok(error instanceof NotComparable);
      return /^member m2 at ws:\/\/m2\/v1: CONNECTION_LOST/.test(error.message);
    });
  });
});
