import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { lostFlows, type Shape } from './shapes.ts';

/** A row for each sender: whom it reaches. */
function reached(shape: Shape, count: number): string {
  const lost = new Set(lostFlows(shape, count));
  const places = Array.from({ length: count }, (_, place) => place);
  return places.map((from) => places.map((to) => (lost.has(`${from}>${to}`) ? '.' : to)).join('')).join(' ');
}

describe('partitions by name, as who reaches whom', () => {
  const cases: readonly (readonly [Shape, number, string])[] = [
    [{ name: 'isolated', member: 1 }, 3, '0.2 .1. 0.2'],
    [{ name: 'apart' }, 3, '0.. .1. ..2'],
    [{ name: 'halves' }, 4, '01.. 01.. ..23 ..23'],
    [{ name: 'halves' }, 5, '012.. 012.. 012.. ...34 ...34'],
    [{ name: 'groups', groups: [[0, 3], [1]] }, 4, '0..3 .1.. ..2. 0..3'],
    [{ name: 'bridge', member: 1 }, 3, '01. 012 .12'],
    [{ name: 'bridge', member: 2 }, 5, '012.. 012.. 01234 ..234 ..234'],
    [{ name: 'ring' }, 4, '01.3 012. .123 0.23'],
    [{ name: 'ring' }, 5, '01..4 012.. .123. ..234 0..34'],
    [{ name: 'oneWay', from: 0, to: 2 }, 3, '01. 012 012'],
    [{ name: 'deaf', member: 0 }, 3, '012 .12 .12'],
    [{ name: 'mute', member: 0 }, 3, '0.. 012 012'],
  ];
  for (const [shape, count, expected] of cases) {
    test(`${JSON.stringify(shape)} of ${count} members`, () => assert.equal(reached(shape, count), expected));
  }

  test('in a ring each sees a majority, and no two see the same one', () => {
    for (let count = 4; count <= 9; count++) {
      const seen = reached({ name: 'ring' }, count).split(' ');
      assert.equal(new Set(seen).size, count, `${count}: ${seen}`);
      for (const each of seen) assert(each.replaceAll('.', '').length > count / 2, `${count}: ${seen}`);
    }
  });

  test('clients are cut off from members in both directions, and the members among themselves are not', () => {
    assert.deepEqual(lostFlows({ name: 'clients', members: [2] }, 3), ['clients>2', '2>clients']);
  });

  test('a member that there is not, and a ring that is none, are refused', () => {
    assert.throws(() => lostFlows({ name: 'isolated', member: 3 }, 3), /no member at place 3: the group has 3/);
    assert.throws(() => lostFlows({ name: 'ring' }, 3), /needs four members, not 3/);
  });
});
