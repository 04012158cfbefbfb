/** One server of a Galera cluster: its configuration file and command lines. */
import path from 'node:path';

export interface GaleraNode {
  readonly name: string;
  readonly directory: string;
  readonly ports: { readonly sql: number; readonly group: number; readonly ist: number; readonly sst: number };
}

export const host = '127.0.0.1';
export const provider = '/usr/lib/galera/libgalera_smm.so';

export function socketOf({ directory, name }: GaleraNode): string {
  return path.join(directory, `${name}.sock`);
}

export function dataOf({ directory, name }: GaleraNode): string {
  return path.join(directory, name);
}

/**
 * The best tuning found for single-row writes on one machine: many appliers, flow control late, and small windows of
 * the group layer, which put more messages into a frame.
 */
const providerTuning = ['gcs.fc_limit=500', 'gcs.fc_factor=0.9', 'evs.send_window=2', 'evs.user_send_window=1'];
const appliers = 8;

/** `flushes`: every commit is flushed where it is executed (1), or all once a second (0). */
export function configurationOf(node: GaleraNode, all: readonly GaleraNode[], flushes: boolean): string {
  const { sql, group, ist, sst } = node.ports;
  const providerOptions = [
    `base_host=${host}`,
    `base_port=${group}`,
    `gmcast.listen_addr=tcp://${host}:${group}`,
    `ist.recv_addr=${host}:${ist}`,
    'gcache.size=512M',
    ...providerTuning,
  ];
  return `[mysqld]
datadir=${dataOf(node)}
socket=${socketOf(node)}
pid-file=${dataOf(node)}.pid
port=${sql}
bind-address=${host}
skip-name-resolve
max_connections=2000
table_open_cache=4000
max_prepared_stmt_count=200000
innodb_buffer_pool_size=512M
innodb_log_file_size=512M
innodb_flush_log_at_trx_commit=${flushes ? 1 : 0}
innodb_autoinc_lock_mode=2
innodb_rollback_on_timeout=ON
binlog_format=ROW
default_storage_engine=InnoDB
wsrep_on=ON
wsrep_provider=${provider}
wsrep_cluster_name=concert-bench
wsrep_cluster_address=gcomm://${all.map(({ ports }) => `${host}:${ports.group}`).join(',')}
wsrep_node_name=${node.name}
wsrep_node_address=${host}
wsrep_node_incoming_address=${host}:${sql}
wsrep_sst_receive_address=${host}:${sst}
wsrep_sst_method=rsync
wsrep_slave_threads=${appliers}
wsrep_provider_options="${providerOptions.join(';')}"
`;
}
