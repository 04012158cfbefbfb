export * from '../../../harness/wait-until.ts';
