/** What `start` takes for its member, and `cluster` hands on to each of its members. */
import type { Retention } from '../engine/member/retention.ts';
import type { StartOptions } from '../server/member-process.ts';
import { PROCESS_DEFAULTS as DEFAULTS } from '../server/process-defaults.ts';
import { wrongOption } from './cli-error.ts';
import { type Options, type OptionValues, wholeNumber } from './options.ts';

const MIB = 1024 * 1024;

export const memberOptions = {
  'member-expel-timeout': {
    kind: wholeNumber(0, 3600),
    help: `seconds that a member may be unreachable before the group goes on without it (${DEFAULTS.memberExpelTimeoutMs / 1000})`,
  },
  'autorejoin-tries': {
    kind: wholeNumber(0, 2016),
    help: `how often an expelled member asks to be let in again by itself (${DEFAULTS.autorejoinTries})`,
  },
  'log-keep-mib': {
    kind: wholeNumber(0, 1024 * 1024),
    help: `log kept, in MiB, for members that come back after a while (${DEFAULTS.logKeepBytes / MIB})`,
  },
  'log-max-mib': {
    kind: wholeNumber(1, 1024 * 1024),
    help: `log kept at most, in MiB, for members that are silent; then they need a state transfer (${DEFAULTS.logBytesMax / MIB})`,
  },
  'log-segment-mib': {
    kind: wholeNumber(1, 1024),
    help: `size of the files of the log, in MiB; whole ones are given up (${DEFAULTS.logSegmentBytes / MIB})`,
  },
  'compression-threshold': {
    kind: wholeNumber(0, 1024 * 1024 * 1024),
    help: `bytes from which on messages are compressed (${DEFAULTS.compressionThresholdBytes}); 0: none are`,
  },
  'helped-after-losses': {
    kind: wholeNumber(1, 1000),
    help: `how often a member may lose a hot row in a row before the others' writers of it wait for its next attempt (${DEFAULTS.helpedAfterLosses})`,
  },
  'yield-ms': {
    kind: wholeNumber(0, 1000),
    help: `how long they wait at most, in milliseconds (${DEFAULTS.yieldMs}); 0: not at all`,
  },
  'batch-delay-max-ms': {
    kind: wholeNumber(0, 100),
    help: `milliseconds that a batch of commits waits at most for more of them, where many are under way (${DEFAULTS.batchDelayMsMax}); 0: never`,
  },
  'slow-transaction-ms': {
    kind: wholeNumber(0, 3_600_000),
    help: `transactions that take as many milliseconds are logged, with where their time went (${DEFAULTS.slowTransactionMs}); 0: none are`,
  },
  'conflict-log-per-second': {
    kind: wholeNumber(0, 1000),
    help: `conflicts that clients of this member lose and that are logged, each second at most (${DEFAULTS.conflictLogPerSecond}); 0: none are`,
  },
  'transaction-idle-timeout': {
    kind: wholeNumber(0, 86_400),
    help: `seconds that an open transaction is kept whose client asks for nothing (${DEFAULTS.transactionIdleMsMax / 1000}); 0: as long as --transaction-timeout`,
  },
  'transaction-timeout': {
    kind: wholeNumber(1, 86_400),
    help: `seconds that any transaction may be open: it holds old versions and certification back (${DEFAULTS.transactionMsMax / 1000})`,
  },
  'transaction-rows-max': {
    kind: wholeNumber(1, 100_000_000),
    help: `rows that one transaction may write (${DEFAULTS.transactionRowsMax})`,
  },
  'transaction-bytes-max': {
    kind: wholeNumber(1024, DEFAULTS.transactionBytesMax),
    help: `bytes that one transaction may write, keys included, and some for each row (${DEFAULTS.transactionBytesMax}, which is the most)`,
  },
  'retention-seconds': {
    kind: wholeNumber(0, 7 * 24 * 3600),
    help: 'seconds of the past, in memory, that can be read as of and told as changes (0: what streams hold anyway)',
  },
  'retention-transactions': {
    kind: wholeNumber(0, 100_000_000),
    help: 'transactions of the past, as --retention-seconds; with both, what either of them says (0)',
  },
  'retention-mib': {
    kind: wholeNumber(1, 1024 * 1024),
    help: `memory for that past at most, in MiB: it wins (${DEFAULTS.retention.bytes / MIB})`,
  },
  'certification-memory-mib': {
    kind: wholeNumber(0, 64 * 1024),
    help: `memory, in MiB, up to which the member that leads lets the certification database grow for long transactions (${DEFAULTS.certificationMemoryBytesMax / MIB}); 0: its capacity stays as it is set`,
  },
} as const satisfies Options;

