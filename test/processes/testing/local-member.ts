export * from '../../../harness/group/local-member.ts';
