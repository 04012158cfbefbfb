import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { SeededRandom } from '../../gcs/base/index.ts';
import { drawScript } from './draw-script.ts';
import type { FaultKind } from './fault.ts';
import { parseScript } from './script.ts';

const KINDS: readonly FaultKind[] = [
  ...(['kill', 'stop', 'pause', 'powerCut', 'cut', 'flapping', 'reset', 'delay', 'narrow'] as const),
  ...(['slowDisk', 'failingDisk', 'fullDisk', 'hangingDisk'] as const),
];

describe('a script', () => {
  test('is a list of timed faults, healings and requests', () => {
    const script = [
      { atMs: 0, fault: { kind: 'kill', members: 'leader' }, name: 'first', forMs: 500 },
      { atMs: 10, fault: { kind: 'cut', shape: { name: 'groups', groups: [[0, 'leader'], []] }, how: 'reset' } },
      { atMs: 20, fault: { kind: 'delay', flows: { from: 'clients', to: [0, 1] }, ms: 5, jitterMs: 2 } },
      { atMs: 30, fault: { kind: 'failingDisk', members: 'all', operation: 'sync', nth: 3, times: 1, path: 'log-' } },
      { atMs: 40, request: { member: 'follower', op: 'leave', arguments: {} } },
      { atMs: 50, heal: 'all' },
    ];
    assert.deepEqual(parseScript(JSON.stringify(script)), script);
  });

  const wrong: readonly (readonly [string, string])[] = [
    ['nothing', 'the script: is no JSON'],
    ['{}', 'the script: a list, not {}'],
    ['[{"atMs": 1}]', '[0]: a step has one of fault, heal, request'],
    ['[{"atMs": 1, "heal": "a", "fault": {}}]', '[0]: a step has one of fault, heal, request'],
    ['[{"heal": "all"}]', '[0]: atMs is missing'],
    ['[{"atMs": -1, "heal": "all"}]', '[0].atMs: milliseconds, 0 or more, not -1'],
    ['[{"atMs": 1, "fault": {"kind": "flood"}}]', '[0].fault.kind: one of kill, stop, pause'],
    ['[{"atMs": 1, "fault": {"kind": "kill"}}]', '[0].fault: members is missing'],
    ['[{"atMs": 1, "fault": {"kind": "kill", "members": "some"}}]', '[0].fault.members: a place, a list of places'],
    [
      '[{"atMs": 1, "fault": {"kind": "kill", "members": 0, "hard": true}}]',
      '[0].fault: has no field hard; its fields are',
    ],
    ['[{"atMs": 1, "fault": {"kind": "cut", "shape": {"name": "star"}}}]', '[0].fault.shape.name: one of isolated'],
    [
      '[{"atMs": 1, "fault": {"kind": "delay", "flows": "all", "ms": "5"}}]',
      '[0].fault.ms: milliseconds, 0 or more, not "5"',
    ],
    ['[{"atMs": 1, "fault": {"kind": "narrow", "flows": "all", "bytesPerSecond": 0}}]', 'bytesPerSecond: more than 0'],
    ['[{"atMs": 1, "request": {"member": 1}}]', '[0].request: op is missing'],
  ];
  for (const [json, expected] of wrong) {
    test(`is refused with where and why: ${json}`, () => {
      assert.throws(
        () => parseScript(json),
        (error: Error) => {
          assert(error.message.includes(expected), error.message);
          return true;
        },
      );
    });
  }
});

describe('a drawn script', () => {
  const draw = (seed: number) => drawScript(new SeededRandom(seed), { members: 5, forMs: 60_000, kinds: KINDS });

  test('is the same for one seed, another for another, and one that could be written', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const script = draw(seed);
      assert.deepEqual(draw(seed), script);
      assert.notDeepEqual(draw(seed + 1), script);
      assert.deepEqual(parseScript(JSON.stringify(script)), script);
    }
  });

  test('has every kind of fault, in time', () => {
    const steps = Array.from({ length: 50 }, (_, seed) => draw(seed)).flat();
    const kinds = new Set(steps.map((step) => ('fault' in step ? step.fault.kind : null)));
    assert.deepEqual([...kinds].sort(), [...KINDS].sort());
    for (const step of steps) assert('forMs' in step && step.atMs + step.forMs! < 60_000);
  });
});
