/** What a member finds in its directory before its run begins. Nothing is written. */
import type { VerdictFile } from '../../../applier/index.ts';
import { type Belonging, type Group, readBelonging } from '../../../gcs/core/index.ts';
import type { MemberSetup } from './contract.ts';
import type { Lack } from './reception.ts';
import { damageOf, readMarker } from './state-transfer/index.ts';

/** `lack`: what has to come from other members first; null: nothing. */
export type Content =
  | { readonly kind: 'content'; readonly verdicts: VerdictFile; readonly lack: Lack | null }
  | { readonly kind: 'content'; readonly verdicts: null; readonly lack: Lack };

/** What the files are fit for. `group`: prepared, with the log open. */
export function contentOf(
  { environment, memberId, lanes, options }: MemberSetup,
  group: Group,
): Content | { readonly kind: 'refused'; readonly reason: string } {
  const { disk } = environment;
  const { log, damage: logDamage } = group;
  const found = damageOf({ disk, memberId, log, logDamage, lanes, verdicts: options.verdicts });
  if (found.kind === 'refused') return found;
  const isReceiving = readMarker(disk).kind === 'receiving';
  if (found.kind === 'needs-state') {
    // Log and verdicts may be from two states by now.
    const chosenUpTo = isReceiving ? 0 : found.chosenUpTo;
    return { kind: 'content', verdicts: null, lack: { ...found, chosenUpTo } };
  }
  const { verdicts, repair, discardFrom, claim, chosenUpTo } = found;
  if (isReceiving) {
    verdicts.close(() => {});
    const reason = 'a state transfer is not through';
    const nothing = { file: '', offset: 0, chosenUpTo: 0 } as const;
    return { kind: 'content', verdicts: null, lack: { kind: 'needs-state', reason, claim, ...nothing } };
  }
  const isWhole = repair.length === 0 && discardFrom === null;
  return {
    kind: 'content',
    verdicts,
    lack: isWhole ? null : { kind: 'usable', repair, discardFrom, claim, chosenUpTo },
  };
}

/** Null: to no group yet. */
export function belongingOf({ environment }: MemberSetup): Belonging | null {
  const read = readBelonging(environment.disk);
  return read?.kind === 'belonging' ? read : null;
}
