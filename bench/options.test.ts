import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BenchError } from './bench-error.ts';
import { help, parseOptions } from './options.ts';

test('without options, micro is three members, 64 connections x 1, 100,000 rows, 20 seconds', () => {
  const parsed = parseOptions(['micro']);
  assert.equal(parsed.kind, 'run');
  const { scenario, members, connections, pipeline, rows, seconds, warmup, runs, format, urls } = parsed.options;
  assert.deepEqual(
    { scenario, members, connections, pipeline, rows, seconds, warmup, runs, format, urls },
    {
      scenario: 'micro',
      members: 3,
      connections: 64,
      pipeline: 1,
      rows: 100_000,
      seconds: 20,
      warmup: 3,
      runs: 1,
      format: 'msgpack',
      urls: null,
    },
  );
});

test('the addresses of a running group give the number of members', () => {
  const parsed = parseOptions(['micro', '--url', 'ws://127.0.0.1:7001,ws://127.0.0.1:7002/v1']);
  assert.equal(parsed.kind, 'run');
  assert.deepEqual(parsed.options.urls, ['ws://127.0.0.1:7001/v1', 'ws://127.0.0.1:7002/v1']);
  assert.equal(parsed.options.members, 2);
});

test('every option is in the help', () => {
  const parsed = parseOptions(['micro', '--seconds=1.5', '--keep']);
  assert.equal(parsed.kind, 'run');
  const named = Object.keys(parsed.options).filter((name) => name !== 'scenario' && name !== 'urls');
  for (const name of [...named, 'url', 'help']) assert.match(help, new RegExp(`--${name} `));
  assert.equal(parseOptions(['--help']).kind, 'help');
});

test('an option of the environment counts where no flag says otherwise', () => {
  const environment = { CONCERT_SECONDS: '5', CONCERT_ROWS: '10', CONCERT_DATA: 'somewhere', CONCERT_LANES: '4' };
  const own = parseOptions(['micro', '--rows', '20'], environment);
  assert.equal(own.kind, 'run');
  assert.deepEqual([own.options.seconds, own.options.rows, own.options.data], [5, 20, 'somewhere']);
  const running = parseOptions(['micro', '--url', 'ws://127.0.0.1:1'], environment);
  assert.equal(running.kind, 'run');
  assert.deepEqual([running.options.seconds, running.options.data], [5, null]);
});

const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no scenario', [], /name a scenario: micro/],
  ['an unknown scenario', ['macro'], /unknown scenario macro/],
  ['two scenarios', ['micro', 'other'], /unexpected argument other/],
  ['an unknown option', ['micro', '--conections', '3'], /unknown option --conections/],
  ['a missing value', ['micro', '--seconds'], /--seconds.*missing/],
  ['a value where none belongs', ['micro', '--keep=yes'], /--keep.*no value/],
  ['a number that is none', ['micro', '--connections', 'many'], /--connections.*not many/],
  ['a number out of range', ['micro', '--pipeline', '0'], /--pipeline.*not 0/],
  ['a duration that is none', ['micro', '--seconds', '1e3'], /--seconds.*not 1e3/],
  ['an unknown format', ['micro', '--format', 'xml'], /--format.*not xml/],
  ['an address that is none', ['micro', '--url', 'http://127.0.0.1:1'], /--url.*http:\/\/127/],
  ['a member count beside addresses', ['micro', '--url', 'ws://127.0.0.1:1', '--members', '3'], /--members.*--url/],
];
for (const [what, args, message] of wrong) {
  test(`${what} is one line that names it`, () => {
    assert.throws(
      () => parseOptions(args),
      (error) =>
        error instanceof BenchError &&
        error.code === 'OPTION' &&
        message.test(error.message) &&
        !error.message.includes('\n'),
    );
  });
}
