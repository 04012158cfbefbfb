import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeBatch, encodeBatch } from '../../../certifier/index.ts';
import { decodeSchemaChange } from '../catalog.ts';
import type { OrderedChange } from '../replica.ts';
import { testImageCodec as imageCodec } from '../testing/image-codec.ts';
import { noticeOf, viewOf } from '../testing/views.ts';
import { CERTIFICATION_CAPACITY, CERTIFICATION_CAPACITY_TUNED, Variables } from '../variables.ts';
import { zeroCounters } from './contract.ts';
import { Membership } from './membership.ts';
import { Upkeep } from './upkeep.ts';

function upkeepOf() {
  const membership = new Membership('m0');
  membership.install(viewOf(1, [0, 1]), 0);
  const proposals: { sequenceNumber: number; answered: () => void }[] = [];
  const changes: { change: OrderedChange; answered: () => void }[] = [];
  const truncated: number[] = [];
  const counters = zeroCounters();
  const group = {
    truncate: (neededFrom: number) => truncated.push(neededFrom),
    isRestoring: () => false,
    log: { firstIndex: 1 },
  };
  const upkeep = new Upkeep({
    group,
    membership,
    counters,
    options: { purgeStep: 10, truncateEveryMs: 1000, capacityTuning: { memoryBytesMax: 1e9 } },
    imageCodec,
    propose: (encoded, _deadlineMs, answered) => {
      const batch = decodeBatch(encodeBatch([encoded]));
      assert(batch.kind === 'batch');
      const message = batch.messages[0]!;
      if (message.kind === 'schema-change') {
        changes.push({ change: decodeSchemaChange(message.change, imageCodec), answered });
        return;
      }
      assert(message.kind === 'purge-floor');
      proposals.push({ sequenceNumber: message.sequenceNumber, answered });
    },
  });
  return { upkeep, membership, proposals, changes, truncated, counters, group };
}

test('H4: the leader proposes the floor up to what every voter can do without, one proposal at a time', () => {
  const { upkeep, membership, proposals } = upkeepOf();
  const state = { oldestNeeded: 100, certifier: { purgeFloor: 30 } };
  upkeep.raiseFloor(state, 0);
  assert.equal(proposals.length, 0, 'the other has not told');
  membership.noticed(1, noticeOf({ oldestNeeded: 39 }));
  upkeep.raiseFloor(state, 0);
  assert.equal(proposals.length, 0, 'less than a step');
  membership.noticed(1, noticeOf({ oldestNeeded: 70 }));
  upkeep.raiseFloor(state, 0);
  upkeep.raiseFloor(state, 0);
  assert.deepEqual(
    proposals.map(({ sequenceNumber }) => sequenceNumber),
    [70],
  );
  proposals[0]!.answered();
  upkeep.raiseFloor({ oldestNeeded: 100, certifier: { purgeFloor: 70 } }, 0);
  assert.equal(proposals.length, 1, 'nothing to gain');
});

test('H3: the log is told now and then from where on it is needed, and what it gave up is counted', () => {
  const { upkeep, truncated, counters, group } = upkeepOf();
  let verdicts = 0;
  const state = { neededFrom: 17, truncateVerdicts: () => verdicts++, keepPurgeFloor: () => {} };
  upkeep.truncate(state, 0);
  upkeep.truncate({ ...state, neededFrom: 18 }, 500);
  assert.deepEqual(truncated, [17]);
  group.log.firstIndex = 12;
  upkeep.truncate({ ...state, neededFrom: 19 }, 1000);
  assert.deepEqual([truncated, verdicts, counters.truncations], [[17, 19], 2, 1]);
});

test('the leader lets a certification database that fills grow, one change at a time', () => {
  const { upkeep, changes, counters } = upkeepOf();
  const variables = new Variables({ [CERTIFICATION_CAPACITY]: 1000 });
  const certifier = { isSettled: true, itemCount: 500, databaseBytes: 40_000 };
  const look = (itemCount: number, nowMs: number): void =>
    upkeep.tuneCapacity({ variables, certifier: { ...certifier, itemCount } }, nowMs);
  look(500, 0);
  assert.equal(changes.length, 0);
  look(800, 500);
  look(800, 1000);
  assert.equal(changes.length, 1);
  const { change, answered } = changes[0]!;
  assert.deepEqual(change, { kind: 'set-variable', name: CERTIFICATION_CAPACITY_TUNED, value: '2000 of 1000' });
  variables.set(CERTIFICATION_CAPACITY_TUNED, '2000 of 1000', 7);
  answered();
  assert.equal(variables.tunedCapacity, 2000);
  look(800, 1500);
  assert.equal(changes.length, 1);
  assert.equal(counters.capacityRaised, 1);
  variables.set(CERTIFICATION_CAPACITY, '1500', 9);
  assert.equal(variables.tunedCapacity, 1500, 'what was tuned from another value does not count');
});
