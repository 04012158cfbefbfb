import type { LogIndex, MemberOrdinal } from '../../../base/index.ts';
import type { EntryKind, GroupView, LogBase, LogEntry } from '../../types.ts';
import { encodeView } from '../../views.ts';
import { decodeFragment } from '../fragment.ts';
import type { MessageLog } from '../read-messages.ts';

/** A log in memory that is whole, and finds what is not complete by its definition. */
export class TestLog implements MessageLog {
  readonly base: LogBase = { index: 0, term: 0, view: null, lastMessages: new Map() };
  readonly firstIndex = 1;
  readonly all: LogEntry[] = [];

  get lastIndex(): LogIndex {
    return this.all.length;
  }

  append(entry: Pick<LogEntry, 'kind' | 'payload'> & globalThis.Partial<LogEntry>): LogEntry {
    const index = this.all.length + 1;
    const whole = {
      term: 1,
      origin: 0,
      incarnation: 0,
      messageNumber: 0,
      isCompressed: false,
      ...entry,
      index,
      stampMs: 1000 + index,
    };
    this.all.push(whole);
    return whole;
  }

  appendView(view: GroupView): LogEntry {
    return this.append({ kind: 'view', payload: encodeView(view) });
  }

  termAt(index: LogIndex): number {
    return index === 0 ? 0 : this.all[index - 1]!.term;
  }

  kindAt(index: LogIndex): EntryKind {
    return this.all[index - 1]!.kind;
  }

  viewIndexes(): readonly LogIndex[] {
    return this.all.filter((entry) => entry.kind === 'view').map((entry) => entry.index);
  }

  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    const taken: LogEntry[] = [];
    let bytes = 0;
    for (const entry of this.all.slice(from - 1, upTo)) {
      bytes += entry.payload.length;
      if (taken.length > 0 && bytes > bytesMax) break;
      taken.push(entry);
    }
    return taken;
  }

  partialFrom(index: LogIndex): LogIndex {
    const begun = new Map<MemberOrdinal, LogIndex>();
    for (const entry of this.all.slice(0, index)) {
      if (entry.kind !== 'fragment') continue;
      const { isLast, messageBytes } = decodeFragment(entry.payload)!;
      if (isLast) begun.delete(entry.origin);
      else if (messageBytes !== null) begun.set(entry.origin, entry.index);
    }
    return Math.min(index + 1, ...begun.values());
  }
}
