/** What a network and its thread say to each other. */
import type { FlowCondition, FlowName } from './flow.ts';

/** `from` will dial the link's port in place of `host:port`, where `to` listens. */
export interface LinkPlan {
  readonly from: string;
  readonly to: string;
  readonly host: string;
  readonly port: number;
}

export type ProxyTask =
  | { readonly kind: 'open'; readonly plans: readonly LinkPlan[] }
  /** Of all flows; those that are missing are clear. */
  | { readonly kind: 'conditions'; readonly conditions: readonly (readonly [FlowName, FlowCondition])[] }
  | { readonly kind: 'reset'; readonly flows: readonly FlowName[] }
  | { readonly kind: 'traffic' }
  | { readonly kind: 'close' };

export type ToProxy = ProxyTask & { readonly id: number };

export interface FromProxy {
  readonly id: number;
  readonly result: unknown;
  readonly error: string | null;
}
