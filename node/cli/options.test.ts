import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import {
  addresses,
  choice,
  commonOptions,
  describeOptions,
  flag,
  type OptionSources,
  readOptions,
  text,
  wholeNumber,
  withoutOperands,
} from './options.ts';
import { textTable } from './text-table.ts';

const OPTIONS = {
  ...commonOptions,
  data: { kind: text('DIR'), help: '' },
  port: { kind: wholeNumber(0, 65_535), help: '' },
  seeds: { kind: addresses(), help: '' },
  insecure: { kind: flag(), help: '' },
  'log-level': { kind: choice('info', 'warn'), help: '' },
  top: { kind: { ...wholeNumber(1, 100), whenAlone: '10' }, help: 'the hottest' },
};

function read(sources: Partial<OptionSources>) {
  return readOptions(OPTIONS, { args: [], environment: {}, otherNames: new Set(['members']), ...sources });
}

function problemOf(sources: Partial<OptionSources>): string {
  let message = '';
  assert.throws(
    () => read(sources),
    (error: Error & { exitCode?: number }) => {
      message = error.message;
      return error.exitCode === 2 && !message.includes('\n');
    },
  );
  return message;
}

describe('options', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'options-'));
  after(() => rmSync(folder, { recursive: true }));
  const config = (content: unknown) => {
    const file = path.join(folder, 'concert.json');
    writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
    return file;
  };

  test('a flag wins over the environment, that over the config file', () => {
    const file = config({ port: 1, data: 'from-file', insecure: true, 'log-level': 'warn' });
    const values = read({
      args: ['--port', '3', `--config=${file}`],
      environment: { CONCERT_PORT: '2', CONCERT_DATA: 'from-environment', PATH: '/bin' },
    });
    assert.equal(values.port, 3);
    assert.equal(values.data, 'from-environment');
    assert.equal(values.insecure, true);
    assert.equal(values['log-level'], 'warn');
    assert.equal(values.seeds, undefined);
  });

  test('the config file can be named in the environment, and hold lists and options of other commands', () => {
    const file = config({ seeds: ['a:1', '[::1]:2'], members: 3 });
    assert.deepEqual(read({ environment: { CONCERT_CONFIG: file, CONCERT_MEMBERS: '3' } }).seeds, ['a:1', '[::1]:2']);
  });

  test('an unknown option is named, wherever it was said', () => {
    assert.match(problemOf({ args: ['--prot', '1'] }), /unknown option --prot/);
    assert.match(problemOf({ args: ['--constructor', '1'] }), /unknown option --constructor/);
    assert.match(problemOf({ args: ['--members', '1'] }), /unknown option --members/);
    assert.match(problemOf({ args: ['7001'] }), /"7001" is no option/);
    assert.match(problemOf({ environment: { CONCERT_PROT: '1' } }), /unknown option CONCERT_PROT/);
    assert.match(problemOf({ args: ['--config', config({ prot: 1 })] }), /unknown option "prot" in .*concert\.json/);
  });

  test('a wrong value is named, with what is expected', () => {
    for (const said of ['', 'x', '-1', '65536', '1.5', '1e3', ' 1', '0x10']) {
      assert.match(problemOf({ args: [`--port=${said}`] }), /--port is ".*"; it takes a whole number from 0 to 65535/);
    }
    for (const said of ['a', 'a:0', 'a:65536', 'a:1,', 'a:1,a:1', 'a b:1', 'a:1:2']) {
      assert.match(problemOf({ args: ['--seeds', said] }), /--seeds is ".*"; it takes addresses/);
    }
    assert.match(problemOf({ args: ['--log-level', 'loud'] }), /one of info, warn/);
    assert.match(problemOf({ args: ['--insecure=yes'] }), /--insecure is "yes"; it takes true or false/);
    assert.match(problemOf({ environment: { CONCERT_PORT: 'x' } }), /CONCERT_PORT is "x"/);
    assert.match(problemOf({ args: ['--config', config({ port: { a: 1 } })] }), /"port" in .* is \{"a":1\}/);
  });

  test('an option may stand for something without a value', () => {
    assert.equal(read({ args: ['--top'] }).top, 10);
    assert.equal(read({ args: ['--top', '--port', '5'] }).top, 10);
    assert.equal(read({ args: ['--top', '5'] }).top, 5);
    assert.equal(read({ args: ['--top=5', '--port', '5'] }).top, 5);
    assert.equal(read({ environment: { CONCERT_TOP: '7' } }).top, 7);
    assert.match(problemOf({ args: ['--top', 'x'] }), /--top is "x"; it takes a whole number from 1 to 100/);
    assert.match(describeOptions(OPTIONS), /--top \[N\] +the hottest/);
    assert.deepEqual(withoutOperands(OPTIONS, ['--top', '--insecure', 'a.csv'], 1).operands, ['a.csv']);
  });

  test('a missing value, an option said twice and a config file that is none are errors', () => {
    assert.match(problemOf({ args: ['--port'] }), /--port has no value/);
    assert.match(problemOf({ args: ['--port', '1', '--port', '2'] }), /--port is said twice/);
    assert.match(
      problemOf({ args: ['--config', path.join(folder, 'none')] }),
      /--config .*none cannot be read: ENOENT/,
    );
    assert.match(problemOf({ args: ['--config', config('{')] }), /--config .* cannot be read/);
    assert.match(problemOf({ args: ['--config', config([])] }), /no object of options/);
  });
});

test('a text table aligns its columns, numbers to the right', () => {
  assert.equal(
    textTable(
      ['a', 'count'],
      [
        ['x', 5],
        ['long', 1000],
      ],
    ),
    'a     count\nx         5\nlong   1000\n',
  );
});

test('operands are told apart from options and their values, wherever they stand', () => {
  const operandsOf = (count: number, ...args: string[]) => withoutOperands(OPTIONS, args, count);
  assert.deepEqual(operandsOf(1, '--port', '1', 'a.csv', '--insecure', 'b'), {
    args: ['--port', '1', '--insecure', 'b'],
    operands: ['a.csv'],
  });
  assert.deepEqual(operandsOf(1, '--insecure', '-', '--data=x'), { args: ['--insecure', '--data=x'], operands: ['-'] });
  assert.deepEqual(operandsOf(1, '--port', '1'), { args: ['--port', '1'], operands: [] });
  assert.deepEqual(operandsOf(0, 'a.csv'), { args: ['a.csv'], operands: [] });
});
