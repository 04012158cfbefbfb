export type * from './contract.ts';
export * from './marker.ts';
