/** A large transaction on its way out: certified beforehand and encoded in slices, so that nothing else waits for it. */
import { encodeTransactionInSlices } from '../../../certifier/index.ts';
import type { Transaction } from '../../../certifier/types.ts';
import type { KeyRefusal } from '../idempotency/judge-key.ts';
import type { CommitOutcome } from '../replica.ts';
import type { SliceOptions } from './contract.ts';
import type { ReplicatedState } from './replicated-state.ts';

/** Keys and images, nearly what the transaction takes encoded. */
export function writtenBytes({ writeSet }: Transaction): number {
  let bytes = 0;
  for (const { key, image } of writeSet) bytes += key.length + (image === null ? 0 : image.length);
  return bytes;
}

export type Prepared =
  | { readonly kind: 'ready'; readonly batch: Uint8Array }
  | { readonly kind: 'lost'; readonly fate: CommitOutcome };

/** `keyRefusal`: asked again, since what has waited in line may lose to its own first sending (H16). */
export function* preparedInSlices(
  state: ReplicatedState,
  transaction: Transaction,
  slices: SliceOptions,
  keyRefusal: () => KeyRefusal | null,
): Generator<void, Prepared, void> {
  const known = keyRefusal();
  if (known !== null) return { kind: 'lost', fate: known };
  const lost = yield* state.preCertifyInSlices(transaction, slices.items);
  if (lost !== null) return { kind: 'lost', fate: keyRefusal() ?? lost };
  yield;
  return { kind: 'ready', batch: yield* encodeTransactionInSlices(transaction, slices.bytes) };
}
