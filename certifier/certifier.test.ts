import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { InvariantViolation } from '../gcs/base/index.ts';
import { lruRecencyCache } from './cache/index.ts';
import {
  CERTIFICATION_RULES,
  type CertificationResult,
  type CertificationRule,
  Certifier,
  type CertifierState,
  cachedWriterTable,
  type Positive,
  type ReadRange,
  type RecencyCache,
  type RecencyCacheSetup,
  type RowKey,
  type Transaction,
  type Writer,
  type WriteSetItem,
} from './index.ts';
import { CertificationByDefinition, type Written, writtenBy } from './testing/certification-by-definition.ts';
import {
  newCertifier,
  newDatabase,
  orderOf,
  orderOfRules,
  rowKey,
  run,
  type Step,
  stepOf,
  transactionOf,
} from './testing/random-order.ts';

const put = (key: RowKey): WriteSetItem => ({ key, kind: 'put', image: new Uint8Array([1]) });
const remove = (key: RowKey): WriteSetItem => ({ key, kind: 'delete', image: null });
const check = (key: RowKey): WriteSetItem => ({ key, kind: 'check', image: null });
const at = (snapshotVersion: number, ...writeSet: WriteSetItem[]): Transaction => ({ snapshotVersion, writeSet });
const kinds = (results: readonly CertificationResult[]) => results.map(({ verdict }) => verdict.kind);

const unbounded = 4096;
const capacity = fc.constantFrom(1, 2, 7, 1000);
const fingerprintBits = fc.constantFrom(1, 4, 32);
const order = orderOf({ keys: 12, age: 8, length: 80 });

