export type * from './contract.ts';
export { damageOf } from './damage.ts';
export * from './marker.ts';
export { openState } from './open-state.ts';
export { StateReceiver, StateRefused } from './state-receiver.ts';
