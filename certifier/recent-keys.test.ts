import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../gcs/base/index.ts';
import { RecentKeys } from './recent-keys.ts';

/** As many as are kept at least. */
const KEPT = 4096;

test('what was recorded behind a place is told as long as it is kept and none was left out, and never told wrong', () => {
  const random = new SeededRandom(5);
  for (let run = 0; run < 20; run++) {
    const recent = new RecentKeys();
    /** All so far; null: some were left out there. */
    const all: (string | null)[] = [];
    const places: { readonly from: number; readonly at: number }[] = [];
    const answers = { known: 0, unknown: 0 };
    for (let step = 0; step < 60; step++) {
      places.push({ from: recent.count, at: all.length });
      const choice = random.below(12);
      if (choice === 0) {
        recent.skip();
        all.push(null);
      } else {
        for (let i = random.below(choice < 3 ? 5000 : 40); i > 0; i--) {
          const key = `key ${random.below(1000)}`;
          recent.add(key);
          all.push(key);
        }
      }
      for (const { from, at } of places) {
        const behind = all.slice(at);
        const isKnown = behind.length <= KEPT && !behind.includes(null);
        const wanted = `key ${random.below(1000)}`;
        const told = recent.some(from, (key) => key === wanted);
        if (isKnown) answers.known++;
        else answers.unknown++;
        assert.equal(told, isKnown ? behind.includes(wanted) : null);
      }
    }
    assert.ok(answers.known > 100 && answers.unknown > 100, JSON.stringify(answers));
  }
});
