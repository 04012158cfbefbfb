import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '../gcs/base/index.ts';
import { Zipfian } from './zipfian.ts';

const draws = 200_000;

function counts(ranks: number, skew: number): readonly number[] {
  const zipfian = new Zipfian(ranks, skew);
  const random = new SeededRandom(7);
  const drawn = new Array<number>(ranks).fill(0);
  for (let i = 0; i < draws; i++) drawn[zipfian.draw(random)]!++;
  return drawn;
}

/** Ranks by the definition. */
function shares(ranks: number, skew: number): readonly number[] {
  const weights = Array.from({ length: ranks }, (_, rank) => (rank + 1) ** -skew);
  const sum = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / sum);
}

for (const skew of [0, 0.5, 0.8, 1, 1.2, 3]) {
  test(`with skew ${skew} each rank comes as often as Zipf's law says`, () => {
    const ranks = 100;
    const drawn = counts(ranks, skew);
    const expected = shares(ranks, skew).map((share) => share * draws);
    // Ranks that hardly ever come are taken together, so that every cell expects enough for the statistic to hold.
    let statistic = 0;
    let cells = 0;
    let [seen, hoped] = [0, 0];
    for (let rank = 0; rank < ranks; rank++) {
      seen += drawn[rank]!;
      hoped += expected[rank]!;
      if (hoped < 10 && rank < ranks - 1) continue;
      if (hoped >= 10) {
        statistic += (seen - hoped) ** 2 / hoped;
        cells++;
      }
      [seen, hoped] = [0, 0];
    }
    // Chi-square with k degrees of freedom has mean k and standard deviation sqrt(2k).
    const freedom = cells - 1;
    assert.ok(statistic < freedom + 4 * Math.sqrt(2 * freedom), `chi-square ${statistic} with ${freedom} degrees`);
  });
}

test('a single rank is always drawn, and no rank lies outside', () => {
  assert.deepEqual(counts(1, 0.8), [draws]);
  assert.deepEqual(counts(2, 0).length, 2);
  const zipfian = new Zipfian(1_000_000, 0.99);
  const random = new SeededRandom(3);
  for (let i = 0; i < 10_000; i++) {
    const rank = zipfian.draw(random);
    assert.ok(Number.isInteger(rank) && rank >= 0 && rank < 1_000_000);
  }
});
