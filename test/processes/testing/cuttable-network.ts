export * from '../../../harness/network/cuttable-network.ts';
