/** Events of a subscription as lines, one for each change of a row, view or conflict. */
import type { ChangeEvent, ConflictEvent, ViewEvent } from '../../../client/index.ts';
import { timeOf } from '../conflicts/conflict-tables.ts';
import { cellText } from '../display/cell-text.ts';
import type { MemberLabel } from '../member-label.ts';

export type StreamEvent = ChangeEvent | ViewEvent | ConflictEvent;

export function eventLines(event: StreamEvent, label: MemberLabel): string[] {
  switch (event.event) {
    case 'change': {
      const { sequenceNumber, commitTime, member, rows } = event;
      const by = `${sequenceNumber}  ${timeOf(commitTime)}  ${label(member)}`;
      return rows.map(
        ({ table, key, before, after }) => `${by}  ${table} ${cellText(key)}  ${changeText(before, after)}`,
      );
    }
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
  }
}

function changeText(before: unknown, after: unknown): string {
  if (before === null) return `inserted ${cellText(after)}`;
  if (after === null) return `deleted ${cellText(before)}`;
  return `${cellText(before)} → ${cellText(after)}`;
}