describe('a certifier', () => {
  test('of two writers of one row with the same snapshot, the first delivered commits', () => {
    const certifier = newCertifier({ capacity: unbounded });
    const first = certifier.certify(at(0, put('a')), 0, 100);
    const second = certifier.certify(at(0, put('a')), 1, 100);
    assert.deepEqual(first, {
      verdict: { kind: 'positive', sequenceNumber: 1, lastCommitted: 0 },
      commitTime: { physicalMs: 100, logical: 0 },
    });
    assert.deepEqual(second, {
      verdict: { kind: 'conflict', item: put('a'), winner: { sequenceNumber: 1, origin: 0 } },
      commitTime: null,
    });
  });

  test('two transactions of one member conflict as any two do (C2)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('a')), 2, 1);
    assert.equal(certifier.certify(at(0, remove('a')), 2, 1).verdict.kind, 'conflict');
  });

  test('a writer that saw the other commits, and waits for it in order', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('a')), 0, 1);
    certifier.certify(at(0, put('b')), 0, 1);
    const { verdict } = certifier.certify(at(2, put('a')), 1, 1);
    assert.deepEqual(verdict, { kind: 'positive', sequenceNumber: 3, lastCommitted: 1 });
  });

  test('what was checked must still hold, but leaves no trace', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, check('a'), put('b')), 0, 1);
    assert.equal(certifier.certify(at(0, put('a')), 1, 1).verdict.kind, 'positive');
    assert.deepEqual(certifier.certify(at(1, put('c'), check('a')), 1, 1).verdict, {
      kind: 'conflict',
      item: check('a'),
      winner: { sequenceNumber: 2, origin: 1 },
    });
  });

  test('the first conflicting item in the order of the write set is named', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('a')), 0, 1);
    certifier.certify(at(0, put('b')), 1, 1);
    const { verdict } = certifier.certify(at(0, put('c'), check('b'), put('a')), 2, 1);
    assert.deepEqual(verdict, { kind: 'conflict', item: check('b'), winner: { sequenceNumber: 2, origin: 1 } });
  });

  test('a write into a range that was read conflicts, also one that deletes, or where nothing was (H11)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('b'), put('x')), 0, 1);
    certifier.certify(at(1, remove('b')), 1, 1);
    certifier.certify(at(2, put('m')), 2, 1);
    const reading = (snapshotVersion: number, ...ranges: ReadRange[]) =>
      certifier.preCertify({ ...at(snapshotVersion, put('z')), ranges });
    const range = { from: 'b', to: 'c' };
    const conflict = { kind: 'conflict', item: null, range, key: 'b', winner: { sequenceNumber: 2, origin: 1 } };
    assert.deepEqual(reading(1, { from: 'a', to: 'aa' }, range, { from: 'w', to: 'z' }), conflict);
    assert.equal(reading(2, range), null);
    assert.equal(reading(1, { from: 'a', to: 'b' }, { from: 'b\0', to: 'm' }), null, 'the end is not in it');
    assert.equal(reading(2, { from: 'm', to: 'n' })?.kind, 'conflict');
  });

  test('a range leaves no trace, and what is checked in it is not what it conflicts with', () => {
    const certifier = newCertifier({ capacity: unbounded });
    const ranges = [{ from: 'a', to: 'c' }];
    certifier.certify({ ...at(0, put('z')), ranges }, 0, 1);
    certifier.certify(at(0, check('b'), put('y')), 0, 1);
    const { verdict } = certifier.certify({ ...at(0, put('b')), ranges }, 1, 1);
    assert.deepEqual(verdict, { kind: 'positive', sequenceNumber: 3, lastCommitted: 0 });
  });

  test('two transactions that each read the range that the other one writes into do not both commit (write skew)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    const skewed = (key: RowKey) => ({ ...at(0, put(key)), ranges: [{ from: 'a', to: 'c' }] });
    const results = [certifier.certify(skewed('a'), 0, 1), certifier.certify(skewed('b'), 1, 1)];
    assert.deepEqual(kinds(results), ['positive', 'conflict']);
  });

  test('an item with a snapshot of its own is judged against that, the others against the transaction’s (H6)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('a')), 0, 1);
    certifier.certify(at(1, put('b')), 0, 1);
    const later = (key: RowKey, snapshotVersion: number) => ({ ...put(key), snapshotVersion });
    assert.equal(certifier.preCertify(at(0, put('c'), later('a', 1))), null);
    assert.equal(certifier.preCertify(at(0, put('c'), later('a', 1), later('b', 1)))?.kind, 'conflict');
    assert.equal(certifier.preCertify(at(0, put('a'), later('b', 2)))?.kind, 'conflict');
  });

  test('a snapshot below the purge floor is refused before anything is looked up, one at the floor is not (H1)', () => {
    const certifier = newCertifier({ capacity: 1 });
    certifier.certify(at(0, put('a')), 0, 1);
    certifier.certify(at(0, put('b')), 0, 1);
    assert.equal(certifier.purgeFloor, 1);
    const results = [certifier.certify(at(0, put('b')), 1, 1), certifier.certify(at(1, put('a')), 1, 1)];
    assert.deepEqual(results[0]?.verdict, { kind: 'snapshot-too-old', purgeFloor: 1 });
    assert.deepEqual(results[1]?.verdict, { kind: 'positive', sequenceNumber: 3, lastCommitted: 1 });
  });

  test('a transaction larger than the database commits, and takes the floor up to itself', () => {
    const certifier = newCertifier({ capacity: 2 });
    const { verdict } = certifier.certify(at(0, put('a'), put('b'), put('c'), put('d'), put('e')), 0, 1);
    assert.equal(verdict.kind, 'positive');
    assert.deepEqual([certifier.purgeFloor, certifier.itemCount], [1, 2]);
    const after = [certifier.certify(at(0, put('x')), 1, 1), certifier.certify(at(1, put('a')), 1, 1)];
    assert.deepEqual(kinds(after), ['snapshot-too-old', 'positive']);
  });

  test('last committed is at least the floor at that place, since the writers below it are unknown (H12)', () => {
    const certifier = newCertifier({ capacity: 1 });
    for (const key of ['a', 'b', 'c']) certifier.certify(at(certifier.sequenceNumber, put(key)), 0, 1);
    assert.deepEqual(certifier.certify(at(3, put('z')), 0, 1).verdict, {
      kind: 'positive',
      sequenceNumber: 4,
      lastCommitted: 2,
    });
  });

  test('a schema change always wins, and who saw the catalog before it conflicts, others do not (H17)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('row'), check('table')), 0, 50);
    const change = certifier.certifySchemaChange(['table', 'name'], 1, 50);
    assert.deepEqual(change, { sequenceNumber: 2, commitTime: { physicalMs: 50, logical: 1 } });
    const after = [
      certifier.certify(at(1, put('other row'), check('table')), 0, 51),
      certifier.certify(at(1, put('row of another table'), check('another table')), 0, 51),
      certifier.certify(at(2, put('other row'), check('table')), 0, 51),
    ];
    assert.deepEqual(kinds(after), ['conflict', 'positive', 'positive']);
  });

  test('H4: the purge floor moves at its place in the order: from there on an older snapshot is refused, before it is not', () => {
    const members = [newCertifier({ capacity: unbounded }), newCertifier({ capacity: unbounded })];
    for (const certifier of members) {
      for (const key of ['a', 'b', 'c']) certifier.certify(at(0, put(key)), 0, 1);
      const before = certifier.certify(at(1, put('x')), 1, 1);
      certifier.raisePurgeFloor(2);
      const after = [certifier.certify(at(1, put('y')), 1, 1), certifier.certify(at(2, put('y')), 1, 1)];
      assert.deepEqual(kinds([before, ...after]), ['positive', 'snapshot-too-old', 'positive']);
      assert.equal(certifier.purgeFloor, 2);
    }
    assert.equal(members[0]!.digest, members[1]!.digest);
  });

  test('H4: the purge floor never falls, nor rises above what is certified', () => {
    const certifier = newCertifier({ capacity: unbounded });
    for (const key of ['a', 'b', 'c']) certifier.certify(at(0, put(key)), 0, 1);
    const floors = [2, 1, 0, 3, 100].map((sequenceNumber) => {
      certifier.raisePurgeFloor(sequenceNumber);
      return certifier.purgeFloor;
    });
    assert.deepEqual(floors, [2, 2, 2, 3, 3]);
  });

  test('behind a mark every commit is later than its stamp, and marks change no number (H13)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, put('a')), 0, 100);
    const before = certifier.digest;
    assert.deepEqual(certifier.markTime(700), { physicalMs: 700, logical: 0 });
    assert.notEqual(certifier.digest, before);
    assert.deepEqual(certifier.markTime(300), { physicalMs: 700, logical: 0 });
    assert.deepEqual([certifier.sequenceNumber, certifier.commitTime], [1, { physicalMs: 700, logical: 0 }]);
    assert.deepEqual(certifier.certify(at(0, put('b')), 0, 650).commitTime, { physicalMs: 700, logical: 1 });
  });

  test('commit times rise with the sequence numbers, whatever the stamps do (H13)', () => {
    const certifier = newCertifier({ capacity: unbounded });
    const times = [1000, 1000, 1500, 1400, 1500, 1501].map(
      (stampMs, i) => certifier.certify(at(0, put(`${i}`)), 0, stampMs).commitTime,
    );
    assert.deepEqual(
      times.map((time) => `${time?.physicalMs}.${time?.logical}`),
      ['1000.0', '1000.1', '1500.0', '1500.1', '1500.2', '1501.0'],
    );
  });

  test('the digest tells refusals and their reasons apart (H22)', () => {
    const digests = new Set<string>();
    const histories: ((certifier: Certifier) => void)[] = [
      () => {},
      (certifier) => certifier.certify(at(0, put('a')), 0, 1),
      (certifier) => certifier.certify(at(0, put('a')), 0, 2),
      (certifier) => certifier.certifySchemaChange(['a'], 0, 1),
      (certifier) => certifier.refuseSchemaChange(1),
      (certifier) => certifier.refuseSchemaChange(2),
      (certifier) => certifier.raisePurgeFloor(0),
      (certifier) => certifier.markTime(0),
      (certifier) => certifier.markTime(1),
      (certifier) => ['a', 'a'].map((key) => certifier.certify(at(0, put(key)), 0, 1)),
      (certifier) => ['a', 'b'].map((key) => certifier.certify(at(0, put(key)), 0, 1)),
      (certifier) =>
        ['a', 'b'].map((key) => certifier.certify({ ...at(0, put(key)), ranges: [{ from: 'a', to: 'b' }] }, 0, 1)),
      (certifier) => ['a', 'b', 'c'].map((key) => certifier.certify(at(0, put(key)), 0, 1)),
    ];
    for (const history of histories) {
      const certifier = newCertifier({ capacity: 1 });
      history(certifier);
      digests.add(certifier.digest);
    }
    assert.equal(digests.size, histories.length);
  });

  test('a snapshot from the future, an empty write set and a key written twice stop the member', () => {
    const certifier = newCertifier({ capacity: unbounded });
    for (const transaction of [at(1, put('a')), at(0), at(0, put('a'), put('a'))]) {
      assert.throws(() => certifier.certify(transaction, 0, 1), InvariantViolation);
    }
  });
});

