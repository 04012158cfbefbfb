export type { CommitDurations } from './commit-latency.ts';
export type { MemberCounters, MemberEvents, MemberOptions, MemberSetup } from './contract.ts';
export * from './member.ts';
export * from './options.ts';
