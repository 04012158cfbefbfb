import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Certifier, type Positive, type RowKey, type Transaction, type Verdict, type WriteSetItem } from './index.ts';
import {
  newCertifier,
  newDatabase,
  orderOf,
  orderOfRules,
  run,
  type Step,
  stepOf,
  transactionOf,
} from './testing/random-order.ts';
import { SerialGraph } from './testing/serial-graph.ts';

const put = (key: RowKey): WriteSetItem => ({ key, kind: 'put', image: new Uint8Array([1]) });
const check = (key: RowKey): WriteSetItem => ({ key, kind: 'check', image: null });

/** At SERIALIZABLE. */
function serializable(snapshotVersion: number, read: readonly RowKey[], written: readonly RowKey[]): Transaction {
  return { snapshotVersion, writeSet: [...written.map(put), ...read.map(check)], reads: read.length };
}

function newNet(capacity = 4096): Certifier {
  return newCertifier({ capacity }, undefined, 'serial-safety-net');
}

function verdictsOf(certifier: Certifier, transactions: readonly Transaction[]): readonly Verdict[] {
  return transactions.map((transaction) => certifier.certify(transaction, 0, 1).verdict);
}

const kindsOf = (verdicts: readonly Verdict[]) => verdicts.map(({ kind }) => kind);

describe('the serial safety net', () => {
  test('refuses write skew, and says which key and which other transaction', () => {
    const verdicts = verdictsOf(newNet(), [serializable(0, ['x'], ['y']), serializable(0, ['y'], ['x'])]);
    const winner = { sequenceNumber: 1, origin: 0 };
    assert.deepEqual(verdicts[1], {
      kind: 'conflict',
      item: check('y'),
      winner,
      structure: { before: { key: 'x', by: winner } },
    });
  });

  test('admits what read the version before, where nothing has to come before it', () => {
    const net = newNet();
    const verdicts = verdictsOf(net, [serializable(0, [], ['x']), serializable(0, ['x'], ['y'])]);
    assert.deepEqual(verdicts[1], { kind: 'positive', sequenceNumber: 2, lastCommitted: 0, serialPlace: 1 });
    const plain = newCertifier({ capacity: 10 });
    assert.deepEqual(kindsOf(verdictsOf(plain, [serializable(0, [], ['x']), serializable(0, ['x'], ['y'])])), [
      'positive',
      'conflict',
    ]);
  });

  test('passes on the place of whoever overwrote what was read', () => {
    // 3 comes before 2, and 2 before 1; what 3 overwrites was read by one that comes at 1.
    const net = newNet();
    const verdicts = verdictsOf(net, [
      serializable(0, [], ['a']),
      serializable(0, ['a'], ['b']),
      serializable(2, ['a'], ['r']),
      serializable(0, ['b'], ['c']),
    ]);
    assert.deepEqual(
      verdicts.map((verdict) => (verdict as Positive).serialPlace ?? null),
      [null, 1, null, 1],
    );
    // It saw 1, and would have to come before 4, which comes before 1.
    assert.equal(net.certify(serializable(3, ['a', 'c'], ['d']), 0, 1).verdict.kind, 'conflict');
  });

  test('refuses what makes a read-only anomaly, as the report is ordered, and admits the same without it', () => {
    const deposit = serializable(0, [], ['checking']);
    const report = serializable(1, ['savings', 'checking'], []);
    const withdrawal = serializable(0, ['checking'], ['savings']);
    assert.deepEqual(kindsOf(verdictsOf(newNet(), [deposit, withdrawal])), ['positive', 'positive']);
    const verdicts = verdictsOf(newNet(), [deposit, report, withdrawal]);
    assert.deepEqual(kindsOf(verdicts), ['positive', 'positive', 'conflict']);
    // Or the report, where the withdrawal is first.
    const late = verdictsOf(newNet(), [deposit, withdrawal, report]);
    assert.deepEqual(kindsOf(late), ['positive', 'positive', 'conflict']);
  });

  test('an insert into a range that was scanned comes behind the scan, and is seen by who scans it later', () => {
    const net = newNet();
    const range = { from: 'k0', to: 'k9' };
    const scanner: Transaction = { snapshotVersion: 0, writeSet: [put('sum')], ranges: [range] };
    assert.deepEqual(kindsOf(verdictsOf(net, [serializable(0, [], ['k5']), scanner])), ['positive', 'positive']);
    // Saw the scanner's sum and the other's absence of what comes behind both.
    const skew: Transaction = { snapshotVersion: 0, writeSet: [put('k7'), check('sum')], reads: 1 };
    assert.equal(net.certify(skew, 0, 1).verdict.kind, 'conflict');
  });

  test('never admits a lost update', () => {
    const net = newNet();
    const twice = verdictsOf(net, [serializable(0, ['y'], ['x']), serializable(0, ['z'], ['x'])]);
    assert.deepEqual(kindsOf(twice), ['positive', 'conflict']);
    assert.equal((twice[1] as { structure?: object }).structure, undefined);
  });

  test('is effective behind its place: a snapshot from before it is held to read validation', () => {
    const certifier = newCertifier({ capacity: 100 });
    certifier.certify(serializable(0, [], ['x']), 0, 1);
    certifier.certifySchemaChange([], 0, 1);
    certifier.changeRule('serial-safety-net');
    assert.equal(certifier.certify(serializable(0, ['x'], ['y']), 0, 1).verdict.kind, 'conflict');
    certifier.certify(serializable(2, [], ['x']), 0, 1);
    assert.equal(certifier.certify(serializable(2, ['x'], ['y']), 0, 1).verdict.kind, 'positive');
    certifier.certifySchemaChange([], 0, 1);
    certifier.changeRule('read-validation');
    assert.equal(certifier.certify(serializable(2, ['x'], ['z']), 0, 1).verdict.kind, 'conflict');
    assert.equal(certifier.stampCount, 0);
  });
});