/** Runs the steps through a certifier and the definition, and compares after each. */
function assertByDefinition(steps: readonly Step[], capacity: number, fingerprintBits: number): void {
  const certifier = newCertifier({ capacity, fingerprintBits });
  const definition = new CertificationByDefinition();
  const recorded: { key: RowKey; writer: number }[] = [];
  let raisedTo = 0;
  for (const step of steps) {
    if (step.kind === 'purge-floor') {
      raisedTo = Math.max(raisedTo, Math.min(certifier.sequenceNumber, certifier.sequenceNumber - step.age));
    }
    const before = { floor: certifier.purgeFloor, digest: certifier.digest, itemCount: certifier.itemCount };
    const upTo = certifier.sequenceNumber;
    let written: readonly Written[] =
      step.kind === 'schema-change' ? step.keys.map((key) => ({ key: rowKey(key), kind: 'put' })) : [];
    if (step.kind === 'transaction') {
      const transaction = transactionOf(step, upTo);
      const refusal =
        transaction.snapshotVersion < before.floor
          ? { kind: 'snapshot-too-old', purgeFloor: before.floor }
          : definition.judge(transaction);
      assert.deepEqual(certifier.preCertify(transaction), refusal);
      assert.equal(certifier.digest, before.digest);
      const { verdict, commitTime } = certifier.certify(transaction, step.origin, step.stampMs);
      if (refusal !== null) {
        assert.deepEqual({ verdict, commitTime }, { verdict: refusal, commitTime: null });
        assert.deepEqual([certifier.purgeFloor, certifier.itemCount], [before.floor, before.itemCount]);
      } else {
        const lastCommitted = Math.max(before.floor, definition.lastWriterOf(step.items.map(({ key }) => rowKey(key))));
        assert.deepEqual(verdict, { kind: 'positive', sequenceNumber: upTo + 1, lastCommitted });
        written = writtenBy(transaction.writeSet);
      }
    } else run(certifier, step);
    if (certifier.sequenceNumber > upTo) {
      definition.accept(written, 'origin' in step ? step.origin : 0);
      for (const { key } of written) recorded.push({ key, writer: certifier.sequenceNumber });
    }
    assert.equal(certifier.sequenceNumber, definition.sequenceNumber);
    assert.equal(certifier.purgeFloor, Math.max(raisedTo, CertificationByDefinition.floor(recorded, capacity)));
    assert.ok(certifier.itemCount <= capacity);
  }
}

