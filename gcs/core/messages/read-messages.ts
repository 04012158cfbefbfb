/** The messages of a log, as they were or will be delivered, from any place of it on. */
import { assert, type LogIndex } from '../../base/index.ts';
import type { LogReader } from '../types.ts';
import { Assembler, type AssemblerSetup, type Ordered } from './assembler.ts';

/** Entries are read in portions of about so many bytes. */
const PORTION_BYTES = 1024 * 1024;

/** A log that knows which of its messages are not complete. */
export interface MessageLog extends LogReader {
  /** Lowest index of a fragment whose message is not complete at `index`; `index` + 1 if there is none. */
  partialFrom(index: LogIndex): LogIndex;
}

/**
 * Messages and views whose last entry stands from `from` to `upTo`, both inclusive, in their order. `from`:
 * `log.firstIndex` or later. The log must not be truncated above `log.partialFrom(from - 1)` meanwhile.
 */
export function* readMessages(
  log: MessageLog,
  { from, upTo }: { readonly from: LogIndex; readonly upTo: LogIndex },
  setup: AssemblerSetup,
): Generator<Ordered, void, void> {
  if (from > upTo) return;
  const assembler = primedAssembler(log, from - 1, setup);
  for (const entry of entriesOf(log, from, upTo)) {
    const ordered = assembler.take(entry);
    if (ordered !== null) yield ordered;
  }
}

/** Holds of all messages what stands up to `upTo` and is completed behind it: the next it takes is entry `upTo` + 1. */
export function primedAssembler(log: MessageLog, upTo: LogIndex, setup: AssemblerSetup): Assembler {
  const assembler = new Assembler(setup);
  const from = log.partialFrom(upTo);
  assert(from >= log.firstIndex || from > upTo, 'a log keeps what its messages are still made of');
  for (const entry of entriesOf(log, from, upTo)) assembler.prime(entry);
  return assembler;
}

function* entriesOf(log: LogReader, from: LogIndex, upTo: LogIndex) {
  for (let next = from; next <= upTo; ) {
    const entries = log.entries(next, upTo, PORTION_BYTES);
    yield* entries;
    next += entries.length;
  }
}
