/**
 * What stands at the beginning of a segment for everything before it, so that any segment can be the log's first:
 *
 *     varint number of senders; each: origin varint, incarnation varint, message number varint; view as a blob (empty:
 *     the one that the group was founded with)
 */
import { ByteReader, ByteWriter } from '../../base/index.ts';
import type { LastMessage, LogBase } from '../types.ts';
import { decodeView, encodeView } from '../views.ts';
import type { CheckpointRecord } from './format.ts';

const NO_VIEW = new Uint8Array(0);

export function encodeCheckpoint(base: LogBase): CheckpointRecord {
  const view = base.view === null ? NO_VIEW : encodeView(base.view);
  const writer = new ByteWriter(view.length + 4 + base.lastMessages.size * 16);
  writer.varint(base.lastMessages.size);
  for (const [origin, { incarnation, messageNumber }] of [...base.lastMessages].sort(([a], [b]) => a - b)) {
    writer.varint(origin);
    writer.varint(incarnation);
    writer.varint(messageNumber);
  }
  writer.blob(view);
  return { kind: 'checkpoint', index: base.index, term: base.term, payload: writer.view() };
}

/** Null: this is no checkpoint. */
export function decodeCheckpoint({ index, term, payload }: CheckpointRecord): LogBase | null {
  const reader = new ByteReader(payload);
  const lastMessages = new Map<number, LastMessage>();
  const count = reader.varint();
  for (let i = 0; i < count && !reader.malformed; i++) {
    const origin = reader.varint();
    lastMessages.set(origin, { incarnation: reader.varint(), messageNumber: reader.varint() });
  }
  const encoded = reader.blob();
  const view = encoded.length === 0 ? null : decodeView(encoded);
  if (!reader.finished || (encoded.length > 0 && view === null)) return null;
  return { index, term, view, lastMessages };
}