describe('certification against its definition', () => {
  test('ranges and snapshots of items, in the orders that have many of them (H6, H11)', () => {
    const reading = order.map((steps) =>
      steps.map((step) =>
        step.kind === 'transaction' && (step.rangeEnds ?? []).length === 0 ? { ...step, rangeEnds: [3, 6] } : step,
      ),
    );
    fc.assert(fc.property(reading, capacity, fingerprintBits, assertByDefinition), { numRuns: 200 });
  });

  test('any capacity and fingerprint: refused are the conflicts, and what is below the floor, and nothing else (H1, H2, H12)', () => {
    fc.assert(fc.property(order, capacity, fingerprintBits, assertByDefinition), { numRuns: 400 });
  });

  test('without eviction it is the definition, the named winner included', () => {
    fc.assert(
      fc.property(order, fingerprintBits, (steps, bits) => {
        assertByDefinition(steps, unbounded, bits);
        const certifier = newCertifier({ capacity: unbounded, fingerprintBits: bits });
        for (const step of steps) if (step.kind !== 'purge-floor') run(certifier, step);
        assert.equal(certifier.purgeFloor, 0);
      }),
    );
  });

  test('a long run with room for one item (H2)', () => {
    const steps = fc.sample(stepOf({ keys: 5, age: 3 }), { numRuns: 3000, seed: 11 });
    assertByDefinition(steps, 1, 4);
  });

  test('three transactions on two keys, in all orders and with all snapshots', () => {
    const writeSets = ['p-', '-p', 'pp', 'pc', 'cp'].map((shape) =>
      [...shape].flatMap((letter, key) =>
        letter === '-' ? [] : [{ key, kind: letter === 'p' ? ('put' as const) : ('check' as const) }],
      ),
    );
    const choices = writeSets.flatMap((items) =>
      [0, 1, 2].map((age) => ({ kind: 'transaction' as const, age, items, origin: 0, stampMs: 1 })),
    );
    for (const capacity of [1, 2]) {
      for (const a of choices)
        for (const b of choices) for (const c of choices) assertByDefinition([a, b, c], capacity, 1);
    }
  });
});

