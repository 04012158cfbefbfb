export { AheadJudgement } from './ahead-judgement.ts';
export * from './certification-database.ts';
export * from './certifier.ts';
export { compareCommitTimes, formatCommitTime, logicalMax, parseCommitTime } from './commit-time.ts';
export * from './group-message.ts';
export { hasDelta, type ItemKind, isOfRow, type WriteKind } from './item-kinds.ts';
export * from './types.ts';
export * from './writers/index.ts';
