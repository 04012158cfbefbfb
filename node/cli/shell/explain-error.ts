/** What went wrong, for people: the code, the message, who won, and what may be done now. */
import { ConcertError } from '../../../client/index.ts';
import { visible } from '../display/cell-text.ts';
import type { MemberLabel } from '../member-label.ts';
import { ShellError } from './shell-error.ts';
import { StatementError } from './statement-error.ts';

/** Whether the shell goes on after it; anything else is a defect. */
export function isExpected(error: unknown): error is Error {
  return error instanceof ConcertError || error instanceof StatementError || error instanceof ShellError;
}

/** Lines, the first with the code. `isDoomed`: a transaction is open and can only be rolled back. */
export function explainError(
  error: Error,
  context: { readonly label: MemberLabel; readonly isDoomed: boolean },
): string[] {
  if (!(error instanceof ConcertError)) return error.message.split('\n').map(visible);
  if (error.code === 'CANCELLED') return ['stopped'];
  const lines = [`${error.code}: ${visible(error.message).replace(/\.$/, '')}`];
  const winner = winnerOf(error);
  if (winner !== null) lines.push(`won by transaction ${winner.gtid} of ${context.label(winner.member)}`);
  const advice = context.isDoomed ? 'the open transaction is doomed: rollback ends it' : adviceFor(error);
  if (advice !== null) lines.push(advice);
  return lines;
}

function adviceFor({ code, retry }: ConcertError): string | null {
  switch (retry) {
    case 'transaction':
      return 'nothing was written; the whole transaction may be run again';
    case 'elsewhere':
      return 'nothing was written; another member may do it: use shows them';
    case 'withKey':
      return 'it may be committed, now or later: look before you run it again';
    case 'no':
      return code === 'TRANSACTION_ABORTED' ? 'the transaction is rolled back: nothing of it was written' : null;
  }
}

function winnerOf(error: ConcertError): { readonly gtid: string; readonly member: string } | null {
  const { winner } = causeOf(error);
  if (typeof winner !== 'object' || winner === null) return null;
  const { gtid, member } = winner as { gtid?: unknown; member?: unknown };
  return typeof gtid === 'string' && typeof member === 'string' ? { gtid, member } : null;
}

/** Facts of what doomed the transaction, where it is that. */
function causeOf({ facts }: ConcertError): Readonly<Record<string, unknown>> {
  const { cause } = facts;
  return typeof cause === 'object' && cause !== null ? (cause as Readonly<Record<string, unknown>>) : facts;
}
