/** What happened in a run, as data for reports and plots. Times are milliseconds since its start. */
import type { LocalGroup } from '../group/local-group.ts';
import { mayHaveEnded } from './inject.ts';

export interface Timeline {
  /** ISO time. */
  readonly startedAt: string;
  readonly endedMs: number;
  readonly steps: readonly DoneStep[];
  /** What the members logged of their states: state, leader, quorum, suspicion, ready, failed, stopped. */
  readonly events: readonly MemberEvent[];
  /** Processes that ended. */
  readonly ends: readonly MemberEnd[];
  readonly commits: Commits;
}

export interface DoneStep {
  readonly atMs: number;
  readonly tookMs: number;
  readonly kind: 'inject' | 'heal' | 'request';
  readonly name: string;
  /** The fault or the request. */
  readonly what: unknown;
  /** Why it could not be done; for a request: what it was refused with. */
  readonly error: string | null;
}

export interface MemberEvent {
  readonly atMs: number;
  readonly member: string;
  readonly event: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export interface MemberEnd {
  readonly atMs: number;
  readonly member: string;
  readonly code: number | null;
  readonly signal: string | null;
  /** A fault was there that may end a member. */
  readonly isExplained: boolean;
  /** Its last words. */
  readonly said: string;
}

/** Acknowledgements by member: how many in each of the spans that follow each other from the start. */
export interface Commits {
  readonly everyMs: number;
  readonly byMember: Readonly<Record<string, readonly number[]>>;
}

const SHOWN_EVENTS = new Set(['ready', 'state', 'leader', 'quorum', 'suspicion', 'failed', 'stopped']);

/** `since` to `upTo`: by the system's time of day. */
export function eventsOf(group: LocalGroup, since: number, upTo: number): MemberEvent[] {
  const events = group.members.flatMap(({ name, processes }) =>
    processes.flatMap((process) =>
      process.events
        .filter(({ event }) => SHOWN_EVENTS.has(event))
        .map(({ event, time, level: _level, ...facts }) => {
          return { atMs: Date.parse(time as string) - since, member: name, event, facts };
        }),
    ),
  );
  return events.filter(({ atMs }) => atMs >= 0 && atMs <= upTo - since).sort((a, b) => a.atMs - b.atMs);
}

export function endsOf(group: LocalGroup, since: number, upTo: number): MemberEnd[] {
  const ends = group.members.flatMap((member) =>
    member.processes.flatMap(({ end, endedAtMs, errors }) => {
      if (end === null || endedAtMs === null || endedAtMs < since || endedAtMs > upTo) return [];
      const isExplained = mayHaveEnded(group, member, endedAtMs);
      return [{ atMs: endedAtMs - since, member: member.name, ...end, isExplained, said: errors.trimEnd() }];
    }),
  );
  return ends.sort((a, b) => a.atMs - b.atMs);
}

/** `acknowledgedMs`: of each member, ascending, since the start. */
export function commitsOf(
  acknowledgedMs: ReadonlyMap<string, readonly number[]>,
  { everyMs, endedMs }: { everyMs: number; endedMs: number },
): Commits {
  const spans = Math.max(1, Math.ceil(endedMs / everyMs));
  const byMember: Record<string, number[]> = {};
  for (const [name, times] of acknowledgedMs) {
    const counts = new Array<number>(spans).fill(0);
    for (const atMs of times) {
      const span = Math.floor(atMs / everyMs);
      if (span >= 0 && span < spans) counts[span]!++;
    }
    byMember[name] = counts;
  }
  return { everyMs, byMember };
}
