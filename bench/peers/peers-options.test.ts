import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePeersOptions } from './peers-options.ts';

function planOf(args: readonly string[], environment = {}) {
  const parsed = parsePeersOptions(args, environment);
  assert(parsed.kind === 'run');
  return parsed.options;
}

test('without options Galera is compared in single-row updates', () => {
  const { peers, rounds, plan } = planOf([]);
  assert.deepEqual(
    peers.map(({ name }) => name),
    ['galera'],
  );
  assert.equal(rounds, 2);
  assert.deepEqual(plan, { scenario: 'micro', rows: 100_000, skew: 0, connections: 64, warmupSeconds: 4, seconds: 20 });
});

test('flags win over the environment', () => {
  const environment = { CONCERT_SECONDS: '5', CONCERT_ROUNDS: '3' };
  const { plan, rounds } = planOf(['--seconds', '7'], environment);
  assert.deepEqual([plan.seconds, rounds], [7, 3]);
});

for (const [args, message] of [
  [['--peers', 'oracle'], /--peers: galera, galera-relaxed, etcd, not oracle/],
  [['--peers', 'etcd,etcd'], /etcd is named twice/],
  [['--peers', 'etcd', '--scenario', 'inventory'], /--scenario: etcd knows micro, not inventory/],
  [['--scenario', 'tpcc'], /--scenario: micro or inventory, not tpcc/],
  [['--skew', '1'], /--skew is for --scenario inventory/],
  [['--rounds', '0'], /--rounds: a whole number from 1 to 100, not 0/],
  [['--seconds', '1.5'], /--seconds: a whole number/],
  [['--colour'], /Unknown option '--colour'/],
  [['galera'], /galera/],
] as const) {
  test(`${args.join(' ')} is refused by name`, () => {
    assert.throws(() => parsePeersOptions(args), { code: 'OPTION', message });
  });
}
