/** What scripts are made of: how a transaction is run and concluded, and the history told. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { Isolation } from '../../node/engine/index.ts';
import type { Alteration } from './alteration-scripts.ts';
import { refusal } from './constraint-scripts.ts';
import type { Attempt, History } from './history.ts';
import type { KeyedRequests } from './keyed-requests.ts';
import { type Answer, type Ask, ConnectionLost, type Script, type SimulatedClient } from './simulated-client.ts';

export interface Workload {
  readonly history: History;
  /** Few keys: much conflict. */
  readonly keyCount: number;
  readonly schemaChangePercent: number;
  /** SERIALIZABLE transactions are judged by the serial safety net now and then; of so many scripts one changes the rule. */
  readonly ruleChangePercent: number;
  readonly slowClientPercent: number;
  /** Of tables that have indexes and refer to each other. */
  readonly constrainedPercent: number;
  /** Clients' time of day, about that of the members. */
  nowMs(): number;
  /** Requests with idempotency keys, and whether all of those are to say when they were made. */
  readonly keyed: KeyedRequests;
  readonly keysAreTimed: boolean;
  /** Now and then a row is as long. */
  readonly largeRowBytes: number;
  /** One of the situations that a batch of seeds has to meet. */
  met(situation: string): void;
  /** Answers to schema changes: the sequence number, and what was changed. */
  schemaChanged(sequenceNumber: number, op: string, table: string): void;
  altered(sequenceNumber: number, table: string, alteration: Alteration): void;
}

/** Sends the request that decides the attempt's fate, and tells the history what came of it. */
export function* decide(
  client: SimulatedClient,
  history: History,
  attempt: Attempt,
  ask: Ask,
): Generator<Ask, Answer, Answer> {
  const answer = yield* answerTo(history, attempt, ask);
  conclude(client, history, attempt, answer);
  return answer;
}

/** Without an answer, the outcome is unknown. */
export function* answerTo(history: History, attempt: Attempt, ask: Ask): Generator<Ask, Answer, Answer> {
  try {
    return yield ask;
  } catch (error) {
    history.unknown(attempt);
    throw error;
  }
}

export function conclude(client: SimulatedClient, history: History, attempt: Attempt, answer: Answer): void {
  if (answer.ok) {
    const { sequenceNumber, snapshotVersion, commitTime, increments } = answer.result;
    if (commitTime) history.toldCommitTime(commitTime);
    history.committed(attempt, { sequenceNumber, snapshotVersion, increments });
    client.seenUpTo = Math.max(client.seenUpTo, sequenceNumber ?? 0, snapshotVersion ?? 0);
    return;
  }
  const { code, snapshotVersion, purgeFloor } = answer.error!;
  if (code === 'SNAPSHOT_TOO_OLD' && purgeFloor !== undefined) history.tooOld(attempt, snapshotVersion!);
  if (code === 'UNKNOWN_OUTCOME') history.unknown(attempt);
  else history.refused(attempt);
}

/** Runs `body` between `begin` and `commit`; false from it, or a statement that fails, rolls back. */
export function* interactive(
  client: SimulatedClient,
  workload: Workload,
  attempt: Attempt,
  body: (ask: (request: object) => Generator<Ask, Answer, Answer>) => Generator<Ask, void, Answer>,
  begin: object = {},
): Script {
  const tx = `t${attempt.tag}`;
  const { history } = workload;
  function* ask(request: object): Generator<Ask, Answer, Answer> {
    const answer: Answer = yield { ...(request as { op: string }), tx };
    meet(workload, answer);
    if (!answer.ok) throw new StatementFailed(answer.error!.code);
    return answer;
  }
  try {
    yield* ask({ op: 'begin', isolation: attempt.isolation, ...begin });
    yield* body(ask);
  } catch (error) {
    // What was not asked to commit never does.
    history.refused(attempt);
    if (error instanceof ConnectionLost) throw error;
    if (!(error instanceof StatementFailed)) throw error;
    yield { op: 'rollback', tx };
    return;
  }
  if (client.random.chance(5)) {
    yield { op: 'rollback', tx };
    history.refused(attempt);
    return;
  }
  const appliedUpTo = client.appliedUpTo;
  const answer = yield* decide(client, history, attempt, { op: 'commit', tx });
  meet(workload, answer);
  if (!answer.ok) history.commitRefused(attempt, answer.error!, appliedUpTo);
}

export function meet(workload: Workload, { error }: Answer): void {
  const situation = error === undefined ? null : refusal(error);
  if (situation !== null) workload.met(situation);
}

export class StatementFailed extends Error {
  override readonly name = 'StatementFailed';
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export function drawIsolation(random: SeededRandom): Isolation {
  return random.pick<Isolation>(['REPEATABLE READ', 'REPEATABLE READ', 'SERIALIZABLE', 'READ COMMITTED']);
}
