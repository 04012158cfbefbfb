/** What every `LaneStore` does, whatever it is made of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RowKey } from '../../certifier/types.ts';
import { DiskError } from '../../gcs/base/index.ts';
import type { FlushBatch, LaneStore, RestoreBatch } from '../types.ts';

export interface LaneStoreFixture {
  /** Opens the lane over what earlier stores left. */
  open(): Promise<LaneStore>;
  /** Lets time pass until what was begun has been answered. */
  until(isDone: () => boolean): Promise<void>;
  remove(): Promise<void>;
  /** Takes the room of the lane's disk away, or gives it back; absent where that cannot be done. */
  setRoom?(hasRoom: boolean): void;
}

const EVERYTHING = { from: '', to: '\xff\xff\xff\xff\xff' };

export function describeLaneStore(name: string, makeFixture: () => Promise<LaneStoreFixture>): void {
  const specify = (sentence: string, body: (fixture: LaneStoreFixture) => Promise<void>) =>
    test(`${name}: ${sentence}`, async () => {
      const fixture = await makeFixture();
      try {
        await body(fixture);
      } finally {
        await fixture.remove();
      }
    });

  specify('a new lane has flush point 0 and no rows', async (fixture) => {
    const lane = await fixture.open();
    assert.equal(lane.flushedUpTo, 0);
    assert.deepEqual(rowsOf(lane), []);
    assert.equal(lane.get('\0\0\0\x01a'), undefined);
    await close(fixture, lane);
  });

  specify('a flush is seen once the read view is renewed, and not before', async (fixture) => {
    const lane = await fixture.open();
    await flush(fixture, lane, { upTo: 7, clear: [], rows: [put('\0\0\0\x01a', 3, [1])] });
    assert.equal(lane.flushedUpTo, 7);
    assert.deepEqual(rowsOf(lane), []);
    assert.equal(lane.get('\0\0\0\x01a'), undefined);
    lane.renewReadView();
    assert.deepEqual(rowsOf(lane), [['\0\0\0\x01a', 3, [1]]]);
    await flush(fixture, lane, {
      upTo: 9,
      clear: [],
      rows: [put('\0\0\0\x01a', 8, [2]), put('\0\0\0\x01b', 9, [3])],
    });
    for (let turn = 0; turn < 3; turn++) {
      assert.deepEqual(rowsOf(lane), [['\0\0\0\x01a', 3, [1]]]);
      assert.deepEqual(rowOf(lane, '\0\0\0\x01a'), [3, [1]]);
      assert.equal(lane.get('\0\0\0\x01b'), undefined);
      await new Promise((resolve) => setImmediate(resolve));
    }
    lane.renewReadView();
    assert.deepEqual(rowsOf(lane), [
      ['\0\0\0\x01a', 8, [2]],
      ['\0\0\0\x01b', 9, [3]],
    ]);
    await close(fixture, lane);
  });

  specify('rows and flush point are there again after a restart', async (fixture) => {
    const first = await fixture.open();
    await flush(fixture, first, {
      upTo: 5,
      clear: [],
      rows: [put('\0\0\0\x02k', 2 ** 40, [9, 8]), put('\0\0\0\x02', 4, [])],
    });
    await close(fixture, first);
    const second = await fixture.open();
    assert.equal(second.flushedUpTo, 5);
    assert.deepEqual(rowsOf(second), [
      ['\0\0\0\x02', 4, []],
      ['\0\0\0\x02k', 2 ** 40, [9, 8]],
    ]);
    await close(fixture, second);
  });

  specify('a batch without rows moves the flush point', async (fixture) => {
    const lane = await fixture.open();
    await flush(fixture, lane, { upTo: 3, clear: [], rows: [] });
    assert.equal(lane.flushedUpTo, 3);
    await close(fixture, lane);
    const again = await fixture.open();
    assert.equal(again.flushedUpTo, 3);
    await close(fixture, again);
  });

  specify('keys are bytes: zeros, high bytes and 1978 of them, in order forwards and backwards', async (fixture) => {
    const lane = await fixture.open();
    const keys = [
      '\0\0\0\0',
      '\0\0\0\0\0',
      '\0\0\0\0\xff',
      '\0\0\0\x01',
      `\0\0\0\x01${'\xfe'.repeat(1974)}`,
      '\xff\xff\xff\xfe\x80',
    ];
    const shuffled = [keys[3]!, keys[0]!, keys[5]!, keys[1]!, keys[4]!, keys[2]!];
    await flush(fixture, lane, { upTo: 1, clear: [], rows: shuffled.map((key) => put(key, 1, [key.length & 0xff])) });
    lane.renewReadView();
    const forwards = [...lane.scan(EVERYTHING, false)].map(([key]) => key);
    assert.deepEqual(forwards, keys);
    const backwards = [...lane.scan(EVERYTHING, true)].map(([key]) => key);
    assert.deepEqual(backwards, keys.toReversed());
    for (const key of keys) assert.deepEqual(rowOf(lane, key), [1, [key.length & 0xff]]);
    await close(fixture, lane);
  });

  specify('a range has its first key and not its last, both ways', async (fixture) => {
    const lane = await fixture.open();
    const keys = ['a', 'b', 'c', 'd'].map((end) => `\0\0\0\x01${end}`);
    await flush(fixture, lane, { upTo: 1, clear: [], rows: keys.map((key) => put(key, 1, [])) });
    lane.renewReadView();
    const range = { from: keys[1]!, to: keys[3]! };
    assert.deepEqual(
      [...lane.scan(range, false)].map(([key]) => key),
      [keys[1], keys[2]],
    );
    assert.deepEqual(
      [...lane.scan(range, true)].map(([key]) => key),
      [keys[2], keys[1]],
    );
    assert.deepEqual(
      [...lane.scan({ from: '\0\0\0\x01aa', to: '\0\0\0\x01bb' }, true)].map(([key]) => key),
      [keys[1]],
    );
    assert.deepEqual([...lane.scan({ from: keys[2]!, to: keys[2]! }, false)], []);
    assert.deepEqual([...lane.scan({ from: keys[3]!, to: keys[1]! }, true)], []);
    await close(fixture, lane);
  });

  specify('a scan may be left in the middle, and several may be under way', async (fixture) => {
    const lane = await fixture.open();
    const keys = Array.from({ length: 50 }, (_, i) => `\0\0\0\x01${String.fromCharCode(i)}`);
    await flush(fixture, lane, { upTo: 1, clear: [], rows: keys.map((key, i) => put(key, 1, [i])) });
    lane.renewReadView();
    const one = lane.scan(EVERYTHING, false)[Symbol.iterator]();
    const other = lane.scan(EVERYTHING, true)[Symbol.iterator]();
    for (let i = 0; i < 20; i++) {
      assert.equal(one.next().value?.[0], keys[i]);
      assert.equal(other.next().value?.[0], keys[49 - i]);
    }
    one.return?.();
    assert.equal(other.next().value?.[0], keys[29]);
    other.return?.();
    lane.renewReadView();
    assert.equal([...lane.scan(EVERYTHING, false)].length, 50);
    await close(fixture, lane);
  });

  specify('a clear takes all rows of its range, before the rows of its batch are written', async (fixture) => {
    const lane = await fixture.open();
    const rows = [];
    for (let i = 0; i < 3000; i++) {
      rows.push(put(`\0\0\0\x01${String.fromCharCode(i >> 8, i & 0xff)}`, 1, [i & 0xff]));
    }
    rows.push(put('\0\0\0\x02x', 1, [1]), put('\0\0\0\0x', 1, [2]));
    await flush(fixture, lane, { upTo: 1, clear: [], rows });
    await flush(fixture, lane, {
      upTo: 2,
      clear: [{ from: '\0\0\0\x01', to: '\0\0\0\x02' }],
      rows: [put('\0\0\0\x01new', 2, [7])],
    });
    lane.renewReadView();
    assert.deepEqual(rowsOf(lane), [
      ['\0\0\0\0x', 1, [2]],
      ['\0\0\0\x01new', 2, [7]],
      ['\0\0\0\x02x', 1, [1]],
    ]);
    await close(fixture, lane);
  });

  specify('a row without image goes, and its going is harmless when there is none', async (fixture) => {
    const lane = await fixture.open();
    await flush(fixture, lane, { upTo: 1, clear: [], rows: [put('\0\0\0\x01a', 1, [1])] });
    await flush(fixture, lane, {
      upTo: 2,
      clear: [],
      rows: [
        { key: '\0\0\0\x01a', sequenceNumber: 2, image: null },
        { key: '\0\0\0\x01b', sequenceNumber: 2, image: null },
      ],
    });
    lane.renewReadView();
    assert.deepEqual(rowsOf(lane), []);
    await close(fixture, lane);
  });

  specify('large images and much data go through, the read view standing still meanwhile', async (fixture) => {
    const lane = await fixture.open();
    const large = new Uint8Array(3_000_000).fill(5);
    await flush(fixture, lane, {
      upTo: 1,
      clear: [],
      rows: [{ key: '\0\0\0\x01large', sequenceNumber: 1, image: large }, put('\0\0\0\x01a', 1, [1])],
    });
    lane.renewReadView();
    for (let round = 2; round <= 8; round++) {
      const rows = [];
      for (let i = 0; i < 500; i++) {
        const image = new Uint8Array(2000).fill(round);
        rows.push({ key: `\0\0\0\x02${String.fromCharCode(round, i >> 8, i & 0xff)}`, sequenceNumber: round, image });
      }
      await flush(fixture, lane, { upTo: round, clear: [], rows });
      assert.equal([...lane.scan(EVERYTHING, false)].length, 2);
    }
    assert.deepEqual(lane.get('\0\0\0\x01large')?.image, large);
    lane.renewReadView();
    assert.equal([...lane.scan(EVERYTHING, false)].length, 2 + 7 * 500);
    assert.deepEqual(lane.get('\0\0\0\x01large')?.image, large);
    const kept = lane.get('\0\0\0\x01a');
    lane.get('\0\0\0\x01large');
    assert.deepEqual(kept, { sequenceNumber: 1, image: Uint8Array.of(1) });
    await close(fixture, lane);
  });

  specify('a restore replaces everything, and its flush point comes with the last batch', async (fixture) => {
    const lane = await fixture.open();
    await flush(fixture, lane, {
      upTo: 50,
      clear: [],
      rows: [put('\0\0\0\x01old', 49, [1]), put('\0\0\0\x01same', 50, [2])],
    });
    lane.renewReadView();
    await restore(fixture, lane, { isFirst: true, rows: [row('\0\0\0\x01same', 7, [3])], upTo: null });
    assert.equal(lane.flushedUpTo, 0);
    await restore(fixture, lane, { isFirst: false, rows: [row('\0\0\0\x02a', 9, [4])], upTo: null });
    assert.equal(lane.flushedUpTo, 0);
    await restore(fixture, lane, { isFirst: false, rows: [row('\0\0\0\0a', 10, [])], upTo: 12 });
    assert.equal(lane.flushedUpTo, 12);
    lane.renewReadView();
    const rows = [
      ['\0\0\0\0a', 10, []],
      ['\0\0\0\x01same', 7, [3]],
      ['\0\0\0\x02a', 9, [4]],
    ];
    assert.deepEqual(rowsOf(lane), rows);
    await flush(fixture, lane, { upTo: 13, clear: [], rows: [] });
    await close(fixture, lane);
    const again = await fixture.open();
    assert.equal(again.flushedUpTo, 13);
    assert.deepEqual(rowsOf(again), rows);
    await close(fixture, again);
  });

  specify(
    'a restore that was left in the middle has flush point 0 after a restart, and begins anew',
    async (fixture) => {
      const first = await fixture.open();
      await flush(fixture, first, { upTo: 50, clear: [], rows: [put('\0\0\0\x01old', 49, [1])] });
      await restore(fixture, first, { isFirst: true, rows: [row('\0\0\0\x01half', 7, [3])], upTo: null });
      await close(fixture, first);
      const lane = await fixture.open();
      assert.equal(lane.flushedUpTo, 0);
      await restore(fixture, lane, { isFirst: true, rows: [], upTo: 4 });
      assert.equal(lane.flushedUpTo, 4);
      lane.renewReadView();
      assert.deepEqual(rowsOf(lane), []);
      await close(fixture, lane);
    },
  );

  specify('a large restore goes through in batches', async (fixture) => {
    const lane = await fixture.open();
    const count = 4000;
    for (let batch = 0; batch < 4; batch++) {
      const rows = Array.from({ length: count / 4 }, (_, i) => {
        const n = batch * 1000 + i;
        return row(`\0\0\0\x01${String.fromCharCode(n >> 8, n & 0xff)}`, 1 + n, [n & 0xff, n >> 8]);
      });
      await restore(fixture, lane, { isFirst: batch === 0, rows, upTo: batch === 3 ? count : null });
    }
    lane.renewReadView();
    const found = rowsOf(lane);
    assert.equal(found.length, count);
    assert.deepEqual(found[1000], [`\0\0\0\x01\x03\xe8`, 1001, [1000 & 0xff, 3]]);
    await close(fixture, lane);
  });

  specify(
    'R16: without room a flush leaves the lane as it was, and the same batch goes through later',
    async (fixture) => {
      if (fixture.setRoom === undefined) return;
      const lane = await fixture.open();
      await flush(fixture, lane, { upTo: 1, clear: [], rows: [put('\0\0\0\x01a', 1, [1])] });
      lane.renewReadView();
      const large = { key: '\0\0\0\x01b', sequenceNumber: 2, image: new Uint8Array(500_000).fill(3) };
      const batch = { upTo: 2, clear: [], rows: [put('\0\0\0\x01a', 2, [2]), large] };
      fixture.setRoom(false);
      for (let attempt = 0; attempt < 3; attempt++) {
        const error = await answerOf(fixture, (done) => lane.flush(batch, done));
        assert.ok(error instanceof DiskError && error.code === 'NO_SPACE', String(error));
        lane.renewReadView();
        assert.equal(lane.flushedUpTo, 1);
        assert.deepEqual(rowsOf(lane), [['\0\0\0\x01a', 1, [1]]]);
      }
      fixture.setRoom(true);
      await flush(fixture, lane, batch);
      lane.renewReadView();
      assert.deepEqual(rowOf(lane, '\0\0\0\x01a'), [2, [2]]);
      assert.deepEqual(lane.get('\0\0\0\x01b')?.image, large.image);
      await close(fixture, lane);
      const again = await fixture.open();
      assert.equal(again.flushedUpTo, 2);
      assert.deepEqual(again.get('\0\0\0\x01b')?.image, large.image);
      await close(fixture, again);
    },
  );

  specify('closing waits for a running flush', async (fixture) => {
    const lane = await fixture.open();
    const answers: string[] = [];
    lane.flush({ upTo: 1, clear: [], rows: [put('\0\0\0\x01a', 1, [1])] }, (error) => answers.push(`flushed ${error}`));
    lane.close(() => answers.push('closed'));
    await fixture.until(() => answers.includes('closed'));
    assert.deepEqual(answers, ['flushed null', 'closed']);
    const again = await fixture.open();
    assert.equal(again.flushedUpTo, 1);
    assert.deepEqual(rowsOf(again), [['\0\0\0\x01a', 1, [1]]]);
    await close(fixture, again);
  });
}

