import {
  type Anomaly,
  checkHistory,
  type HistoryTransaction,
  LEVELS,
  type Level,
  type VersionOrder,
} from '../index.ts';

export const ALL_LEVELS = Object.keys(LEVELS) as readonly Level[];

/** `G-single`, or `G-single, process`. */
export function nameOf(anomaly: Anomaly): string {
  return 'cycle' in anomaly && anomaly.needs !== 'nothing' ? `${anomaly.kind}, ${anomaly.needs}` : anomaly.kind;
}

/** Names of all that is in a history, whatever allows it, sorted. */
export function kindsFound(
  history: readonly HistoryTransaction[],
  versionOrder: VersionOrder = 'reads',
): readonly string[] {
  const { violations, allowed } = checkHistory(history, { level: 'strict serializable', versionOrder });
  return [...violations, ...allowed].map(nameOf).sort();
}

/** The levels at which a history has violations. */
export function levelsThatForbid(
  history: readonly HistoryTransaction[],
  versionOrder: VersionOrder = 'reads',
): readonly Level[] {
  return ALL_LEVELS.filter((level) => checkHistory(history, { level, versionOrder }).violations.length > 0);
}
