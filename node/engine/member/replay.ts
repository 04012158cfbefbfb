/**
 * Rebuilds the state as of the last kept verdict V from the kept verdicts and the logged write sets (H3): nothing is
 * judged again, since the purge floor and the lanes are those of V and not of the transactions' own time. Written rows
 * above the purge floor go back into the certification database, those above the lowest flush point into the overlay.
 */

import type { KeyRange, VerdictFile, VerdictRecord, Write } from '../../../applier/index.ts';
import type { Certifier } from '../../../certifier/index.ts';
import { decodeBatch } from '../../../certifier/index.ts';
import { assert, type LogIndex, type SequenceNumber } from '../../../gcs/base/index.ts';
import type { LogEntry, LogReader } from '../../../gcs/core/index.ts';
import { catalogItemKey } from '../key-codec.ts';
import type { HeldEntry } from './change-history.ts';
import { publicationOf, writesOf } from './publication.ts';
import { decodeSchemaEffect, type SchemaEffect } from './schema-effect.ts';

/** Bytes of the log read at a time. */
const READ_BYTES = 1024 * 1024;

export interface Replay {
  readonly log: LogReader;
  readonly verdicts: VerdictFile;
  /** Restored as of the end of `verdicts`, its database still empty. */
  readonly certifier: Certifier;
  readonly publishFrom: SequenceNumber;
  publish(sequenceNumber: SequenceNumber, writes: readonly Write[], clear: readonly KeyRange[]): void;
  schemaChanged(sequenceNumber: SequenceNumber, effect: SchemaEffect): void;
  /** Told behind each entry of which something was published. */
  repeated(entry: HeldEntry): void;
}

/** Returns how many log entries were read. */
export function replayUpToKeptVerdicts(replay: Replay): number {
  const { log, verdicts } = replay;
  const { sequenceNumber, purgeFloor, logIndex: upTo } = verdicts.stateAtEnd;
  const fromSequenceNumber = Math.min(purgeFloor + 1, replay.publishFrom);
  if (fromSequenceNumber > sequenceNumber) return 0;
  const from = verdicts.logIndexOf(fromSequenceNumber);
  let count = 0;
  const entries = entriesOf(log, from, upTo);
  for (const record of verdicts.records(from)) {
    let next = entries.next();
    while (!next.done && next.value.index < record.logIndex) next = entries.next();
    assert(!next.done && next.value.index === record.logIndex, 'the log holds every entry with a kept verdict');
    repeat(replay, next.value, record);
    count++;
  }
  return count;
}

function repeat(replay: Replay, entry: LogEntry, record: VerdictRecord): void {
  const { certifier, publishFrom, publish } = replay;
  const batch = decodeBatch(entry.payload);
  assert(
    batch.kind === 'batch' && batch.messages.length === record.verdicts.length,
    'a kept verdict for every message',
  );
  let positives = 0;
  let rows = 0;
  let upTo = 0;
  for (let i = 0; i < record.verdicts.length; i++) {
    const verdict = record.verdicts[i]!;
    if (verdict.kind === 'negative') continue;
    const { sequenceNumber } = verdict;
    positives++;
    upTo = sequenceNumber;
    const message = batch.messages[i]!;
    const writer = { sequenceNumber, origin: entry.origin };
    if (message.kind === 'transaction') {
      certifier.restorePositive(message.transaction, writer);
      if (sequenceNumber < publishFrom) continue;
      const writes = writesOf(message.transaction);
      rows += writes.length;
      publish(sequenceNumber, writes, []);
    } else {
      assert(verdict.resolved !== null, 'an accepted schema change is kept with its effect');
      const effect = decodeSchemaEffect(verdict.resolved);
      const keys = effect.clearedTableId === null ? [] : [catalogItemKey(effect.clearedTableId)];
      certifier.restoreSchemaChange(keys, writer);
      const { writes, clear } = publicationOf(effect);
      if (sequenceNumber < publishFrom) continue;
      publish(sequenceNumber, writes, clear);
      replay.schemaChanged(sequenceNumber, effect);
    }
  }
  if (upTo < publishFrom) return;
  const { origin, payload } = entry;
  replay.repeated({ origin, payload, verdicts: record.verdicts, after: upTo - positives, upTo, rows });
}

function* entriesOf(log: LogReader, from: LogIndex, upTo: LogIndex): Generator<LogEntry, undefined> {
  for (let next = from; next <= upTo; ) {
    const read = log.entries(next, upTo, READ_BYTES);
    yield* read;
    next = read.at(-1)!.index + 1;
  }
  return undefined;
}
