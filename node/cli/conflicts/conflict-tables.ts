/** Conflicts as rows of tables, for the `conflicts` of the command line and of the shell. */
import type { ConflictRow } from '../../../client/index.ts';
import type { MemberLabel } from '../member-label.ts';
import type { Cause, Distance, HotRow, Pair } from './conflict-tally.ts';

/** `today`: the day of which times are shown without it, `2026-11-20`. */
export function conflictTable(conflicts: readonly ConflictRow[], label: MemberLabel, today = utcDay()) {
  return conflicts.map(({ time, table, item, key, reason, loser, winner, late = null }) => ({
    time: time.startsWith(`${today}T`) ? timeOf(time).slice(today.length + 1) : timeOf(time),
    table,
    key,
    reason: item === 'range' && reason === 'conflict' ? 'in a range read' : reason,
    'lost at': label(loser.member),
    winner: winner === null ? null : label(winner.member),
    late,
  }));
}

export function hotRowTable(hotRows: readonly HotRow[]) {
  return hotRows.map(({ table, item, key, conflicts, lastTime }) => ({
    table,
    key: item === 'catalog' ? '(the table itself)' : key,
    conflicts,
    last: timeOf(lastTime),
  }));
}

export function pairTable(pairs: readonly Pair[], label: MemberLabel) {
  return pairs.map(({ loser, winner, conflicts }) => ({
    loser: label(loser),
    winner: winner === null ? '(snapshot too old)' : label(winner),
    conflicts,
  }));
}

export function causeTable(causes: readonly Cause[]) {
  return causes.map(({ cause, conflicts }) => ({ cause: CAUSES[cause] ?? cause, conflicts }));
}

/** How many transactions late losers were, in steps. */
export function distanceTable(distances: readonly Distance[]) {
  return distances.map(({ upTo, conflicts }) => ({
    'transactions late': upTo === null ? 'more' : `up to ${upTo}`,
    conflicts,
  }));
}

const CAUSES: Readonly<Record<string, string>> = {
  row: 'row written meanwhile',
  range: 'written into a range read',
  unique: 'unique value taken meanwhile',
  reference: 'referenced key changed meanwhile',
  bounds: 'increment out of bounds',
  catalog: 'table changed meanwhile',
  'snapshot-too-old': 'snapshot too old',
  'dangerous-structure': 'dangerous structure of reads',
};

/** `2026-11-20 09:00:00.123` of an ISO time. */
export function timeOf(time: string): string {
  return time.replace('T', ' ').replace('Z', '');
}

function utcDay(): string {
  return new Date().toISOString().slice(0, 10);
}
