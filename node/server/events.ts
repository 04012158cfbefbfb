/** What a member tells its operator: one line of JSON an event, on standard output. All events are listed here. */
import { type Logger, pino } from 'pino';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

/** Level of each event; see `levelOf`. */
const EVENTS = {
  /** Both ports are open. Facts: where. Once. */
  ready: 'info',
  /** The member state changed. */
  state: 'info',
  /** The member knows its group: now created, or found in its data directory. */
  formed: 'info',
  /** Rebuilt from its data directory. */
  recovered: 'info',
  /** Another member leads the group's log, or none does. */
  leader: 'info',
  /** A majority of the group is reached again, or no longer. */
  quorum: 'warn',
  /** A member is no longer reached from here, or is again. */
  suspicion: 'warn',
  /** A connection between members was refused, here or there. */
  refusedPeer: 'warn',
  /** The membership changed, or which one is in force at the start. */
  view: 'info',
  /** The disk is full, or has room again. */
  room: 'warn',
  /** Something of the data directory cannot be read. */
  damage: 'warn',
  /** A state transfer or a repair of the log begins, is through, or failed and is tried again. */
  transfer: 'info',
  /** Indexes and constraints that an alteration added are being built by this member: begun, gone on, or over. */
  build: 'info',
  /** No member can be elected with what is left of the logs. Facts: why, and what to do. */
  stuck: 'error',
  /** The member begins anew within its process. */
  restart: 'warn',
  /** A client of this member lost a conflict: facts as in `conflicts`, and how many before it were left out. */
  conflict: 'info',
  /** A transaction took as long as --slow-transaction-ms. Facts: which, what it wrote, and where its time went. */
  slowTransaction: 'warn',
  /** A clean stop has begun. */
  stopping: 'info',
  /** Everything is closed. */
  stopped: 'info',
  /** The member cannot go on; the process ends. */
  failed: 'error',
} as const satisfies Readonly<Record<string, Exclude<LogLevel, 'silent'>>>;

export type EventName = keyof typeof EVENTS;

/** What says by this fact that it is over is no warning. */
const OVER_BY: Partial<Record<EventName, string>> = { quorum: 'hasQuorum', suspicion: 'reachable', room: 'hasRoom' };

export function levelOf(name: EventName, facts: Readonly<Record<string, unknown>>): Exclude<LogLevel, 'silent'> {
  const over = OVER_BY[name];
  return over !== undefined && facts[over] === true ? 'info' : EVENTS[name];
}

export interface EventLog {
  event(name: EventName, facts: Readonly<Record<string, unknown>>): void;
}

export function eventLog(level: LogLevel): EventLog {
  const logger: Logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Events are rare, and the last one before an end must not be lost.
    pino.destination({ dest: 1, sync: true }),
  );
  return {
    event(name, facts) {
      logger[levelOf(name, facts)]({ event: name, ...facts });
    },
  };
}
