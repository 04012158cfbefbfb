/**
 * Whether the files of a directory fit together (H3, R13): the log reaches back to what a rebuild reads, the verdicts are
 * as far as the lanes, and the log as far as the verdicts. What was lost of the log is brought by peers, as far as it was
 * chosen for certain, which is up to the last kept verdict; behind that the log is cut, and claims what it had. Anything
 * else that was lost comes with the state of another member. Changes nothing but to remove what was given up before.
 */
import { type UnreadableVerdicts, VerdictFile } from '../../../../applier/index.ts';
import type { LogIndex } from '../../../../gcs/base/index.ts';
import type { EntryId } from '../../../../gcs/core/index.ts';
import { neededByRebuild } from '../replay.ts';
import type { DamageParts, DirectoryState } from './contract.ts';

type NeedsState = Extract<DirectoryState, { kind: 'needs-state' }>;

/** @throws DiskError */
export function damageOf(parts: DamageParts): DirectoryState {
  const { disk, memberId, logDamage } = parts;
  const opened = VerdictFile.open(disk, { memberId }, parts.verdicts);
  if (opened.kind === 'refused') return opened;
  if (opened.kind === 'damaged') return ofVerdicts(opened, logDamage?.claim ?? null);
  const verdicts = opened.file;
  const problem = misfit(parts, verdicts);
  if (problem !== null) {
    verdicts.close(() => {});
    return problem;
  }
  const V = verdicts.stateAtEnd.logIndex;
  const repair: { from: LogIndex; upTo: LogIndex }[] = [];
  let discardFrom: LogIndex | null = null;
  for (const { from, upTo } of logDamage?.holes ?? []) {
    if (from <= V) repair.push({ from, upTo: Math.min(upTo, V) });
    if (upTo > V) discardFrom ??= Math.max(from, V + 1);
  }
  return { kind: 'usable', verdicts, repair, discardFrom, claim: logDamage?.claim ?? null, chosenUpTo: V };
}

function ofVerdicts(damaged: Extract<UnreadableVerdicts, { kind: 'damaged' }>, claim: EntryId | null): NeedsState {
  const { file, offset, reason } = damaged;
  return { kind: 'needs-state', file, offset, reason, claim, chosenUpTo: 0 };
}

function misfit({ log, logDamage, lanes }: DamageParts, verdicts: VerdictFile): NeedsState | null {
  const claim = logDamage?.claim ?? null;
  if (logDamage?.isBeyondRepair) {
    const { file, offset, reason } = logDamage;
    return { kind: 'needs-state', file, offset, reason, claim, chosenUpTo: 0 };
  }
  const kept = verdicts.stateAtEnd;
  const nowhere = { kind: 'needs-state', file: '', offset: 0, chosenUpTo: kept.logIndex } as const;
  const points = lanes.map((lane) => lane.flushedUpTo);
  const highest = Math.max(...points);
  if (highest > kept.sequenceNumber) {
    const reason = `a lane has rows up to sequence number ${highest}, and the verdicts end at ${kept.sequenceNumber}`;
    return { ...nowhere, reason, claim };
  }
  const logEnd = Math.max(log.lastIndex, logDamage?.holes.at(-1)?.upTo ?? 0);
  if (kept.logIndex > logEnd) {
    const reason = `the log ends at index ${logEnd}, and the verdicts at ${kept.logIndex}`;
    // It had that entry; of which term is not known, but of none above its own. What was lost may have replaced what is left.
    return {
      ...nowhere,
      chosenUpTo: 0,
      reason,
      claim: further(claim, { term: log.hardState.term, index: kept.logIndex }),
    };
  }
  const lowest = Math.min(...points);
  const needed = neededByRebuild(verdicts, lowest);
  if (needed === null) {
    const reason = `a lane has rows up to sequence number ${lowest}, and the verdicts begin at ${verdicts.base.sequenceNumber + 1}`;
    return { ...nowhere, reason, claim };
  }
  const from = logDamage === null ? Math.min(needed, log.partialFrom(Math.max(needed - 1, log.base.index))) : needed;
  if (from < log.firstIndex) {
    return { ...nowhere, reason: `the log begins at index ${log.firstIndex}, and is needed from ${from} on`, claim };
  }
  return null;
}

/** Which of two ends of a log is further. */
export function further(a: EntryId | null, b: EntryId): EntryId {
  if (a === null) return b;
  return a.term > b.term || (a.term === b.term && a.index > b.index) ? a : b;
}
