/** The arguments of `begin`, which `transact` and statements without `tx` take too. */
import type { SequenceNumber } from '../../../gcs/base/index.ts';
import { invalidArgument } from '../errors.ts';
import { DEFAULT_ISOLATION, ISOLATION_LEVELS, type Isolation } from '../isolation.ts';
import type { Limits } from '../limits.ts';
import { type PastPlace, type Present, pastPlaceOf } from '../past-place.ts';
import type { Replica } from '../replica.ts';
import { booleanOf, wholeNumberOf } from '../statements/arguments.ts';
import type { Message } from '../statements/statement.ts';
import { idempotencyKeyOf } from './keyed.ts';

export interface BeginOptions {
  readonly isolation: Isolation;
  readonly isReadOnly: boolean;
  /** The past that is read; null: the present. */
  readonly asOf: PastPlace | null;
  /** To be visible here before the snapshot is taken. */
  readonly atLeast: SequenceNumber | null;
  readonly waitTimeoutMs: number;
  /** For each locked row. */
  readonly lockTimeoutMs: number;
  /** From its arrival; null: the limits' defaults. */
  readonly timeoutMs: number | null;
  /** Executions at most, where the member may re-execute. */
  readonly attempts: number;
  readonly continuesOnError: boolean;
  /** The answer says in which layers the time went. Of `transact` and writes without `tx`; `commit` has its own. */
  readonly isProfiled: boolean;
  /** Null: none. */
  readonly idempotencyKey: string | null;
}

/** Where and when it begins. */
export interface BeginPresent extends Present {
  readonly replica: Pick<Replica, 'groupId' | 'timeReached'>;
  readonly limits: Limits;
}

export const ATTEMPTS_DEFAULT = 3;

export const BEGIN_ARGUMENTS = [
  'isolation',
  'consistency',
  'readOnly',
  'asOf',
  'atLeast',
  'timeoutMs',
  'waitTimeoutMs',
  'lockTimeoutMs',
  'onError',
  'idempotencyKey',
];

const CONSISTENCY_DEFAULT = 'EVENTUAL';
const CONSISTENCY_LEVELS: readonly unknown[] = [
  'EVENTUAL',
  'BEFORE_ON_PRIMARY_FAILOVER',
  'BEFORE',
  'AFTER',
  'BEFORE_AND_AFTER',
];

/** @throws RequestError INVALID_ARGUMENT */
export function beginOptionsOf(message: Message, present: BeginPresent): BeginOptions {
  const { limits, replica } = present;
  requireConsistency(message.consistency);
  const waitBounds = { min: 0, max: limits.transactionMsMax };
  const asOf = pastPlaceOf(message, 'asOf', present);
  const atLeast = atLeastOf(message.atLeast, replica.groupId);
  return {
    isolation: isolationOf(message.isolation),
    isReadOnly: booleanOf(message, 'readOnly') || asOf !== null,
    asOf,
    // What is to be read has to be here first.
    atLeast: typeof asOf === 'number' ? Math.max(asOf, atLeast ?? 0) : atLeast,
    waitTimeoutMs: wholeNumberOf(message, 'waitTimeoutMs', waitBounds) ?? limits.waitMsDefault,
    lockTimeoutMs: wholeNumberOf(message, 'lockTimeoutMs', waitBounds) ?? limits.lockTimeoutMsDefault,
    timeoutMs: wholeNumberOf(message, 'timeoutMs', { min: 1, max: limits.transactionMsMax }),
    attempts: wholeNumberOf(message, 'attempts', { min: 1, max: limits.attemptsMax }) ?? ATTEMPTS_DEFAULT,
    continuesOnError: onErrorOf(message.onError),
    isProfiled: booleanOf(message, 'profile'),
    idempotencyKey: idempotencyKeyOf(message.idempotencyKey),
  };
}

export function defaultBeginOptions(limits: Limits): BeginOptions {
  return {
    isolation: DEFAULT_ISOLATION,
    isReadOnly: false,
    asOf: null,
    atLeast: null,
    waitTimeoutMs: limits.waitMsDefault,
    lockTimeoutMs: limits.lockTimeoutMsDefault,
    timeoutMs: null,
    attempts: ATTEMPTS_DEFAULT,
    continuesOnError: false,
    isProfiled: false,
    idempotencyKey: null,
  };
}

/** The arguments that a request of one form may have. */
export class ArgumentNames {
  readonly #op: string;
  readonly #known: ReadonlySet<string>;
  readonly #unsupported: Readonly<Record<string, string>>;
  /** Those that make a difference to how the request is begun. */
  readonly #ofBegin: ReadonlySet<string>;

  constructor(setup: {
    op: string;
    known: readonly string[];
    unsupported?: Readonly<Record<string, string>>;
    ofBegin?: readonly string[];
  }) {
    this.#op = setup.op;
    this.#ofBegin = new Set(setup.ofBegin ?? []);
    this.#known = new Set([...setup.known, ...this.#ofBegin]);
    this.#unsupported = setup.unsupported ?? {};
  }

  /** Sorted. */
  get known(): readonly string[] {
    return [...this.#known].sort();
  }

  /** @returns Whether arguments of `begin` are among them. @throws RequestError INVALID_ARGUMENT */
  check(message: Message): boolean {
    let hasBeginArguments = false;
    for (const name in message) {
      if (!this.#known.has(name)) this.#refuse(name, message[name]);
      else if (this.#ofBegin.has(name)) hasBeginArguments = true;
    }
    return hasBeginArguments;
  }

  #refuse(name: string, value: unknown): void {
    if (!Object.hasOwn(this.#unsupported, name)) throw invalidArgument(name, `unknown argument of '${this.#op}'`);
    if (value !== undefined && value !== null && value !== false) {
      throw invalidArgument(name, `not supported by this version: ${this.#unsupported[name]}`);
    }
  }
}

function isolationOf(value: unknown): Isolation {
  if (value === undefined || value === null) return DEFAULT_ISOLATION;
  const level = ISOLATION_LEVELS.find((known) => known === value);
  if (level === undefined) throw invalidArgument('isolation', `expected one of ${ISOLATION_LEVELS.join(', ')}`);
  return level;
}

function requireConsistency(value: unknown): void {
  if (value === undefined || value === null || value === CONSISTENCY_DEFAULT) return;
  if (!CONSISTENCY_LEVELS.includes(value)) {
    throw invalidArgument('consistency', `expected one of ${CONSISTENCY_LEVELS.join(', ')}`);
  }
  throw invalidArgument('consistency', `not supported by this version: ${value}; use ${CONSISTENCY_DEFAULT}`);
}

function atLeastOf(value: unknown, groupId: string): SequenceNumber | null {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === 'string') {
    const colon = value.lastIndexOf(':');
    const digits = value.slice(colon + 1);
    const sequenceNumber = /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
    if (colon > 0 && Number.isSafeInteger(sequenceNumber)) {
      if (value.slice(0, colon) === groupId) return sequenceNumber;
      throw invalidArgument('atLeast', `the GTID is of another group; this one is ${groupId}`);
    }
  }
  throw invalidArgument('atLeast', 'expected a GTID or a sequence number');
}

function onErrorOf(value: unknown): boolean {
  if (value === undefined || value === null || value === 'abort') return false;
  if (value === 'continue') return true;
  throw invalidArgument('onError', 'expected "abort" or "continue"');
}
