export * from './member.ts';
export * from './options.ts';
