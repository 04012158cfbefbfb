/** What somebody asks of the membership (`leave`, `join`, `expel`, `transferLeadership`), and of what others have open (`abortTransaction`). */
import { invalidArgument, noSuchOpenTransaction, type RequestError, timeout } from '../errors.ts';
import type { AbortOutcome, Administration, AdministrationOutcome, Replica } from '../replica.ts';
import type { Message } from '../statements/statement.ts';
import type { Operation } from './operations.ts';
import { refusalError } from './outcomes.ts';

type AdministrativeKind = Extract<Operation['kind'], 'leave' | 'join' | 'expel' | 'transferLeadership'>;

/** @throws RequestError */
export function administrationOf(kind: AdministrativeKind, message: Message): Administration {
  switch (kind) {
    case 'leave':
    case 'join':
      return { kind };
    case 'expel':
      return { kind, memberId: memberIdOf(message) };
    case 'transferLeadership':
      return {
        kind: 'transfer-leadership',
        memberId: message.memberId === undefined || message.memberId === null ? null : memberIdOf(message),
      };
  }
}

/** `waitedMs`: how long the group had. */
export function administrationError(
  { kind }: Administration,
  outcome: Exclude<AdministrationOutcome, { kind: 'done' }>,
  { replica, waitedMs }: { readonly replica: Replica; readonly waitedMs: number },
): RequestError {
  if (outcome.kind === 'unknown') return timeout('view', waitedMs);
  if (outcome.kind !== 'refused') return refusalError(outcome, replica);
  return invalidArgument(kind === 'leave' || kind === 'join' ? 'op' : 'memberId', outcome.problem);
}

/** `waitedMs`: how long the member that has it had. */
export function abortError(
  transactionId: string,
  outcome: Exclude<AbortOutcome, 'ended'>,
  waitedMs: number,
): RequestError {
  switch (outcome) {
    case 'not-open':
      return noSuchOpenTransaction(transactionId);
    case 'committing':
      return invalidArgument('transactionId', 'its commit was handed to the group, which decides');
    case 'not-reached':
      return invalidArgument(
        'transactionId',
        'the member that has it is not reached from here; it may be asked itself',
      );
    case 'unknown':
      return timeout('member', waitedMs);
  }
}

function memberIdOf({ memberId }: Message): string {
  if (typeof memberId === 'string' && memberId !== '') return memberId;
  throw invalidArgument('memberId', 'expected the memberId of a row of `members`');
}