describe('what is remembered', () => {
  test('follows the purge floor, though nobody is SERIALIZABLE', () => {
    const net = newNet();
    let most = 0;
    for (let number = 1; number <= 1000; number++) {
      net.certify({ snapshotVersion: number - 1, writeSet: [put('hot'), put(`key ${number}`)] }, 0, 1);
      if (number % 10 === 0) net.raisePurgeFloor(number - 5);
      most = Math.max(most, net.stampCount);
    }
    assert.ok(most <= 50, `${most} keys`);
  });

  test('follows the purge floor that evictions raise, too', () => {
    const net = new Certifier({ database: newDatabase({ capacity: 5 }), rule: 'serial-safety-net', stampsMax: 1000 });
    for (let number = 1; number <= 100; number++) {
      net.certify({ snapshotVersion: number - 1, writeSet: [put(`key ${number}`)] }, 0, 1);
    }
    assert.ok(net.stampCount <= 10, `${net.stampCount} keys`);
  });
});

describe('between the slices of a large transaction', () => {
  const reader: Transaction = { snapshotVersion: 1, writeSet: [put('mine'), check('key 0')], reads: 1 };

  /** A transaction of four keys, of which each slice records one; whatever is asked in between. */
  function certifiedWith(certifier: Certifier, asked: () => void): Verdict {
    certifier.certify(serializable(0, [], ['other']), 0, 1);
    const writeSet = ['key 0', 'key 1', 'key 2', 'key 3'].map(put);
    const places = new Map(writeSet.map(({ key }, at) => [key, at]));
    const slices = certifier.certifyInSlices({ snapshotVersion: 1, writeSet, places }, { origin: 0, stampMs: 1 }, 1);
    for (let step = slices.next(); ; step = slices.next()) {
      if (step.done) return step.value.conclude().verdict;
      asked();
    }
  }

  test('judging another ahead changes nothing, where the floor is ahead of the sequence numbers', () => {
    const certifier = newNet(2);
    const verdict = certifiedWith(certifier, () => certifier.preCertify(reader));
    assert.deepEqual(
      verdict,
      certifiedWith(newNet(2), () => {}),
    );
    assert.equal(certifier.purgeFloor, 2);
    assert.equal(certifier.certify({ ...reader, snapshotVersion: 2 }, 0, 1).verdict.kind, 'positive');
  });

  test('judging another ahead that read what the large one writes refuses nothing yet', () => {
    // There is no room to record it all at once, later.
    const certifier = newNet(4);
    const found: (string | null)[] = [];
    const verdict = certifiedWith(certifier, () => found.push(certifier.preCertify(reader)?.kind ?? null));
    assert.equal(verdict.kind, 'positive');
    assert.deepEqual([...new Set(found)], [null]);
    assert.equal(certifier.certify(reader, 0, 1).verdict.kind, 'positive');
  });
});

