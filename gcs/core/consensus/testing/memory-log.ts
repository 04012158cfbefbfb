import { assert, type LogIndex, type Term } from '../../../base/index.ts';
import type {
  EntryId,
  EntryKind,
  HardState,
  LastMessage,
  LogBase,
  LogEntry,
  LogReader,
  PersistRequest,
} from '../../types.ts';
import { decodeView } from '../../views.ts';
import { isBroadcast } from '../proposals.ts';
import { isFurther } from '../replicated-log.ts';

export const EMPTY_BASE: LogBase = { index: 0, term: 0, view: null, lastMessages: new Map() };

/** A log that is kept in memory: what a core reads, or what a crash leaves. */
export class MemoryLog implements LogReader {
  hardState: HardState = { term: 0, votedFor: null, claim: null };
  base: LogBase;
  /** Behind the base. */
  readonly held: LogEntry[] = [];

  constructor(base: LogBase = EMPTY_BASE) {
    this.base = base;
  }

  get firstIndex(): LogIndex {
    return this.base.index + 1;
  }

  get lastIndex(): LogIndex {
    return this.base.index + this.held.length;
  }

  get end(): EntryId {
    return { term: this.termAt(this.lastIndex), index: this.lastIndex };
  }

  entryAt(index: LogIndex): LogEntry | undefined {
    return this.held[index - this.firstIndex];
  }

  termAt(index: LogIndex): Term {
    assert(index >= this.base.index && index <= this.lastIndex, 'term read within the log');
    return index === this.base.index ? this.base.term : this.entryAt(index)!.term;
  }

  kindAt(index: LogIndex): EntryKind {
    assert(index >= this.firstIndex && index <= this.lastIndex, 'kind read within the log');
    return this.entryAt(index)!.kind;
  }

  viewIndexes(): readonly LogIndex[] {
    return this.held.filter(({ kind }) => kind === 'view').map(({ index }) => index);
  }

  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    assert(from >= this.firstIndex && from <= upTo && upTo <= this.lastIndex, 'entries read within the log');
    const read: LogEntry[] = [];
    let bytes = 0;
    for (let index = from; index <= upTo; index++) {
      const entry = this.entryAt(index)!;
      bytes += entry.payload.length;
      if (bytes > bytesMax && read.length > 0) break;
      read.push(entry);
    }
    return read;
  }

  apply(request: PersistRequest, entriesMax = Number.POSITIVE_INFINITY): void {
    if (request.hardState !== null) this.hardState = request.hardState;
    for (const entry of request.entries.slice(0, entriesMax)) {
      // A log that was truncated meanwhile has no place for what lies before its base.
      if (entry.index < this.firstIndex) continue;
      assert(entry.index <= this.lastIndex + 1, 'entries are written without gaps');
      this.held.length = entry.index - this.firstIndex;
      this.held.push(entry);
    }
  }

  /** As of `index`. */
  baseAt(index: LogIndex): LogBase {
    const lastMessages = new Map<number, LastMessage>(this.base.lastMessages);
    let { view } = this.base;
    for (const entry of this.held) {
      if (entry.index > index) break;
      if (isBroadcast(entry)) lastMessages.set(entry.origin, entry);
      else if (entry.kind === 'view') view = decodeView(entry.payload);
    }
    return { index, term: this.termAt(index), view, lastMessages };
  }

  truncate(upTo: LogIndex): void {
    if (upTo <= this.base.index) return;
    const base = this.baseAt(upTo);
    this.held.splice(0, upTo - this.base.index);
    this.base = base;
  }

  /** Damage: `from` and all behind it cannot be read any more, and the log says what it had. */
  lose(from: LogIndex): void {
    const { claim } = this.hardState;
    const { end } = this;
    this.hardState = { ...this.hardState, claim: claim !== null && isFurther(claim, end) ? claim : end };
    this.held.length = Math.min(this.held.length, from - this.firstIndex);
  }

  copy(): MemoryLog {
    const copy = new MemoryLog(this.base);
    copy.hardState = this.hardState;
    copy.held.push(...this.held);
    return copy;
  }
}
