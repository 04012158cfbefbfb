/**
 * Prometheus metrics of one member, in a registry of its own. Nothing is observed while transactions run: everything
 * is a plain number that is read when somebody scrapes.
 */
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { CommitDurations, Engine, Member, MemberCounters } from '../engine/index.ts';
import type { MemberState, MemberStatsRow, Replica, TransferRow } from '../engine/replica.ts';
import type { ServerCounters } from './client-socket.ts';

/** One more number to show. */
export interface MetricSource {
  /** `concert_…`, a counter ends in `_total`. */
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  /** A counter never goes back. */
  read(): number;
}

/** A counter with labels, of which there are more as time goes by. */
export interface LabelledSource {
  /** `concert_…_total`. */
  readonly name: string;
  readonly help: string;
  /** By labels, as in the text format: `table="a.b",cause="row"`. None goes back. */
  read(): ReadonlyMap<string, number>;
}

/** A histogram of which the member itself keeps the counts. */
export interface HistogramSource {
  /** `concert_…_seconds`. Those of one name stand together. */
  readonly name: string;
  /** As in the text format, `layer="l2"`; tells those of one name apart. */
  readonly label?: string;
  readonly help: string;
  read(): CommitDurations;
}

/** All metrics of a member. */
export interface MemberMetrics {
  readonly contentType: string;
  /** As text, all read at one time. */
  scrape(): Promise<string>;
  clear(): void;
}

const STATES: readonly MemberState[] = ['OFFLINE', 'RECOVERING', 'ONLINE', 'ERROR'];

/** What it shows is read from the run of the member that there is; between two runs it is OFFLINE. */
export function memberMetrics(of: {
  readonly replica: () => Pick<Replica, 'memberId' | 'state' | 'memberStats'> | null;
  readonly counters: ServerCounters;
  readonly connections: () => number;
  readonly more: readonly MetricSource[];
  readonly histograms: readonly HistogramSource[];
  readonly labelled: readonly LabelledSource[];
}): MemberMetrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, prefix: 'concert_' });
  new Gauge({
    name: 'concert_member_state',
    help: '1 for the state that this member is in, 0 for the others',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const now = of.replica()?.state ?? 'OFFLINE';
      for (const state of STATES) this.set({ state }, now === state ? 1 : 0);
    },
  });
  const stats = new OwnStats(of.replica);
  for (const source of [...statsSources(stats), ...clientSources(of.counters, of.connections), ...of.more]) {
    register(registry, source);
  }
  return {
    contentType: registry.contentType,
    async scrape() {
      stats.renew();
      const text = await registry.metrics();
      const histograms = of.histograms.map((histogram, i) => histogramText(histogram, of.histograms[i - 1]?.name));
      return text + histograms.join('') + of.labelled.map(labelledText).join('');
    },
    clear: () => registry.clear(),
  };
}

/** A member's own row of `memberStats`, built once a scrape and not for each metric. */
class OwnStats {
  readonly #replica: () => Pick<Replica, 'memberId' | 'memberStats'> | null;
  row: MemberStatsRow | undefined;

  constructor(replica: () => Pick<Replica, 'memberId' | 'memberStats'> | null) {
    this.#replica = replica;
  }

  renew(): void {
    const replica = this.#replica();
    this.row = replica?.memberStats().find(({ memberId }) => memberId === replica.memberId);
  }
}

