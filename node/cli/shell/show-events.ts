/** Events of a subscription as lines, one for each change of a row or table, view or conflict. */
import type {
  ChangeEvent,
  ConflictEvent,
  SchemaChangeEvent,
  VariableChangeEvent,
  ViewEvent,
} from '../../../client/index.ts';
import { timeOf } from '../conflicts/conflict-tables.ts';
import { cellText } from '../display/cell-text.ts';
import type { MemberLabel } from '../member-label.ts';

export type StreamEvent = ChangeEvent | SchemaChangeEvent | VariableChangeEvent | ViewEvent | ConflictEvent;

export function eventLines(event: StreamEvent, label: MemberLabel): string[] {
  switch (event.event) {
    case 'change':
      return event.rows.map(({ table, key, before, after }) => {
        return `${originText(event, label)}  ${table} ${cellText(key)}  ${changeText(before, after)}`;
      });
    case 'schemaChange':
      return [`${originText(event, label)}  ${event.table}  ${event.change}`];
    case 'variableChange':
      return [`${originText(event, label)}  ${event.name} is ${event.value}`];
    case 'view': {
      const members = event.members.map(({ memberId, state, role, reachable }) => {
        return `${label(memberId)} ${state} ${role}${reachable ? '' : ', not reachable'}`;
      });
      return [`view ${event.viewId}: ${members.join('; ')}`];
    }
    case 'conflict': {
      const { time, table, key, reason, loser, winner } = event.conflict;
      const won = winner === null ? '' : `, won by ${winner.gtid} of ${label(winner.member)}`;
      return [`${timeOf(time)}  ${table} ${cellText(key)}  ${reason}: lost at ${label(loser.member)}${won}`];
    }
    default:
      // Of a member that knows more than this shell.
      return [cellText(event)];
  }
}

function originText(
  { sequenceNumber, commitTime, member }: ChangeEvent | SchemaChangeEvent | VariableChangeEvent,
  label: MemberLabel,
): string {
  return `${sequenceNumber}  ${timeOf(commitTime)}  ${label(member)}`;
}

function changeText(before: unknown, after: unknown): string {
  if (before === null) return `inserted ${cellText(after)}`;
  if (after === null) return `deleted ${cellText(before)}`;
  return `${cellText(before)} → ${cellText(after)}`;
}
