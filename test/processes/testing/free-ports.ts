export * from '../../../harness/group/free-ports.ts';
