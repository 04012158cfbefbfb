/**
 * What a donor sends: its state as of the last entry j that it took through, while it goes on.
 *
 * The rows are those of where the past begins that the donor holds: the receiver repeats from there what was published up to
 * j, as after any restart, and so has that past, too. They are read at a snapshot that is held; the entries and verdicts from the first one on that a rebuild at j needs
 * are held, too (H3, C6). Each `next` makes one chunk: a bounded piece of work.
 */
import { writeRecord } from '../../../../applier/index.ts';
import { assert, ByteWriter, utf8Encode } from '../../../../gcs/base/index.ts';
import type { StateSource } from '../../../../gcs/core/index.ts';
import type { OpenStateParts } from './contract.ts';
import {
  encodeEnd,
  encodeEntry,
  encodeMeta,
  FRAME_HEADER_BYTES,
  type FrameKind,
  StateDigest,
  writeFrame,
  writeRow,
} from './frames.ts';

/** Content of a frame of many records or rows. */
const FRAME_BYTES = 32 * 1024;
/** Of the log, read at a time. */
const READ_BYTES = 256 * 1024;
/** Rows of a large transaction that are brought to their places at a time, some milliseconds a window of chunks. */
const SETTLED_AT_ONCE = 1000;
/** Above every row's. */
const LAST_KEY = '\xff\xff\xff\xff\xff';

export function openState({ state, log }: OpenStateParts): StateSource {
  const { store, verdicts, deliveredUpTo, neededFrom } = state;
  const { groupId } = state.definition;
  const sequenceNumber = store.appliedUpTo;
  const rowsAt = state.history.heldFrom;
  // A rebuild goes back to a message, and the log to its first fragment.
  const { before, records } = verdicts.appended(Math.max(neededFrom, verdicts.base.logIndex + 1));
  const index = neededFrom - 1;
  const base = {
    index,
    term: log.termAt(index),
    view: log.viewAt(index),
    lastMessages: log.lastMessagesAt(index),
  };
  const { term } = log.hardState;
  const hold = state.holdVerdicts(neededFrom);
  let isEnded = false;
  const snapshot = store.acquireSnapshotAt(rowsAt, () => {
    isEnded = true;
  });
  const buffer = new FrameBuffer();
  buffer.add(
    'meta',
    encodeMeta({ groupId, upToIndex: deliveredUpTo, term, sequenceNumber, rowsAt, base, kept: before }),
  );
  const frames = makeFrames();
  let isOver = false;

  /** `pause`: whatever there is by now goes before anything more is made. */
  function* makeFrames(): Generator<'made' | 'pause', void, void> {
    const counts = { entries: 0, records: 0, rows: 0 };

    for (let next = neededFrom; next <= deliveredUpTo; ) {
      const entries = log.entries(next, deliveredUpTo, READ_BYTES);
      for (const entry of entries) {
        buffer.add('entry', encodeEntry(entry));
        counts.entries++;
        yield 'made';
      }
      next += entries.length;
    }

    const content = new ByteWriter(FRAME_BYTES * 2);
    let kept = before;
    for (const record of records) {
      if (record.logIndex > deliveredUpTo) break;
      kept = writeRecord(content, record, kept);
      counts.records++;
      if (content.length < FRAME_BYTES) continue;
      buffer.add('records', content.view());
      content.reset();
      yield 'made';
    }
    if (content.length > 0) buffer.add('records', content.view());
    content.reset();
    assert(
      kept.logIndex === deliveredUpTo && kept.sequenceNumber === sequenceNumber,
      'the verdicts go up to the state',
    );

    for (let from: string | null = ''; from !== null; ) {
      // A scan of all rows would do it in one turn.
      while (!store.isSettled) {
        store.settle(SETTLED_AT_ONCE);
        if (!store.isSettled) yield 'pause';
      }
      const rows = store.scanVersions({ from, to: LAST_KEY }, rowsAt);
      from = null;
      for (const [key, row] of rows) {
        writeRow(content, key, row);
        counts.rows++;
        if (content.length < FRAME_BYTES) continue;
        // A scan is of one turn: the next one goes on behind this row.
        from = `${key}\0`;
        break;
      }
      if (content.length > 0) buffer.add('rows', content.view());
      content.reset();
      yield 'made';
    }
    buffer.add('end', encodeEnd({ ...counts, digest: buffer.digest }));
  }

  return {
    next(bytesMax) {
      while (!isOver && buffer.length < bytesMax) {
        if (isEnded) {
          buffer.add('broken', utf8Encode('the donor had to end its snapshot for want of memory'));
          isOver = true;
          break;
        }
        const step = frames.next();
        isOver = step.done === true;
        if (step.value === 'pause') break;
      }
      return isOver && buffer.length === 0 ? null : buffer.take(bytesMax);
    },
    close() {
      isOver = true;
      snapshot.release();
      hold.release();
    },
  };
}

/** Frames that wait to be cut into chunks. */
class FrameBuffer {
  readonly #digest = new StateDigest();
  readonly #chunks: Uint8Array[] = [];
  length = 0;

  get digest(): string {
    return this.#digest.toString();
  }

  /** Copies `content`. */
  add(kind: FrameKind, content: Uint8Array): void {
    this.#digest.add(kind, content);
    const writer = new ByteWriter(FRAME_HEADER_BYTES + content.length);
    writeFrame(writer, kind, content);
    this.#chunks.push(writer.view());
    this.length += writer.length;
  }

  /** At most `bytesMax`, and all there are if they are fewer. */
  take(bytesMax: number): Uint8Array {
    const taken = new Uint8Array(Math.min(bytesMax, this.length));
    for (let at = 0; at < taken.length; ) {
      const first = this.#chunks[0]!;
      const part = first.subarray(0, taken.length - at);
      taken.set(part, at);
      at += part.length;
      if (part.length === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(part.length);
    }
    this.length -= taken.length;
    return taken;
  }
}
