export * from '../../../harness/load/verification.ts';
