import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchCommand } from '../node/cli/bench.ts';
import { BenchError } from './bench-error.ts';
import { type BenchOptions, optionNames, parseOptions } from './options.ts';
import { peersOptionNames } from './peers/index.ts';
import { scenarios } from './scenarios/index.ts';

function optionsOf(args: readonly string[], environment?: Record<string, string>): BenchOptions {
  const parsed = parseOptions(args, environment);
  assert.equal(parsed.kind, 'run');
  return parsed.options;
}

function helpOf(...args: readonly string[]): string {
  const parsed = parseOptions(args);
  assert.equal(parsed.kind, 'help');
  return parsed.text;
}

test('without options, micro is a closed loop of 64 connections x 1 on three members and 100,000 rows', () => {
  assert.deepEqual(optionsOf(['micro']), {
    scenario: 'micro',
    members: 3,
    connections: 64,
    pipeline: 1,
    rate: null,
    arrivals: 'poisson',
    backlog: 10_000,
    attempts: 10,
    seconds: 20,
    warmup: 3,
    runs: 1,
    seed: 1,
    generators: 1,
    format: 'msgpack',
    urls: null,
    data: null,
    keep: false,
    profile: null,
    json: null,
    own: { rows: 100_000 },
  });
});

test('a scenario has options of its own', () => {
  assert.deepEqual(optionsOf(['inventory']).own, { products: 1000, skew: 0.8, stock: 100, method: 'interactive' });
  const args = ['inventory', '--products', '5', '--skew', '1.25', '--method=transact', '--stock', '0'];
  assert.deepEqual(optionsOf(args).own, { products: 5, skew: 1.25, stock: 0, method: 'transact' });
});

test('the addresses of a running group give the number of members', () => {
  const { urls, members } = optionsOf(['micro', '--url', 'ws://127.0.0.1:7001,ws://127.0.0.1:7002/v1']);
  assert.deepEqual(urls, ['ws://127.0.0.1:7001/v1', 'ws://127.0.0.1:7002/v1']);
  assert.equal(members, 2);
});

test('every option is in the help, and those of a scenario in its own', () => {
  const common = Object.keys(optionsOf(['micro'])).filter((name) => !['scenario', 'urls', 'own'].includes(name));
  for (const help of [helpOf('--help'), helpOf('-h'), helpOf('micro', '--help')]) {
    for (const name of [...common, 'url', 'help']) assert.match(help, new RegExp(`--${name} `));
  }
  for (const { name, summary, options } of scenarios) {
    assert.ok(helpOf('--help').includes(summary));
    for (const option of Object.keys(options)) assert.match(helpOf(name, '--help'), new RegExp(`--${option} .* \\(`));
  }
});

test('other commands pass over every option of the benchmark', () => {
  const names = new Set([...optionNames, ...peersOptionNames].filter((name) => name !== 'help'));
  assert.deepEqual([...benchCommand.optionNames].sort(), [...names].sort());
});

test('an option of the environment counts where no flag says otherwise', () => {
  const environment = { CONCERT_SECONDS: '5', CONCERT_ROWS: '10', CONCERT_DATA: 'somewhere', CONCERT_LANES: '4' };
  const own = optionsOf(['micro', '--rows', '20'], { ...environment, CONCERT_KEEP: 'false', CONCERT_PRODUCTS: '3' });
  assert.deepEqual([own.seconds, own.own, own.data, own.keep], [5, { rows: 20 }, 'somewhere', false]);
  const running = optionsOf(['micro', '--url', 'ws://127.0.0.1:1'], environment);
  assert.deepEqual([running.seconds, running.own], [5, { rows: 10 }]);
  assert.throws(() => optionsOf(['micro'], { CONCERT_SECONDS: 'soon' }), /CONCERT_SECONDS: .*not soon/);
});

const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no scenario', [], /name a scenario: micro, inventory, large, oltp, counters, duty, peers or rules/],
  [
    'an unknown scenario',
    ['macro'],
    /unknown scenario macro; known are: micro, inventory, large, oltp, counters, duty, peers/,
  ],
  ['two scenarios', ['micro', 'other'], /unexpected argument other/],
  ['an unknown option', ['micro', '--conections', '3'], /unknown option --conections/],
  ['a missing value', ['micro', '--seconds'], /--seconds.*missing/],
  ['a value where none belongs', ['micro', '--keep=yes'], /--keep.*no value/],
  ['a number that is none', ['micro', '--connections', 'many'], /--connections.*not many/],
  ['a number out of range', ['micro', '--pipeline', '0'], /--pipeline.*not 0/],
  ['a duration that is none', ['micro', '--seconds', '1e3'], /--seconds.*not 1e3/],
  ['an unknown format', ['micro', '--format', 'xml'], /--format.*not xml/],
  ['an address that is none', ['micro', '--url', 'http://127.0.0.1:1'], /--url.*http:\/\/127/],
  ['an option of another scenario', ['micro', '--skew', '1'], /--skew is an option of inventory, not of micro/],
  ['an unknown method', ['inventory', '--method', 'sql'], /--method: interactive or transact, not sql/],
  ['a value that starts with a hyphen', ['inventory', '--skew', '-1'], /--skew: a value is missing; .* --skew=-…$/],
  ['a skew that is none', ['inventory', '--skew=-1'], /--skew.*not -1/],
  ['a rate of nothing', ['micro', '--rate', '0'], /--rate: transactions per second from 0.01 .*not 0/],
  ['arrivals of a closed loop', ['micro', '--arrivals', 'even'], /--arrivals is for an open loop.*--rate/],
  ['a backlog of a closed loop', ['micro', '--backlog', '3'], /--backlog is for an open loop/],
  [
    'more load generators than connections',
    ['micro', '--connections', '2', '--generators', '3'],
    /--generators.*2, not 3/,
  ],
  ['too much under way', ['micro', '--connections', '1000', '--pipeline', '1000'], /200000, not 1000000/],
  ['an empty value', ['micro', '--json='], /--json: a text that is not empty/],
  ['an unknown scenario in front of --help', ['macro', '--help'], /unknown scenario macro/],
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