/** In Prometheus's text format: its library observes every value itself, and takes no counts. */
function histogramText({ name, label, help, read }: HistogramSource, nameBefore: string | undefined): string {
  const { buckets, count, sumMs } = read();
  const lines = name === nameBefore ? [] : [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  const [alone, first] = label === undefined ? ['', ''] : [`{${label}}`, `${label},`];
  for (const bucket of buckets) lines.push(`${name}_bucket{${first}le="${bucket.upToMs / 1000}"} ${bucket.count}`);
  lines.push(`${name}_bucket{${first}le="+Inf"} ${count}`);
  lines.push(`${name}_sum${alone} ${sumMs / 1000}`, `${name}_count${alone} ${count}`);
  return `${lines.join('\n')}\n`;
}

function labelledText({ name, help, read }: LabelledSource): string {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} counter`];
  for (const [labels, count] of read()) lines.push(`${name}{${labels}} ${count}`);
  return `${lines.join('\n')}\n`;
}

/** Clients choose names of tables: nothing of them ends a label, or a line. */
export function labelValue(text: string): string {
  return text.replace(/[\\"]/g, '\\$&').replace(/[\p{Cc}\u2028\u2029]/gu, ' ');
}

function register(registry: Registry, source: MetricSource): void {
  const { name, help } = source;
  if (source.kind === 'gauge') {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(source.read());
      },
    });
    return;
  }
  new Counter({
    name,
    help,
    registers: [registry],
    collect() {
      this.reset();
      this.inc(source.read());
    },
  });
}

/** Makes sources of the numbers that are counted there. */
function countersOf<C extends { readonly [F in keyof C]: number }>(
  counters: () => C,
): (name: string, help: string, field: keyof C) => MetricSource {
  return (name, help, field) => ({ kind: 'counter', name, help, read: () => counters()[field] });
}

/** Counters of the member itself, over all its runs in this process. */
export function memberCounterSources(counters: MemberCounters): readonly MetricSource[] {
  const source = countersOf(() => counters);
  return [
    source('concert_transactions_committed_total', 'Transactions of the group applied here', 'transactionsCommitted'),
    source('concert_transactions_checked_total', 'Transactions certified here', 'transactionsCertified'),
    source('concert_conflicts_detected_total', 'Transactions refused in certification', 'conflictsDetected'),
    source('concert_range_conflicts_total', 'Of these, for a write into a range that was read', 'rangeConflicts'),
    source(
      'concert_dangerous_structures_total',
      'Of these, for a dangerous structure: no serial order has them (certification_rule serial-safety-net)',
      'dangerousStructures',
    ),
    source(
      'concert_placed_earlier_total',
      'Certified transactions that read what had been written since, and come earlier in the serial order',
      'placedEarlier',
    ),
    source('concert_transactions_remote_applied_total', 'Remote transactions applied here', 'remoteApplied'),
    source('concert_transactions_local_proposed_total', 'Local transactions sent to the group', 'localProposed'),
    source('concert_transactions_local_rollback_total', 'Local transactions that the group refused', 'localRolledBack'),
    source('concert_batches_proposed_total', 'Messages that this member sent to the group', 'batchesProposed'),
    source('concert_batch_delay_raised_total', 'Decisions to let batches wait longer for company', 'batchDelayRaised'),
    source('concert_batch_delay_lowered_total', 'Decisions to let batches wait less for company', 'batchDelayLowered'),
    source(
      'concert_certification_capacity_raised_total',
      'Decisions of this member as the leader to remember more rows for certification',
      'capacityRaised',
    ),
    source(
      'concert_certification_capacity_lowered_total',
      'Decisions of this member as the leader to remember fewer rows for certification',
      'capacityLowered',
    ),
    source('concert_snapshots_too_old_total', 'Transactions refused for a snapshot below the floor', 'snapshotsTooOld'),
    source('concert_rows_incremented_total', 'Increments of rows that commuted with others', 'rowsIncremented'),
    source(
      'concert_increments_out_of_bounds_total',
      'Transactions refused for what an increment would have come to',
      'incrementsOutOfBounds',
    ),
    source(
      'concert_pre_certification_conflicts_total',
      'Local transactions refused without the group',
      'preCertificationConflicts',
    ),
    source('concert_schema_changes_total', 'Schema changes applied', 'schemaChanges'),
    source('concert_build_rows_total', 'Rows looked through for indexes and constraints being built', 'buildRows'),
    source('concert_build_entries_total', 'Index entries added by builds', 'buildEntries'),
    source('concert_build_conflicts_total', 'Times that a build lost to a writer and looked again', 'buildConflicts'),
    source('concert_builds_completed_total', 'Builds of this member that made valid', 'buildsCompleted'),
    source('concert_builds_failed_total', 'Builds of this member that rows did not allow', 'buildsFailed'),
    source(
      'concert_transactions_replayed_total',
      'Transactions that had committed with their idempotency key before they were ordered again',
      'transactionsReplayed',
    ),
    source(
      'concert_keys_refused_total',
      'Transactions refused for their idempotency key: of another request, fenced or too old',
      'keysRefused',
    ),
    source('concert_keys_fenced_total', 'Idempotency keys that were fenced', 'keysFenced'),
    source('concert_batches_delivered_total', 'Messages of the total order', 'batchesDelivered'),
    source('concert_bytes_delivered_total', 'Bytes of the total order', 'bytesDelivered'),
    source('concert_views_installed_total', 'Changes of the membership seen', 'viewsInstalled'),
    source('concert_expulsions_total', 'Times that the group went on without this member', 'expulsions'),
    source('concert_rejoins_total', 'Runs begun to be let into the group again', 'rejoins'),
    source('concert_states_sent_total', 'State transfers begun as the donor', 'statesSent'),
    source('concert_state_bytes_sent_total', 'Bytes of state sent to other members', 'stateBytesSent'),
    source('concert_states_received_total', 'State transfers received whole', 'statesReceived'),
    source('concert_state_bytes_received_total', 'Bytes of state received whole', 'stateBytesReceived'),
    source('concert_log_truncations_total', 'Times that the log gave up its beginning', 'truncations'),
    source('concert_faulty_found_total', 'Places of the data directory that could not be read', 'faultyFound'),
    source('concert_faulty_repaired_total', 'Holes of the log filled from other members', 'faultyRepaired'),
    source('concert_fragments_sent_total', 'Parts that large messages of this member were sent in', 'fragmentsSent'),
    source('concert_compression_bytes_in_total', 'Bytes that were compressed for the log', 'compressionBytesIn'),
    source('concert_compression_bytes_out_total', 'What they were compressed to', 'compressionBytesOut'),
    source('concert_disk_full_total', 'Times that the disk had no room', 'diskFull'),
  ];
}

export function commitDurationSource(member: () => Pick<Member, 'commitLatencies'>): HistogramSource {
  return {
    name: 'concert_commit_duration_seconds',
    help: 'From taking up a request that commits to its answer',
    read: () => member().commitLatencies.sinceStart(),
  };
}

/** The layers of `concert_commit_duration_seconds`: their sums are its sum. */
export function commitLayerSources(member: () => Pick<Member, 'commitLatencies'>): readonly HistogramSource[] {
  return (['l2', 'l1', 'l0'] as const).map((layer) => ({
    name: 'concert_commit_layer_seconds',
    label: `layer="${layer}"`,
    help: 'Of that, in the order (l2), in execution and queues (l1), in versions and disk (l0)',
    read: () => member().commitLatencies.layerSinceStart(layer),
  }));
}

/** The conflicts that a run has seen. */
export function conflictSource(member: () => Pick<Member, 'conflictCounts'>): LabelledSource {
  return {
    name: 'concert_conflicts_total',
    help: 'Transactions refused, by table (the 20 with most conflicts, the rest as (other)) and cause',
    read: () =>
      new Map(
        member().conflictCounts.map(({ table, cause, count }) => [
          `table="${labelValue(table ?? '(other)')}",cause="${cause}"`,
          count,
        ]),
      ),
  };
}

/** Of one run. The group layer and the storage of the member: whether it leads, how far it is, what waits where. */
export function memberGaugeSources(
  member: () => Pick<
    Member,
    | 'group'
    | 'store'
    | 'certifier'
    | 'history'
    | 'timeWaiters'
    | 'hasQuorum'
    | 'hasRoom'
    | 'members'
    | 'memberId'
    | 'viewNumber'
    | 'batchTuning'
  >,
): readonly MetricSource[] {
  const gauge = (name: string, help: string, read: () => number): MetricSource => ({ kind: 'gauge', name, help, read });
  const group = () => member().group;
  return [
    gauge('concert_group_leader', '1 if this member leads the log', () => (group().status?.role === 'leader' ? 1 : 0)),
    gauge('concert_group_term', 'Term of the log as this member knows it', () => group().status?.term ?? 0),
    gauge('concert_group_quorum', '1 while a majority of the group is reached', () => (member().hasQuorum ? 1 : 0)),
    gauge(
      'concert_group_members_reachable',
      'Members reached from here, this one included',
      () =>
        member()
          .members()
          .filter(({ reachable }) => reachable).length,
    ),
    gauge('concert_log_last_index', 'Last entry of the log here', () => group().status?.lastIndex ?? 0),
    gauge(
      'concert_log_durable_up_to',
      'Log index up to which the log is durable here',
      () => group().status?.durableUpTo ?? 0,
    ),
    gauge('concert_log_chosen_up_to', 'Log index known to be chosen', () => group().status?.chosenUpTo ?? 0),
    gauge('concert_log_delivered_up_to', 'Log index delivered here', () => group().status?.deliveredUpTo ?? 0),
    gauge('concert_log_received_by_all', 'Log index durable on all members', () => group().status?.receivedByAll ?? 0),
    gauge('concert_log_first_index', 'First entry of the log that is kept here', () => group().log.firstIndex),
    gauge('concert_view_number', 'Number of the view in force here', () => member().viewNumber),
    gauge(
      'concert_batch_delay_milliseconds',
      'How long a batch to the group waits for company at present',
      () => member().batchTuning.delayMs,
    ),
    gauge(
      'concert_batch_company_max',
      'A batch of so many transactions does not wait',
      () => member().batchTuning.companyMax,
    ),
    gauge('concert_disk_full', '1 while the disk takes no more', () => (member().hasRoom ? 0 : 1)),
    gauge(
      'concert_transfer_rows',
      'Rows received in the state transfer under way',
      () => transferOf(member())?.rows ?? 0,
    ),
    gauge('concert_transfer_bytes', 'Bytes received in the transfer under way', () => transferOf(member())?.bytes ?? 0),
    gauge('concert_log_bytes', 'Size of the log files', () => group().logStatus.bytes),
    {
      kind: 'counter',
      name: 'concert_log_syncs_total',
      help: 'Blocks of the log made durable',
      read: () => group().logStatus.syncs,
    },
    gauge(
      'concert_flushed_up_to',
      'Sequence number up to which all lanes are durable',
      () => member().store?.flushedUpTo ?? 0,
    ),
    gauge(
      'concert_certification_bytes',
      'Memory of the certification database',
      () => member().certifier?.databaseBytes ?? 0,
    ),
    {
      kind: 'counter',
      name: 'concert_certification_lookups_total',
      help: 'Keys looked up in the certification database',
      read: () => member().certifier?.databaseCounts.lookups ?? 0,
    },
    {
      kind: 'counter',
      name: 'concert_certification_evictions_total',
      help: 'Entries of the certification database given up for want of room, which raises the purge floor',
      read: () => member().certifier?.databaseCounts.evictions ?? 0,
    },
    gauge('concert_overlay_bytes', 'Memory of row versions not yet flushed', () => member().store?.overlayBytes ?? 0),
    gauge('concert_overlay_rows', 'Rows with versions not yet flushed', () => member().store?.overlayRows ?? 0),
    gauge(
      'concert_history_from',
      'Oldest sequence number that can be read here, and behind which streams of changes can go on',
      () => member().history?.heldFrom ?? 0,
    ),
    gauge(
      'concert_history_bytes',
      'Memory, roughly, of the past that is held: for asOf and streams',
      () => member().history?.bytes ?? 0,
    ),
    gauge(
      'concert_history_transactions',
      'Transactions of the past that is held',
      () => member().history?.transactions ?? 0,
    ),
    gauge(
      'concert_history_versions',
      'Versions of rows in the past that is held',
      () => member().history?.versions ?? 0,
    ),
    gauge(
      'concert_history_from_timestamp_seconds',
      'When the oldest place that can be read was committed; 0: not known',
      () => (member().history?.heldFromTime?.physicalMs ?? 0) / 1000,
    ),
    gauge(
      'concert_time_waiters',
      "Requests that wait for the group's order to come beyond a time",
      () => member().timeWaiters,
    ),
  ];
}

function transferOf(member: Pick<Member, 'members' | 'memberId'>): TransferRow | null {
  return member.members().find(({ memberId }) => memberId === member.memberId)?.transfer ?? null;
}

/** Of one run. What clients have open on the member, and what they are sent beside their answers. */
export function engineSources(
  engine: () => Pick<
    Engine,
    'openTransactions' | 'openSubscriptions' | 'lockedRows' | 'lockWaiters' | 'rowWaiters' | 'counters'
  >,
): readonly MetricSource[] {
  const counter = countersOf(() => engine().counters);
  return [
    {
      name: 'concert_open_transactions',
      help: 'Transactions that clients have open here',
      kind: 'gauge',
      read: () => engine().openTransactions,
    },
    {
      name: 'concert_open_subscriptions',
      help: 'Streams that clients follow here',
      kind: 'gauge',
      read: () => engine().openSubscriptions,
    },
    {
      name: 'concert_locked_rows',
      help: 'Rows that open transactions have locked here',
      kind: 'gauge',
      read: () => engine().lockedRows,
    },
    {
      name: 'concert_lock_waiters',
      help: 'Transactions that wait for a locked row here',
      kind: 'gauge',
      read: () => engine().lockWaiters,
    },
    {
      name: 'concert_row_waiters',
      help: 'Writes that wait here for an earlier write to one of their rows, or for another member that keeps losing it',
      kind: 'gauge',
      read: () => engine().rowWaiters,
    },
    counter(
      'concert_yielded_rows_total',
      'Rows kept free for a moment for another member that kept losing them',
      'yields',
    ),
    counter('concert_lock_waits_total', 'Times that a transaction had to wait for a locked row', 'lockWaits'),
    counter('concert_lock_timeouts_total', 'Times that a locked row was not free in time', 'lockTimeouts'),
    counter('concert_deadlocks_total', 'Transactions rolled back because several waited for each other', 'deadlocks'),
    counter(
      'concert_locks_lost_total',
      "Transactions aborted because the group's order wrote a row that they had locked",
      'locksLost',
    ),
    counter(
      'concert_idle_transactions_ended_total',
      'Transactions ended because their clients asked for nothing of them for too long',
      'idleTransactionsEnded',
    ),
    counter(
      'concert_slow_transactions_total',
      'Transactions that took as long as --slow-transaction-ms',
      'slowTransactions',
    ),
    counter(
      'concert_index_scans_total',
      'Statements executed here that looked for rows in a secondary or unique index',
      'indexScans',
    ),
    counter(
      'concert_index_entries_written_total',
      'Index entries that statements executed here wrote or removed',
      'indexEntriesWritten',
    ),
    counter(
      'concert_rows_cascaded_total',
      'Rows deleted, or made to refer to nothing, here because the row that they referred to was deleted',
      'rowsCascaded',
    ),
    counter('concert_duplicate_keys_total', 'Statements refused here as DUPLICATE_KEY', 'duplicateKeys'),
    counter(
      'concert_foreign_key_violations_total',
      'Statements refused here as FOREIGN_KEY_VIOLATION',
      'foreignKeyViolations',
    ),
    counter('concert_events_sent_total', 'Events sent to those who follow a stream', 'eventsSent'),
    counter(
      'concert_slow_subscriptions_ended_total',
      'Streams ended: their client was too slow for what is held',
      'slowSubscriptionsEnded',
    ),
  ];
}

function statsSources(stats: OwnStats): readonly MetricSource[] {
  const gauge = (
    name: string,
    help: string,
    column: { [K in keyof MemberStatsRow]: MemberStatsRow[K] extends number ? K : never }[keyof MemberStatsRow],
  ): MetricSource => ({
    kind: 'gauge',
    name,
    help,
    read: () => stats.row?.[column] ?? 0,
  });
  return [
    gauge('concert_applied_up_to', 'Highest sequence number visible here', 'appliedUpTo'),
    gauge('concert_purge_floor', 'Snapshots below it are too old', 'purgeFloor'),
    gauge('concert_transactions_in_queue', 'Transactions waiting for certification', 'countTransactionsInQueue'),
    gauge('concert_rows_validating', 'Entries of the certification database', 'countTransactionsRowsValidating'),
    gauge(
      'concert_transactions_remote_in_applier_queue',
      'Remote transactions waiting to be applied',
      'countTransactionsRemoteInApplierQueue',
    ),
  ];
}

function clientSources(counters: ServerCounters, connections: () => number): readonly MetricSource[] {
  const counter = countersOf(() => counters);
  return [
    { kind: 'gauge', name: 'concert_client_connections', help: 'Open client connections', read: connections },
    counter('concert_client_connections_opened_total', 'Client connections opened', 'connectionsOpened'),
    counter('concert_client_connections_refused_total', 'Client connections refused', 'connectionsRefused'),
    counter('concert_client_messages_received_total', 'Requests received', 'messagesReceived'),
    counter('concert_client_messages_sent_total', 'Answers and events sent', 'messagesSent'),
    counter('concert_client_frames_malformed_total', 'Frames that could not be read', 'framesMalformed'),
    counter('concert_slow_clients_cut_total', 'Connections cut: the client did not take its answers', 'slowClientsCut'),
    counter('concert_silent_clients_cut_total', 'Connections cut: no sign of life', 'silentClientsCut'),
  ];
}
