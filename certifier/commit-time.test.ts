import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { compareCommitTimes, formatCommitTime, parseCommitTime } from './index.ts';

describe('a commit time', () => {
  test('is an ISO time in UTC with its logical count appended', () => {
    assert.equal(formatCommitTime({ physicalMs: Date.UTC(2026, 10, 20, 9), logical: 3 }), '2026-11-20T09:00:00.000Z.3');
    assert.equal(formatCommitTime({ physicalMs: 0, logical: 0 }), '1970-01-01T00:00:00.000Z.0');
  });

  test('knows leap days, ends of years, and years of five digits', () => {
    for (const iso of [
      '2000-02-29T23:59:59.999Z',
      '2024-02-29T00:00:00.000Z',
      '2100-02-28T23:59:59.999Z',
      '2100-03-01T00:00:00.000Z',
      '2399-12-31T23:59:59.999Z',
      '2400-02-29T12:34:56.789Z',
      '9999-12-31T23:59:59.999Z',
      '+010000-01-01T00:00:00.000Z',
      '+275760-09-13T00:00:00.000Z',
    ]) {
      assert.equal(formatCommitTime({ physicalMs: Date.parse(iso), logical: 12 }), `${iso}.12`);
    }
  });

  test('reads as the runtime would write it, over the whole range', () => {
    fc.assert(
      fc.property(fc.oneof(fc.nat({ max: 8.64e15 }), fc.nat({ max: 4e12 })), fc.nat(), (physicalMs, logical) => {
        assert.equal(formatCommitTime({ physicalMs, logical }), `${new Date(physicalMs).toISOString()}.${logical}`);
      }),
      { numRuns: 2000 },
    );
  });

  test('is ordered by time, then by count as a number', () => {
    const time = (physicalMs: number, logical: number) => ({ physicalMs, logical });
    assert.ok(compareCommitTimes(time(5, 9), time(5, 10)) < 0);
    assert.ok(compareCommitTimes(time(6, 0), time(5, 10)) > 0);
    assert.equal(compareCommitTimes(time(5, 1), time(5, 1)), 0);
  });

  test('is read as it is written, and an ISO time as the end of its millisecond', () => {
    fc.assert(
      fc.property(fc.nat({ max: 4e12 }), fc.nat(), (physicalMs, logical) => {
        const time = { physicalMs, logical };
        assert.deepEqual(parseCommitTime(formatCommitTime(time)), time);
        const named = parseCommitTime(new Date(physicalMs).toISOString())!;
        assert.ok(compareCommitTimes(named, time) > 0);
        assert.ok(compareCommitTimes(named, { physicalMs: physicalMs + 1, logical: 0 }) < 0);
      }),
    );
    assert.deepEqual(parseCommitTime('1970-01-01T00:00:01Z.2'), { physicalMs: 1000, logical: 2 });
    const unreadable = ['', 'yesterday', '2026-11-20', '2026-11-20T09:00:00', '2026-11-20T09:00:00.000Z.'];
    for (const text of [...unreadable, '2026-11-20T09:00:00.000Z.-1', '2026-13-01T00:00:00Z', '1969-12-31T23:59:59Z']) {
      assert.equal(parseCommitTime(text), null, text);
    }
  });
});