describe('kinds of items (H8, H10)', () => {
  const delta = (key: RowKey): WriteSetItem => ({ key, kind: 'delta', image: new Uint8Array([1]) });
  const reference = (key: RowKey): WriteSetItem => ({ key, kind: 'reference', image: null });
  const mark = (key: RowKey): WriteSetItem => ({ key, kind: 'mark', image: null });
  const isRefusedAfter = (first: WriteSetItem, second: WriteSetItem): boolean => {
    const certifier = newCertifier({ capacity: unbounded });
    certifier.certify(at(0, first), 0, 1);
    return certifier.certify(at(0, second, put('b')), 1, 1).verdict.kind === 'conflict';
  };

  test('of two on one key with the same snapshot, the second is refused as the table says', () => {
    const all = { put, remove, delta, reference, mark, check };
    const refused: Record<string, string[]> = {};
    for (const [name, second] of Object.entries(all)) {
      refused[name] = Object.entries(all).flatMap(([first, make]) =>
        first !== 'check' && isRefusedAfter(make('a'), second('a')) ? [first] : [],
      );
    }
    const any = ['put', 'remove', 'delta', 'reference', 'mark'];
    assert.deepEqual(refused, {
      put: any,
      remove: any,
      mark: any,
      check: any,
      reference: ['put', 'remove', 'mark'],
      delta: ['remove'],
    });
  });

  test('a put of an older snapshot erases no delta, and a delta does not outlive the row that it was made for', () => {
    const certifier = newCertifier({ capacity: unbounded });
    const verdicts = [
      certifier.certify(at(0, put('a')), 0, 1),
      certifier.certify(at(1, delta('a')), 1, 1),
      certifier.certify(at(1, delta('a')), 2, 1),
      certifier.certify(at(2, put('a')), 0, 1),
      certifier.certify(at(3, put('a')), 0, 1),
      certifier.certify(at(1, delta('a')), 1, 1),
      certifier.certify(at(5, remove('a')), 0, 1),
      certifier.certify(at(6, put('a')), 0, 1),
      certifier.certify(at(5, delta('a')), 1, 1),
      certifier.certify(at(6, delta('a')), 1, 1),
    ];
    assert.deepEqual(
      verdicts.map(({ verdict }) => (verdict.kind === 'conflict' ? verdict.winner.sequenceNumber : verdict.kind)),
      ['positive', 'positive', 'positive', 3, 'positive', 'positive', 'positive', 'positive', 6, 'positive'],
    );
  });

  test('what deltas come to is asked for when nothing else speaks against the transaction, and shows in the digest (H9)', () => {
    const asked: Transaction[] = [];
    const run = (digestWords: readonly number[] | null) => {
      const certifier = newCertifier({ capacity: unbounded });
      certifier.certify(at(0, put('a'), remove('b')), 0, 1, () => assert.fail());
      const answer = (transaction: Transaction) => {
        asked.push(transaction);
        return digestWords === null
          ? { kind: 'out-of-bounds' as const, item: delta('a'), facts: 'why' }
          : { kind: 'resolved' as const, digestWords };
      };
      assert.equal(certifier.preCertify(at(1, delta('a'))), null);
      assert.equal(certifier.certify(at(0, delta('a'), put('b')), 0, 1, () => assert.fail()).verdict.kind, 'conflict');
      const { verdict } = certifier.certify(at(1, delta('a')), 0, 1, answer);
      return { verdict, digest: certifier.digest, sequenceNumber: certifier.sequenceNumber };
    };
    const [one, same, other, refused] = [run([1]), run([1]), run([2]), run(null)];
    assert.deepEqual(one, same);
    assert.notEqual(one.digest, other.digest);
    assert.deepEqual(
      [refused.verdict, refused.sequenceNumber],
      [{ kind: 'out-of-bounds', item: delta('a'), facts: 'why' }, 1],
    );
    assert.equal(asked.length, 4);
  });

  test('three writers of one key, whatever they do and with whatever snapshots, as the definition has it', () => {
    const written = ['put', 'delete', 'delta', 'reference', 'mark'] as const;
    const step = (kind: WriteSetItem['kind'], age: number): Step => ({
      kind: 'transaction',
      age,
      items:
        kind === 'check'
          ? [
              { key: 0, kind },
              { key: 1, kind: 'put' },
            ]
          : [{ key: 0, kind }],
      origin: 0,
      stampMs: 1,
    });
    for (const one of written) {
      for (const two of written) {
        for (const three of written) {
          for (const kind of [...written, 'check'] as const) {
            for (const age of [0, 1, 2, 3]) {
              const steps = [step(one, 0), step(two, 0), step(three, 0), step(kind, age)];
              assertByDefinition(steps, 1, 1);
              assertByDefinition(steps, unbounded, 4);
            }
          }
        }
      }
    }
  });
});

