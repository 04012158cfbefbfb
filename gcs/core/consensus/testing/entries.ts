import type { LogIndex, MemberOrdinal, Term } from '../../../base/index.ts';
import type { GroupView, LogEntry } from '../../types.ts';
import { encodeView } from '../../views.ts';
import type { Append } from '../peer-message.ts';
import { MemoryLog } from './memory-log.ts';

export function noop(index: LogIndex, term: Term, origin: MemberOrdinal = 0): LogEntry {
  return {
    index,
    term,
    kind: 'noop',
    origin,
    incarnation: 0,
    messageNumber: 0,
    stampMs: 1,
    isCompressed: false,
    payload: new Uint8Array(0),
  };
}

export function viewEntry(index: LogIndex, term: Term, view: GroupView): LogEntry {
  return { ...noop(index, term), kind: 'view', payload: encodeView(view) };
}

export function message(
  place: { readonly index: LogIndex; readonly term: Term },
  from: { readonly origin: MemberOrdinal; readonly messageNumber: number; readonly incarnation?: number },
  text: string,
): LogEntry {
  return {
    ...place,
    kind: 'message',
    origin: from.origin,
    incarnation: from.incarnation ?? 1,
    messageNumber: from.messageNumber,
    stampMs: 1,
    isCompressed: false,
    payload: new TextEncoder().encode(text),
  };
}

export function diskWith(term: Term, votedFor: MemberOrdinal | null, ...entries: readonly LogEntry[]): MemoryLog {
  const disk = new MemoryLog();
  disk.apply({ number: 0, hardState: { term, votedFor, claim: null }, entries });
  return disk;
}

export function appendOf(fields: Partial<Append> & { readonly term: Term }): Append {
  return {
    kind: 'append',
    previousIndex: 0,
    previousTerm: 0,
    chosenUpTo: 0,
    receivedByAll: 0,
    established: false,
    round: 0,
    entries: [],
    ...fields,
  };
}
