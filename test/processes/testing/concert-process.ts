export * from '../../../harness/group/concert-process.ts';