function put(key: RowKey, sequenceNumber: number, image: readonly number[]): FlushBatch['rows'][number] {
  return { key, sequenceNumber, image: Uint8Array.from(image) };
}

function row(key: RowKey, sequenceNumber: number, image: readonly number[]): RestoreBatch['rows'][number] {
  return { key, sequenceNumber, image: Uint8Array.from(image) };
}

async function flush(fixture: LaneStoreFixture, lane: LaneStore, batch: FlushBatch): Promise<void> {
  assert.equal(await answerOf(fixture, (done) => lane.flush(batch, done)), null);
}

async function restore(fixture: LaneStoreFixture, lane: LaneStore, batch: RestoreBatch): Promise<void> {
  assert.equal(await answerOf(fixture, (done) => lane.restore(batch, done)), null);
}

async function answerOf(
  fixture: LaneStoreFixture,
  ask: (done: (error: Error | null) => void) => void,
): Promise<Error | null> {
  let answer: Error | null | undefined;
  ask((error) => {
    answer = error;
  });
  await fixture.until(() => answer !== undefined);
  return answer ?? null;
}

async function close(fixture: LaneStoreFixture, lane: LaneStore): Promise<void> {
  let isClosed = false;
  lane.close(() => {
    isClosed = true;
  });
  await fixture.until(() => isClosed);
}

function rowOf(lane: LaneStore, key: RowKey): [number, number[]] | undefined {
  const row = lane.get(key);
  return row && [row.sequenceNumber, [...row.image]];
}

function rowsOf(lane: LaneStore): [RowKey, number, number[]][] {
  return [...lane.scan(EVERYTHING, false)].map(([key, row]) => [key, row.sequenceNumber, [...row.image]]);
}
