export type { CommitDurations } from './commit-latency.ts';
export type { CountedConflicts } from './conflict-counts.ts';
export type {
  MemberCounters,
  MemberEvents,
  MemberOptions,
  MemberSetup,
  RestartReason,
  TransferProgress,
  ViewChange,
} from './contract.ts';
export { zeroCounters } from './contract.ts';
export * from './member.ts';
export * from './options.ts';
export { type Retention, withRetention } from './retention.ts';