describe('members fed the same order', () => {
  const lookups = fc.array(fc.tuple(fc.nat(11), fc.nat(5)), { maxLength: 6 });

  test('agree on verdicts, floor and digest, whatever they looked up and however their tables lie (H2, H12)', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(stepOf({ keys: 12, age: 8 }), lookups), { size: 'max', maxLength: 60 }),
        capacity,
        (steps, capacity) => {
          const quiet = newCertifier({ capacity });
          const busyDatabase = newDatabase({ capacity, fingerprintBits: 4 });
          const busy = new Certifier({ database: busyDatabase });
          for (const [step, looked] of steps) {
            lookUp(busy, looked);
            for (const [key] of looked) busyDatabase.lastWriter(rowKey(key));
            assert.deepEqual(run(busy, step), run(quiet, step));
          }
          assert.equal(busy.itemCount, quiet.itemCount);
        },
      ),
    );
  });

  test('would not agree if a lookup moved recency: the property above sees it (C3)', () => {
    const property = fc.property(
      fc.array(fc.tuple(stepOf({ keys: 12, age: 8 }), lookups), { size: 'max', maxLength: 60 }),
      (steps) => {
        const quiet = newCertifier({ capacity: 3, newWriterTable: cachedWriterTable(cacheThatReadsMove) });
        const busy = newCertifier({ capacity: 3, newWriterTable: cachedWriterTable(cacheThatReadsMove) });
        for (const [step, looked] of steps) {
          lookUp(busy, looked);
          assert.deepEqual(run(busy, step), run(quiet, step));
        }
      },
    );
    assert.equal(fc.check(property, { seed: 1, numRuns: 200 }).failed, true);
  });

  test('agree when one of them left out the refused transactions, but for the digest (C10)', () => {
    fc.assert(
      fc.property(order, capacity, (steps, capacity) => {
        const all = newCertifier({ capacity });
        const positiveOnly = newCertifier({ capacity });
        for (const step of steps) {
          if (step.kind === 'refused-schema-change') continue;
          const refused =
            step.kind === 'transaction' && all.preCertify(transactionOf(step, all.sequenceNumber)) !== null;
          const { result } = run(all, step);
          if (!refused) assert.deepEqual(run(positiveOnly, step).result, result);
        }
        const facts = ({ purgeFloor, itemCount, sequenceNumber, commitTime }: Certifier) => [
          purgeFloor,
          itemCount,
          sequenceNumber,
          commitTime,
        ];
        assert.deepEqual(facts(positiveOnly), facts(all));
      }),
    );
  });

  function lookUp(certifier: Certifier, looked: readonly (readonly [number, number])[]): void {
    for (const [key, age] of looked) {
      const snapshotVersion = Math.max(0, certifier.sequenceNumber - age);
      const ranges = [{ from: rowKey(key), to: rowKey(key + 2) }];
      certifier.preCertify({ snapshotVersion, writeSet: [put('elsewhere')], ...(key % 2 === 0 && { ranges }) });
    }
  }

  function cacheThatReadsMove<V extends object>(setup: RecencyCacheSetup<V>): RecencyCache<V> {
    const cache = lruRecencyCache(setup);
    return {
      peek: (place) => {
        const value = cache.peek(place);
        if (value !== undefined) cache.set(place, value);
        return value;
      },
      set: (place, value) => cache.set(place, value),
      newestFirst: () => cache.newestFirst(),
      get size() {
        return cache.size;
      },
    };
  }
});