export type MemberOptionValues = OptionValues<typeof memberOptions>;

/** @throws CliError if two of them contradict each other */
export function readMemberOptions(
  values: MemberOptionValues,
): Pick<
  StartOptions,
  | 'memberExpelTimeoutMs'
  | 'autorejoinTries'
  | 'logKeepBytes'
  | 'logBytesMax'
  | 'logSegmentBytes'
  | 'compressionThresholdBytes'
  | 'helpedAfterLosses'
  | 'yieldMs'
  | 'batchDelayMsMax'
  | 'certificationMemoryBytesMax'
  | 'slowTransactionMs'
  | 'conflictLogPerSecond'
  | 'transactionIdleMsMax'
  | 'transactionMsMax'
  | 'transactionRowsMax'
  | 'transactionBytesMax'
  | 'retention'
> {
  const maxMib = values['log-max-mib'] ?? DEFAULTS.logBytesMax / MIB;
  const keepMib = values['log-keep-mib'] ?? Math.min(DEFAULTS.logKeepBytes / MIB, maxMib);
  if (keepMib > maxMib) {
    throw wrongOption(`--log-keep-mib ${keepMib} is more than --log-max-mib ${maxMib}; keep less, or allow more`);
  }
  const threshold = values['compression-threshold'] ?? DEFAULTS.compressionThresholdBytes;
  const slowMs = values['slow-transaction-ms'] ?? DEFAULTS.slowTransactionMs;
  return {
    memberExpelTimeoutMs: (values['member-expel-timeout'] ?? DEFAULTS.memberExpelTimeoutMs / 1000) * 1000,
    autorejoinTries: values['autorejoin-tries'] ?? DEFAULTS.autorejoinTries,
    logKeepBytes: keepMib * MIB,
    logBytesMax: maxMib * MIB,
    logSegmentBytes: (values['log-segment-mib'] ?? DEFAULTS.logSegmentBytes / MIB) * MIB,
    certificationMemoryBytesMax:
      (values['certification-memory-mib'] ?? DEFAULTS.certificationMemoryBytesMax / MIB) * MIB,
    batchDelayMsMax: values['batch-delay-max-ms'] ?? DEFAULTS.batchDelayMsMax,
    compressionThresholdBytes: threshold === 0 ? null : threshold,
    helpedAfterLosses: values['helped-after-losses'] ?? DEFAULTS.helpedAfterLosses,
    yieldMs: values['yield-ms'] ?? DEFAULTS.yieldMs,
    slowTransactionMs: slowMs === 0 ? null : slowMs,
    conflictLogPerSecond: values['conflict-log-per-second'] ?? DEFAULTS.conflictLogPerSecond,
    transactionIdleMsMax: (values['transaction-idle-timeout'] ?? DEFAULTS.transactionIdleMsMax / 1000) * 1000,
    transactionMsMax: (values['transaction-timeout'] ?? DEFAULTS.transactionMsMax / 1000) * 1000,
    transactionRowsMax: values['transaction-rows-max'] ?? DEFAULTS.transactionRowsMax,
    transactionBytesMax: values['transaction-bytes-max'] ?? DEFAULTS.transactionBytesMax,
    retention: retentionOf(values),
  };
}

function retentionOf(values: MemberOptionValues): Retention {
  const { bytes, ms, transactions } = DEFAULTS.retention;
  const mib = values['retention-mib'];
  const retention = {
    ms: (values['retention-seconds'] ?? ms / 1000) * 1000,
    transactions: values['retention-transactions'] ?? transactions,
    bytes: mib === undefined ? bytes : mib * MIB,
  };
  if (mib !== undefined && retention.ms === 0 && retention.transactions === 0) {
    throw wrongOption(
      '--retention-mib bounds a past that nobody asked for; say --retention-seconds or --retention-transactions',
    );
  }
  return retention;
}

/**
 * What was said, as arguments of `start`.
 *
 * @throws CliError if two of them contradict each other
 */
export function memberArguments(values: MemberOptionValues): string[] {
  readMemberOptions(values);
  const names = Object.keys(memberOptions) as (keyof MemberOptionValues)[];
  return names.flatMap((name) => (values[name] === undefined ? [] : [`--${name}`, String(values[name])]));
}
