export * from '../../../harness/group/local-group.ts';
