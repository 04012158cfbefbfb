export * from '../../../harness/group/client.ts';
