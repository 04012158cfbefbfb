import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ByteReader, ByteWriter } from '../gcs/base/index.ts';
import {
  type KeptState,
  type KeptVerdict,
  readRecord,
  skimRecord,
  type VerdictRecord,
  writeRecord,
} from './verdict-record.ts';

const hex = fc
  .tuple(fc.nat(0xffffffff), fc.nat(0xffffffff))
  .map((halves) => halves.map((half) => half.toString(16).padStart(8, '0')).join(''));
const number = fc.oneof(fc.nat(300), fc.nat(2 ** 31 - 1));
const before = fc.record({
  logIndex: number,
  sequenceNumber: number,
  purgeFloor: number,
  commitTime: fc.record({ physicalMs: number, logical: number }, { noNullPrototype: true }),
  digest: hex,
});
const verdict = fc.oneof(
  fc.record({
    kind: fc.constant('positive' as const),
    laterMs: number,
    logical: number,
    resolved: fc.option(fc.uint8Array({ maxLength: 300 })),
    earlier: fc.nat(2),
  }),
  fc.record({ kind: fc.constant('negative' as const), reason: fc.integer({ min: 1, max: 126 }) }),
  fc.record({ kind: fc.constant('none' as const) }),
  fc.record({ kind: fc.constant('time' as const), laterMs: number, logical: number }),
);
const record = fc.record({
  entriesLater: fc.integer({ min: 1, max: 100_000 }),
  drawn: fc.array(verdict, { maxLength: 12 }),
  floorRise: number,
  digest: hex,
});

/** The record behind `state` that was drawn. */
function recordBehind(
  state: KeptState,
  { entriesLater, drawn, floorRise, digest }: typeof record extends fc.Arbitrary<infer Drawn> ? Drawn : never,
): VerdictRecord {
  let { sequenceNumber, commitTime } = state;
  const verdicts = drawn.map((each): KeptVerdict => {
    if (each.kind === 'none') return { kind: 'none' };
    if (each.kind === 'negative') return { kind: 'negative', reason: each.reason };
    commitTime = { physicalMs: commitTime.physicalMs + each.laterMs, logical: each.logical };
    if (each.kind === 'time') return { kind: 'time', commitTime };
    const positive = {
      kind: 'positive' as const,
      sequenceNumber: ++sequenceNumber,
      commitTime,
      resolved: each.resolved,
    };
    const serialPlace = Math.max(0, sequenceNumber - each.earlier);
    return each.earlier === 0 ? positive : { ...positive, serialPlace };
  });
  return { logIndex: state.logIndex + entriesLater, verdicts, purgeFloor: state.purgeFloor + floorRise, digest };
}

/** Reads all records behind `state` as long as they are such, and skims over each: both come to the same place. */
function readAndSkim(bytes: Uint8Array, state: KeptState): readonly VerdictRecord[] {
  const reader = new ByteReader(bytes);
  const skimmer = new ByteReader(bytes);
  const at = { logIndex: state.logIndex, sequenceNumber: state.sequenceNumber };
  const records: VerdictRecord[] = [];
  for (let known = state; reader.left > 0; ) {
    const next = readRecord(reader, known);
    if (next === null) break;
    known = next.after;
    records.push(next.record);
    skimRecord(skimmer, at);
    assert.equal(skimmer.offset, reader.offset);
    assert.deepEqual(at, { logIndex: known.logIndex, sequenceNumber: known.sequenceNumber });
  }
  return records;
}

function written(state: KeptState, drawn: readonly Parameters<typeof recordBehind>[1][]) {
  const writer = new ByteWriter();
  const records: VerdictRecord[] = [];
  let known = state;
  for (const each of drawn) {
    const next = recordBehind(known, each);
    records.push(next);
    known = writeRecord(writer, next, known);
  }
  return { bytes: writer.finish(), records };
}

test('records are read as they were written, and skimming over them ends where reading does', () => {
  fc.assert(
    fc.property(before, fc.array(record, { minLength: 1, maxLength: 6 }), (state, drawn) => {
      const { bytes, records } = written(state, drawn);
      assert.deepEqual(readAndSkim(bytes, state), records);
    }),
    { numRuns: 500 },
  );
});

test('also of foreign bytes skimming goes past whatever reading takes for a record', () => {
  const change = fc.record({ at: fc.nat(), to: fc.nat(255) });
  let taken = 0;
  fc.assert(
    fc.property(before, record, fc.array(change, { minLength: 1, maxLength: 3 }), (state, drawn, changes) => {
      const bytes = Uint8Array.from(written(state, [drawn]).bytes);
      for (const { at, to } of changes) bytes[at % bytes.length] = to;
      taken += readAndSkim(bytes, state).length;
    }),
    { numRuns: 3000 },
  );
  assert.ok(taken > 300, `${taken} records among them`);
});