describe('a certifier rebuilt from kept verdicts (H3)', () => {
  const wide = fc.oneof(orderOf({ keys: 12, age: 8, length: 60 }), orderOfRules({ keys: 8, age: 8, length: 60 }));
  const rule = fc.constantFrom(...CERTIFICATION_RULES);

  test('goes on as one that never stopped, given only what lies above the purge floor', () => {
    fc.assert(
      fc.property(
        wide,
        wide,
        capacity,
        fingerprintBits,
        fc.boolean(),
        rule,
        (head, tail, capacity, fingerprintBits, giveAll, rule) => {
          const original = newCertifier({ capacity, fingerprintBits }, undefined, rule);
          const kept = keep(original, head);
          // A lane tells of a later rule, too; whatever follows is given.
          const told = kept.some((each) => 'rule' in each) ? CERTIFICATION_RULES[kept.length % 2]! : rule;
          const rebuilt = newCertifier(
            { capacity, fingerprintBits },
            stateOf(original),
            toldRule(kept, original, told),
          );
          for (const verdict of kept)
            if (giveAll || verdict.writer.sequenceNumber > original.purgeFloor) give(rebuilt, verdict);
          assert.deepEqual(stateOf(rebuilt), stateOf(original));
          assert.equal(rebuilt.rule, original.rule);
          for (const step of tail) assert.deepEqual(run(rebuilt, step), run(original, step));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('a second rebuild, from a certifier that was itself rebuilt, is as good', () => {
    fc.assert(
      fc.property(fc.array(wide, { minLength: 3, maxLength: 3 }), capacity, (parts, capacity) => {
        const original = newCertifier({ capacity });
        let rebuilt = newCertifier({ capacity });
        const kept: Kept[] = [];
        for (const part of parts) {
          kept.push(...keep(rebuilt, part));
          for (const step of part) run(original, step);
          assert.deepEqual(stateOf(rebuilt), stateOf(original));
          const state = stateOf(rebuilt);
          rebuilt = newCertifier({ capacity }, state, rebuilt.rule);
          for (const verdict of kept) if (verdict.writer.sequenceNumber > state.purgeFloor) give(rebuilt, verdict);
        }
      }),
    );
  });

  test('refuses to judge before everything above the floor is given, and to take it with a gap or out of order', () => {
    const original = newCertifier({ capacity: 3 });
    for (const key of ['a', 'b', 'c', 'd', 'e']) original.certify(at(original.sequenceNumber, put(key)), 0, 1);
    assert.equal(original.purgeFloor, 2);
    const state = stateOf(original);
    const missing = newCertifier({ capacity: 3 }, state);
    missing.restorePositive(at(2, put('c')), { sequenceNumber: 3, origin: 0 });
    assert.throws(() => missing.certify(at(5, put('z')), 0, 1), InvariantViolation);
    assert.throws(() => missing.preCertify(at(5, put('z'))), InvariantViolation);
    assert.throws(() => missing.restorePositive(at(4, put('e')), { sequenceNumber: 5, origin: 0 }), InvariantViolation);
    assert.throws(() => missing.restorePositive(at(2, put('c')), { sequenceNumber: 3, origin: 0 }), InvariantViolation);
  });

  test('notices that the capacity is not the one that the floor was kept with', () => {
    const original = newCertifier({ capacity: 3 });
    for (const key of ['a', 'b', 'c']) original.certify(at(original.sequenceNumber, put(key)), 0, 1);
    const smaller = newCertifier({ capacity: 1 }, stateOf(original));
    smaller.restorePositive(at(0, put('a')), { sequenceNumber: 1, origin: 0 });
    assert.throws(() => smaller.restorePositive(at(1, put('b')), { sequenceNumber: 2, origin: 0 }), InvariantViolation);
  });

  type Kept = { readonly writer: Writer } & (
    | { readonly transaction: Transaction; readonly serialPlace: number }
    | { readonly keys: readonly RowKey[] }
    | { readonly rule: CertificationRule }
  );

  /** The rule that it begins with: any, if a change of it is given; else that of the end. */
  function toldRule(kept: readonly Kept[], { purgeFloor, rule }: Certifier, any: CertificationRule): CertificationRule {
    return kept.some((each) => 'rule' in each && each.writer.sequenceNumber > purgeFloor) ? any : rule;
  }

  /** Runs the steps and keeps what a member keeps: the positive ones. */
  function keep(certifier: Certifier, steps: readonly Step[]): Kept[] {
    const kept: Kept[] = [];
    for (const step of steps) {
      const before = certifier.sequenceNumber;
      const { result } = run(certifier, step);
      if (certifier.sequenceNumber === before || !('origin' in step)) continue;
      const writer = { sequenceNumber: certifier.sequenceNumber, origin: step.origin };
      if (step.kind === 'transaction') {
        const { verdict } = result as CertificationResult;
        const { serialPlace = writer.sequenceNumber } = verdict as Positive;
        kept.push({ writer, transaction: transactionOf(step, before), serialPlace });
      } else if (step.kind === 'rule') kept.push({ writer, rule: step.rule });
      else kept.push({ writer, keys: step.keys.map(rowKey) });
    }
    return kept;
  }

  function give(certifier: Certifier, kept: Kept): void {
    if ('transaction' in kept) certifier.restorePositive(kept.transaction, kept.writer, kept.serialPlace);
    else if ('rule' in kept) {
      certifier.restoreSchemaChange([], kept.writer);
      certifier.restoreRule(kept.rule);
    } else certifier.restoreSchemaChange(kept.keys, kept.writer);
  }

  function stateOf({ sequenceNumber, commitTime, purgeFloor, digest }: Certifier): CertifierState {
    return { sequenceNumber, commitTime, purgeFloor, digest };
  }
});
