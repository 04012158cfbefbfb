/** What a log durably had and does not have any more, remembered in its hard state (`HardState.claim`). */
import type { EntryId, HardState, LogBase } from '../types.ts';
import { isFurther } from './format.ts';

/** `claim` added, unless it claims more already. */
export function withClaim(hardState: HardState, claim: EntryId): HardState {
  if (claim.index === 0 || (hardState.claim !== null && !isFurther(claim, hardState.claim))) return hardState;
  return { ...hardState, claim: { term: claim.term, index: claim.index } };
}

/** For a log that begins anew behind `base`. `before`: the claim so far, and the ends that the old one had. */
export function hardStateBehind(base: LogBase, hardState: HardState, before: readonly EntryId[]): HardState {
  let behind = hardState;
  for (const claim of before) behind = withClaim(behind, claim);
  const { claim } = behind;
  if (claim !== null && !isFurther(claim, base)) behind = { ...behind, claim: null };
  // The others have gone on meanwhile. It has promised nothing in a term that it never saw.
  return behind.term < base.term ? { ...behind, term: base.term, votedFor: null } : behind;
}
