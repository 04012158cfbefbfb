export type * from './contract.ts';
export { damageOf } from './damage.ts';
export { DonorRecord } from './donor-record.ts';
export * from './marker.ts';
export { openState } from './open-state.ts';
export { StateReceiver, StateRefused } from './state-receiver.ts';
