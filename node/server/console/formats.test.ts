import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as formats from './formats.js';

test('rates and latencies keep as many digits as can be read', () => {
  assert.deepEqual([0, 0.04, 3.26, 9.94, 9.96, 12345.6, null].map(formats.formatRate), [
    '0',
    '0',
    '3.3',
    '9.9',
    '10',
    '12,346',
    '–',
  ]);
  assert.deepEqual([0.082, 1.25, 12.34, 99.6, 1234, undefined].map(formats.formatMilliseconds), [
    '0.08 ms',
    '1.3 ms',
    '12.3 ms',
    '100 ms',
    '1.2 s',
    '–',
  ]);
  assert.equal(formats.formatMillisecondsTogether([0.91, 12.34, 250]), '0.9 · 12.3 · 250 ms');
  assert.equal(formats.formatMillisecondsTogether([90, 800, 2500]), '0.1 · 0.8 · 2.5 s');
});

test('durations are told in their two greatest units', () => {
  const all = [-5, 900, 12_400, 65_000, 3_600_000, 90_061_000].map(formats.formatDuration);
  assert.deepEqual(all, ['0 s', '0 s', '12 s', '1 min 5 s', '1 h 0 min', '1 d 1 h']);
});

test('keys are JSON; what cannot be seen in them, or turns text around, is escaped', () => {
  assert.equal(formats.formatKey(5), '5');
  assert.equal(formats.formatKey(['order-7', 2]), '["order-7",2]');
  assert.equal(formats.formatKey('<b>"x"</b>'), '"<b>\\"x\\"</b>"');
  assert.equal(formats.formatKey('Straße 🎻'), '"Straße 🎻"');
  assert.equal(formats.formatKey('a\u202Eb\u200Bc\u2028'), '"a\\u{202e}b\\u{200b}c\\u{2028}"');
  assert.equal(formats.formatKey('\n\u0007'), '"\\n\\u0007"');
});

test('names are shown as they are, but for what cannot be seen in them', () => {
  assert.equal(formats.formatVisible('holder <b> "x"'), 'holder <b> "x"');
  assert.equal(formats.formatVisible('a\u202Eb'), 'a\\u{202e}b');
});

test('a key beyond measure is cut, and says by how much', () => {
  const text = formats.formatKey('🎻'.repeat(5000));
  assert.ok(text.endsWith('… (4,702 more characters)'), text.slice(-40));
  assert.equal([...text.split('…')[0]!].length, 300);
});