const capacity = fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 8, 1000);

/** Some transactions of the steps only read. At SERIALIZABLE there is one snapshot. */
function read(steps: readonly Step[]): readonly Step[] {
  return steps.map((step, at) => {
    if (step.kind !== 'transaction') return step;
    const isReport = at % 5 === 0;
    if (!isReport && !step.isSerializable && step.rangeEnds?.length === 0) return step;
    const items = step.items.map(({ key, kind }) => ({ key, kind: isReport ? ('check' as const) : kind }));
    return { ...step, items, isSerializable: true };
  });
}

interface Ran {
  readonly positives: number;
  /** Admitted although something that was read had been written since. */
  readonly stale: number;
  readonly refusedAsDangerous: number;
}

/** Runs the steps, and fails on a cycle, a lost update, or a refusal that neither the rule nor what is forgotten explains. */
function assertSerial(certifier: Certifier, steps: readonly Step[]): Ran {
  const graph = new SerialGraph();
  const last = new Map<RowKey, number>();
  let positives = 0;
  let stale = 0;
  let refusedAsDangerous = 0;
  for (const step of steps) {
    const upTo = certifier.sequenceNumber;
    const transaction = step.kind === 'transaction' ? transactionOf(step, upTo) : null;
    const isStale = transaction !== null && graph.isStale(transaction);
    const { result } = run(certifier, step);
    const verdict = result !== null && 'verdict' in result ? result.verdict : null;
    if (verdict?.kind === 'conflict' && verdict.structure !== undefined) {
      refusedAsDangerous++;
      assert.ok(isStale, 'what read validation admits is never refused as dangerous');
    }
    if (certifier.sequenceNumber === upTo) continue;
    graph.add(transaction);
    if (transaction === null) continue;
    positives++;
    if (isStale) stale++;
    for (const { key, kind, snapshotVersion = transaction.snapshotVersion } of transaction.writeSet) {
      if (kind === 'check') continue;
      const isExclusive = kind !== 'delta' && kind !== 'reference';
      if (isExclusive) assert.ok((last.get(key) ?? 0) <= snapshotVersion, 'no update is lost');
      last.set(key, certifier.sequenceNumber);
    }
  }
  assert.equal(graph.cycle(), null);
  return { positives, stale, refusedAsDangerous };
}

describe('random orders', () => {
  const shape = { keys: 5, age: 6, length: 60 };

  test('what is admitted has no cycle, and loses no update, with ranges, other levels, reports and eviction (H2, H11)', () => {
    fc.assert(
      fc.property(orderOf(shape).map(read), capacity, (steps, capacity) => {
        assertSerial(newNet(capacity), steps);
      }),
      { numRuns: 3000 },
    );
  });

  test('the same, while the rule is changed', () => {
    fc.assert(
      fc.property(orderOfRules(shape).map(read), capacity, (steps, capacity) => {
        assertSerial(newCertifier({ capacity }), steps);
      }),
      { numRuns: 1500 },
    );
  });

  test('a long one admits more than read validation', () => {
    const steps = read(fc.sample(stepOf({ keys: 20, age: 5 }), { numRuns: 4000, seed: 3 }));
    const net = assertSerial(newNet(), steps);
    const plain = assertSerial(newCertifier({ capacity: 4096 }), steps);
    assert.equal(plain.stale, 0);
    assert.ok(net.stale > 100 && net.refusedAsDangerous > 50, JSON.stringify(net));
    assert.ok(net.positives > plain.positives * 1.05, `${net.positives} to ${plain.positives}`);
  });
});
