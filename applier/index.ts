export * from './lane-of.ts';
export * from './memory-lane-store.ts';
export type { Snapshot } from './snapshots.ts';
export type * from './types.ts';
export * from './verdict-file.ts';
export * from './verdict-record.ts';
export type { UnreadableVerdicts } from './verdict-scan.ts';
export * from './version-store.ts';
