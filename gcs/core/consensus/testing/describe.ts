/** Messages and entries as the transcripts show them. */
import type { LogEntry } from '../../types.ts';
import { decodeView } from '../../views.ts';
import type { PeerMessage } from '../peer-message.ts';

export function textOf(entry: LogEntry): string {
  if (entry.kind === 'noop') return 'noop';
  if (entry.kind === 'view') {
    const view = decodeView(entry.payload)!;
    const members = view.members.map(({ ordinal, isVoter }) => (isVoter ? `${ordinal}` : `${ordinal}?`));
    return `view${view.number}(${members.join(' ')})`;
  }
  return new TextDecoder().decode(entry.payload);
}

export function describeEntries(entries: readonly LogEntry[]): string {
  return entries.map((entry) => ` ${entry.index}@${entry.term}=${textOf(entry)}`).join('');
}

export function describe(message: PeerMessage): string {
  switch (message.kind) {
    case 'vote-request': {
      const what = message.preVote ? 'pre-vote' : message.isTransfer ? 'vote (told to)' : 'vote';
      return `${what} for term ${message.term}? log ends ${message.lastIndex}@${message.lastTerm}`;
    }
    case 'vote-answer':
      return `${message.preVote ? 'pre-vote' : 'vote'} ${message.granted ? 'granted' : 'refused'} term ${message.term}`;
    case 'append': {
      const round = message.round === 0 ? '' : ` round ${message.round}`;
      return `append term ${message.term} behind ${message.previousIndex}@${message.previousTerm} chosen ${message.chosenUpTo}${round}${describeEntries(message.entries)}`;
    }
    case 'append-answer': {
      const round = message.round === 0 ? '' : ` round ${message.round}`;
      const ready = message.ready ? ' ready' : '';
      return message.rejected === null
        ? `matched term ${message.term} up to ${message.matchedUpTo}${round}${ready}`
        : `rejected term ${message.term} behind ${message.rejected.previousIndex}, try ${message.rejected.hintIndex}@${message.rejected.hintTerm}${round}${ready}`;
    }
    case 'propose': {
      const texts = message.payloads.map(({ payload }) => new TextDecoder().decode(payload));
      return `propose ${message.incarnation}:${message.firstNumber} ${texts.join(' ')}`;
    }
    case 'timeout-now':
      return `take over from term ${message.term}`;
    case 'behind':
      return `you are behind term ${message.term}: log begins ${message.firstIndex} chosen ${message.chosenUpTo}`;
    case 'read-request':
      return 'read index?';
    case 'read-answer':
      return `read index ${message.index}`;
  }
}
