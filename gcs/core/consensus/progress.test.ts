import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { CONSENSUS_DEFAULTS } from './consensus.ts';
import { Progress } from './progress.ts';

const options = { ...CONSENSUS_DEFAULTS, windowMessagesMax: 4, windowBytesMax: 100 };

test('while probing one append is out at a time, and an accepted one opens the window behind it', () => {
  const progress = new Progress(5);
  progress.sentEntries({ count: 2, bytes: 10 });
  assert.equal(progress.hasRoom(options), false);
  progress.matched(4);
  assert.deepEqual([progress.mode, progress.nextIndex, progress.inFlightMessages], ['replicate', 7, 1]);
  progress.matched(6);
  assert.equal(progress.inFlightMessages, 0);
});

test('a refusal moves a probe back to where the logs may agree, and never below what matched', () => {
  const progress = new Progress(50);
  progress.rejected({ previousIndex: 49, agreeAt: 20 });
  assert.equal(progress.nextIndex, 21);
  progress.matched(7);
  progress.rejected({ previousIndex: 20, agreeAt: 3 });
  assert.equal(progress.nextIndex, 8);
});

test('a refusal that arrives late changes nothing', () => {
  const progress = new Progress(50);
  progress.rejected({ previousIndex: 30, agreeAt: 2 });
  assert.equal(progress.nextIndex, 50);
  progress.matched(49);
  progress.rejected({ previousIndex: 40, agreeAt: 2 });
  assert.deepEqual([progress.mode, progress.nextIndex], ['replicate', 50]);
});

test('R22: whatever happens, 0 <= matchedUpTo < nextIndex and the window holds', () => {
  const index = fc.nat(40);
  const action = fc.oneof(
    fc.record({ kind: fc.constant('send' as const), count: fc.integer({ min: 1, max: 5 }), bytes: fc.nat(60) }),
    fc.record({ kind: fc.constant('matched' as const), upTo: index }),
    fc.record({ kind: fc.constant('rejected' as const), previousIndex: index, agreeAt: index }),
    fc.record({ kind: fc.constant('probe' as const) }),
  );
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.array(action, { maxLength: 60 }), (nextIndex, actions) => {
      const progress = new Progress(nextIndex);
      for (const step of actions) {
        if (step.kind === 'send' && progress.hasRoom(options)) progress.sentEntries(step);
        else if (step.kind === 'matched') progress.matched(step.upTo);
        else if (step.kind === 'rejected') progress.rejected(step);
        else if (step.kind === 'probe') progress.backToProbe();
        assert.ok(0 <= progress.matchedUpTo && progress.matchedUpTo < progress.nextIndex);
        assert.ok(progress.inFlightMessages <= options.windowMessagesMax);
      }
    }),
  );
});
