import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberRow } from '../../engine/replica.ts';
import { memberNames, nameOf } from './member-names.js';

function rows(...addresses: [host: string, port: number][]): MemberRow[] {
  return addresses.map(([host, port], i) => ({ memberId: `${i}000000000`, host, port }) as MemberRow);
}

const names = (...addresses: [host: string, port: number][]) => [...memberNames(rows(...addresses)).values()];

test('members are called by address; where the hosts or the ports are one, the other tells them apart', () => {
  assert.deepEqual(names(['127.0.0.1', 7001], ['127.0.0.1', 7002]), [
    { full: '127.0.0.1:7001', short: ':7001', place: 0 },
    { full: '127.0.0.1:7002', short: ':7002', place: 1 },
  ]);
  assert.deepEqual(
    names(['10.0.0.1', 7001], ['::1', 7001]).map(({ full, short }) => [full, short]),
    [
      ['10.0.0.1:7001', '10.0.0.1'],
      ['[::1]:7001', '::1'],
    ],
  );
  assert.deepEqual(
    names(['10.0.0.1', 7001], ['::1', 7002]).map(({ short }) => short),
    ['10.0.0.1:7001', '[::1]:7002'],
  );
  assert.deepEqual(
    names(['10.0.0.1', 7001]).map(({ short }) => short),
    ['10.0.0.1:7001'],
  );
});

test('one address told by several is told apart by member id', () => {
  assert.deepEqual(
    names(['0.0.0.0', 7001], ['0.0.0.0', 7001], ['0.0.0.0', 7002]).map(({ full, short }) => [full, short]),
    [
      ['0.0.0.0:7001 (00000000)', '00000000'],
      ['0.0.0.0:7001 (10000000)', '10000000'],
      ['0.0.0.0:7002', ':7002'],
    ],
  );
});

test('who is no member any more is called by the beginning of its id', () => {
  assert.equal(nameOf(new Map(), 'b2004711-8a').short, 'b2004711');
});
