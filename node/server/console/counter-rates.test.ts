import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CounterRates } from './counter-rates.js';

test('a rate needs two looks, and is that of the last three seconds', () => {
  const rates = new CounterRates();
  assert.equal(rates.perSecond('commits'), null);
  rates.take({ commits: 1000 }, 0);
  assert.equal(rates.perSecond('commits'), null);
  rates.take({ commits: 1100 }, 1_000);
  assert.equal(rates.perSecond('commits'), 100);
  for (let second = 2; second <= 10; second++) rates.take({ commits: 1100 + 300 * (second - 1) }, 1_000 * second);
  assert.equal(rates.perSecond('commits'), 300);
});

test('figures that come in steps make no steps in the rate', () => {
  const rates = new CounterRates();
  const seen: number[] = [];
  // Told every 1.5 s, looked at every second.
  for (let second = 0; second <= 60; second++) {
    rates.take({ commits: 1500 * Math.floor(second / 1.5) }, 1_000 * second);
    if (second > 5) seen.push(rates.perSecond('commits')!);
  }
  assert.ok(Math.min(...seen) >= 900 && Math.max(...seen) <= 1100, String(seen));
});

test('a counter that went back belongs to a new process: nothing is known again', () => {
  const rates = new CounterRates();
  rates.take({ commits: 1000, remote: 10 }, 0);
  rates.take({ commits: 1100, remote: 20 }, 1_000);
  rates.take({ commits: 9000, remote: 0 }, 2_000);
  assert.equal(rates.perSecond('commits'), null);
  rates.take({ commits: 9050, remote: 1 }, 3_000);
  assert.equal(rates.perSecond('commits'), 50);
});

test('over a long silence there is no rate', () => {
  const rates = new CounterRates();
  rates.take({ commits: 0 }, 0);
  rates.take({ commits: 1000 }, 3_600_000);
  assert.equal(rates.perSecond('commits'), null);
});
