/**
 * Rebuilds the state as of the last kept verdict V from the kept verdicts and the logged write sets (H3): nothing is
 * judged again, since the purge floor and the lanes are those of V and not of the transactions' own time. Written rows
 * above the purge floor go back into the certification database, those above the lowest flush point into the overlay.
 */

import type { KeyRange, VerdictFile, VerdictRecord, Write } from '../../../applier/index.ts';
import type { Certifier } from '../../../certifier/index.ts';
import { decodeBatch } from '../../../certifier/index.ts';
import { assert, type LogIndex, type SequenceNumber } from '../../../gcs/base/index.ts';
import { type AssemblerSetup, type MessageLog, type Ordered, readMessages } from '../../../gcs/core/index.ts';
import type { IdempotencyKeys } from '../idempotency/idempotency-keys.ts';
import { keyAttributeOf } from '../idempotency/key-attribute.ts';
import { catalogItemKey } from '../key-codec.ts';
import type { HeldEntry } from './change-history.ts';
import { publicationOf } from './publication.ts';
import { writesOf } from './resolved-increments.ts';
import { decodeSchemaEffect, type SchemaEffect } from './schema-effect.ts';

export interface Replay {
  readonly log: MessageLog;
  readonly messages: AssemblerSetup;
  readonly verdicts: VerdictFile;
  /** Restored as of the end of `verdicts`, its database still empty. */
  readonly certifier: Certifier;
  readonly publishFrom: SequenceNumber;
  /** Over what has been published of the replay so far. */
  readonly keys: IdempotencyKeys;
  publish(sequenceNumber: SequenceNumber, writes: readonly Write[], clear: readonly KeyRange[]): void;
  schemaChanged(sequenceNumber: SequenceNumber, effect: SchemaEffect): void;
  /** Told of each schema change, as it may be that of a variable, also of those below `publishFrom`. */
  variableChanged(sequenceNumber: SequenceNumber, effect: SchemaEffect): void;
  /** Told behind each message of which something was published. */
  repeated(entry: HeldEntry): void;
}

type Message = Extract<Ordered, { kind: 'message' }>;

/**
 * The log index from which on a rebuild reads messages and verdicts, where every lane has what was written up to
 * `flushedUpTo`: behind that and behind the purge floor of V, whichever is lower. Null: the verdicts do not reach back so
 * far.
 */
export function neededByRebuild(verdicts: VerdictFile, flushedUpTo: SequenceNumber): LogIndex | null {
  const { sequenceNumber, purgeFloor, logIndex } = verdicts.stateAtEnd;
  const first = Math.min(purgeFloor, flushedUpTo) + 1;
  if (first > sequenceNumber) return logIndex + 1;
  return first > verdicts.base.sequenceNumber ? verdicts.logIndexOf(first) : null;
}

/** Returns how many messages were repeated. */
export function replayUpToKeptVerdicts(replay: Replay): number {
  const { log, verdicts, messages } = replay;
  const upTo = verdicts.stateAtEnd.logIndex;
  const from = neededByRebuild(verdicts, replay.publishFrom - 1);
  assert(from !== null, 'the verdicts reach back to what is rebuilt');
  let count = 0;
  const ordered = readMessages(log, { from, upTo }, messages);
  for (const record of verdicts.records(from)) {
    let next = ordered.next();
    while (!next.done && (next.value.kind === 'view' || next.value.index < record.logIndex)) next = ordered.next();
    assert(!next.done && next.value.index === record.logIndex, 'the log holds every message with a kept verdict');
    repeat(replay, next.value as Message, record);
    count++;
  }
  return count;
}

function repeat(replay: Replay, { origin, payload }: Message, record: VerdictRecord): void {
  const { certifier, publishFrom, publish, keys } = replay;
  const batch = decodeBatch(payload);
  assert(
    batch.kind === 'batch' && batch.messages.length === record.verdicts.length,
    'a kept verdict for every message',
  );
  let positives = 0;
  let rows = 0;
  let upTo = 0;
  for (let i = 0; i < record.verdicts.length; i++) {
    const verdict = record.verdicts[i]!;
    if (verdict.kind !== 'positive') continue;
    const { sequenceNumber, commitTime } = verdict;
    positives++;
    upTo = sequenceNumber;
    const message = batch.messages[i]!;
    const writer = { sequenceNumber, origin };
    if (message.kind === 'transaction') {
      certifier.restorePositive(message.transaction, writer, verdict.serialPlace);
      if (sequenceNumber < publishFrom) continue;
      const writes = writesOf(message.transaction, verdict.resolved);
      rows += writes.length;
      const attribute = keyAttributeOf(message.transaction);
      const { snapshotVersion } = message.transaction;
      const beside = attribute === null ? [] : keys.bind(attribute, { sequenceNumber, commitTime, snapshotVersion });
      publish(sequenceNumber, beside.length === 0 ? writes : [...writes, ...beside], []);
    } else if (message.kind === 'key-fence') {
      certifier.restoreSchemaChange([], writer);
      if (sequenceNumber < publishFrom) continue;
      publish(sequenceNumber, keys.fence(message.key, { sequenceNumber, commitTime }), []);
    } else {
      assert(verdict.resolved !== null, 'an accepted schema change is kept with its effect');
      const effect = decodeSchemaEffect(verdict.resolved);
      certifier.restoreSchemaChange(effect.concerned.map(catalogItemKey), writer);
      replay.variableChanged(sequenceNumber, effect);
      const { writes, clear } = publicationOf(effect);
      if (sequenceNumber < publishFrom) continue;
      publish(sequenceNumber, writes, clear);
      replay.schemaChanged(sequenceNumber, effect);
    }
  }
  if (upTo < publishFrom) return;
  replay.repeated({ origin, payload, verdicts: record.verdicts, after: upTo - positives, upTo, rows });
}
