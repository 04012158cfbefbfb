/** Conflicts as rows of tables, for the `conflicts` of the command line and of the shell. */
import type { ConflictRow } from '../../../client/index.ts';
import { cellText } from '../display/cell-text.ts';
import type { MemberLabel } from '../member-label.ts';
import type { Cause, Distance, HotRow, Pair } from './conflict-tally.ts';

/** What a conflict about something else than a row is about. */
const REASONS: Readonly<Record<string, string>> = {
  unique: 'one unique value',
  reference: 'a reference',
  range: 'in a range read',
};

/** Values of an index are shown with its name. */
function keyCell({ item, index, key }: { item: string; index: string | undefined; key: unknown }) {
  return (item === 'unique' || item === 'reference') && index !== undefined ? `${index} ${cellText(key)}` : key;
}

/** `today`: the day of which times are shown without it, `2026-11-20`. */
export function conflictTable(conflicts: readonly ConflictRow[], label: MemberLabel, today = utcDay()) {
  return conflicts.map(({ time, table, item, index, key, reason, loser, winner, late = null }) => ({
    time: time.startsWith(`${today}T`) ? timeOf(time).slice(today.length + 1) : timeOf(time),
    table,
    key: keyCell({ item, index, key }),
    reason: reason === 'conflict' ? (REASONS[item] ?? reason) : reason,
    'lost at': label(loser.member),
    winner: winner === null ? null : label(winner.member),
    late,
  }));
}

export function hotRowTable(hotRows: readonly HotRow[]) {
  return hotRows.map(({ table, item, index, key, conflicts, lastTime }) => ({
    table,
    key: item === 'catalog' ? '(the table itself)' : keyCell({ item, index, key }),
    conflicts,
    last: timeOf(lastTime),
  }));
}

export function pairTable(pairs: readonly Pair[], label: MemberLabel) {
  return pairs.map(({ loser, winner, conflicts }) => ({
    loser: label(loser),
    winner: winner === null ? '(nobody)' : label(winner),
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
