import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lruWriterTable } from '../../certifier/cache/index.ts';
import { type NewWriterTable, packedInSmallBlocks, packedWriterTable } from '../../certifier/index.ts';
import { verifyRun } from './verify-run.ts';

const RUN = { rows: 20_000, writes: 40_000, capacity: 2000, seed: 1, floorEvery: 100 };

test('many times more rows than entries, on snapshots of all ages: no verdict is wrong, and memory stays bounded (H1, H2)', () => {
  const outcomes = [packedWriterTable, packedInSmallBlocks(6), lruWriterTable].map((newWriterTable) => {
    const { bytesPerEntryMax, residentBytesMax, evictions, ...outcome } = verifyRun({ ...RUN, newWriterTable });
    assert.ok(newWriterTable === lruWriterTable || bytesPerEntryMax < 250, `${bytesPerEntryMax} bytes an entry`);
    return outcome;
  });
  const [first, ...others] = outcomes;
  assert.ok(first!.conflicts > 1000 && first!.tooOld > 1000 && first!.committed > 40_000, JSON.stringify(first));
  for (const other of others) assert.deepEqual(other, first);
});

test('without ordered floors, it is evictions that raise it', () => {
  const { evictions, purgeFloor } = verifyRun({ ...RUN, floorEvery: 0, newWriterTable: packedWriterTable });
  assert.ok(evictions > 10_000 && purgeFloor > 10_000);
});

test('a table that forgets what is above the floor is found out', () => {
  const forgetful: NewWriterTable = (setup) => {
    const table = packedWriterTable(setup);
    const { forget } = table;
    table.forget = (upTo, keysMax) => forget.call(table, upTo + 500, keysMax);
    return table;
  };
  assert.throws(() => verifyRun({ ...RUN, newWriterTable: forgetful }), /instead of/);
});
