import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationOf, type GaleraNode } from './galera-node.ts';

const nodes = [1, 2, 3].map(
  (n): GaleraNode => ({
    name: `galera-${n}`,
    directory: '/data',
    ports: { sql: 1000 + n, group: 2000 + n, ist: 3000 + n, sst: 4000 + n },
  }),
);

test('a node is told all nodes, its own ports, and how durable a commit is', () => {
  const durable = configurationOf(nodes[1]!, nodes, true);
  assert.match(durable, /^wsrep_cluster_address=gcomm:\/\/127\.0\.0\.1:2001,127\.0\.0\.1:2002,127\.0\.0\.1:2003$/m);
  assert.match(durable, /^port=1002$/m);
  assert.match(durable, /gmcast\.listen_addr=tcp:\/\/127\.0\.0\.1:2002;/);
  assert.match(durable, /^innodb_flush_log_at_trx_commit=1$/m);
  assert.match(configurationOf(nodes[1]!, nodes, false), /^innodb_flush_log_at_trx_commit=0$/m);
});
