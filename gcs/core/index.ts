export * from './consensus/consensus.ts';
export { GROUP_FILE } from './group/definition.ts';
export * from './group/group.ts';
export * from './group/options.ts';
export * from './log/segment-log.ts';
export * from './messages/index.ts';
export * from './types.ts';
