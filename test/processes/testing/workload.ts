export * from '../../../harness/load/workload.ts';
