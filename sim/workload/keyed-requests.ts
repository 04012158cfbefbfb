/**
 * Requests with idempotency keys, which clients send again, at whichever member they are then: because nobody told them what
 * became of it, or just so. Each is one attempt of the history, however often it is sent: so one that is ordered twice
 * is found there. What is answered first is what must be answered ever after.
 */
import type { SeededRandom } from '../../gcs/base/index.ts';
import { type Attempt, type History, type Key, rowName } from './history.ts';
import { type Answer, type Ask, ConnectionLost, type Script, type SimulatedClient } from './simulated-client.ts';

/** A request, as it may be sent again. */
interface KeyedRequest {
  readonly key: string;
  readonly attempt: Attempt;
  readonly form: 'alone' | 'transact' | 'begin';
  /** A `put`, an `update` or an `insert`, of which each has its own answer. */
  readonly statements: readonly ({ readonly op: string } & Readonly<Record<string, unknown>>)[];
  /** The facts that were answered first; null: none yet. */
  first: string | null;
  /** Nobody can say that an earlier sending will not commit yet. */
  isOpen: boolean;
  /** Somebody has asked for it. */
  isFenced: boolean;
  /** How often it is sent again at most. */
  repeats: number;
}

export interface KeyedTarget {
  readonly table: string;
  readonly key: Key;
  readonly keyArgument: unknown;
  /** The row as `put` takes it. */
  rowOf(tag: number): object;
}

/** What clients have sent and may send again; the same for all of them. */
export class KeyedRequests {
  readonly #waiting: KeyedRequest[] = [];

  /** `drawTargets`: rows of different keys, one at least. */
  *script(
    client: SimulatedClient,
    setup: {
      readonly history: History;
      readonly nowMs: number;
      /** All keys say when they were made. */
      readonly isTimed: boolean;
      readonly drawTargets: () => readonly KeyedTarget[];
      readonly met: (situation: string) => void;
    },
  ): Script {
    const { random } = client;
    const { history, met } = setup;
    const waiting = this.#waiting;
    const isNew = waiting.length === 0 || random.chance(40);
    const request = isNew ? newRequest(random, setup) : waiting.splice(random.below(waiting.length), 1)[0]!;
    const how = isNew ? 'send' : random.pick(['send', 'send', 'send', 'send', 'outcome', 'fence']);
    if (how === 'fence') request.isFenced = true;
    // Another client may send it while this one waits.
    if (isNew && random.chance(30)) waiting.push(request);
    let answer: Answer;
    try {
      answer = yield* how === 'send'
        ? send(request, random)
        : ask({ op: 'outcome', idempotencyKey: request.key, ...(how === 'fence' && { fence: true }) });
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
      this.#notTold(request, history);
      throw error;
    }
    const code = answer.error?.code;
    if (answer.ok && answer.result.state === undefined) {
      if (answer.result.replayed) met('a request is replayed');
      if (answer.result.replayed && request.first === null) met('an unknown outcome is found out by its key');
      committed(request, answer.result, setup);
    } else if (code === 'KEY_FENCED' || answer.result?.state === 'fenced') fenced(request, setup);
    else if (code === 'UNKNOWN_OUTCOME') return this.#notTold(request, history);
    else if (code === 'KEY_REUSED') return history.keyFailed(request.attempt, 'is told that its key was reused');
    else if (code === 'KEY_EXPIRED') {
      return met('a key is too old');
    }
    this.#again(request, random);
  }

  #notTold(request: KeyedRequest, history: History): void {
    if (!request.isOpen && request.first === null) history.unknown(request.attempt);
    request.isOpen = true;
    if (!this.#waiting.includes(request)) this.#waiting.push(request);
  }

  #again(request: KeyedRequest, random: SeededRandom): void {
    if (this.#waiting.includes(request)) return;
    if (request.repeats-- > 0 || random.chance(5)) this.#waiting.push(request);
  }
}

function newRequest(
  random: SeededRandom,
  setup: {
    readonly history: History;
    readonly nowMs: number;
    readonly isTimed: boolean;
    readonly drawTargets: () => readonly KeyedTarget[];
  },
): KeyedRequest {
  const { history, nowMs, isTimed, drawTargets } = setup;
  const form = random.pick(['alone', 'transact', 'transact', 'begin'] as const);
  const targets = form === 'alone' ? drawTargets().slice(0, 1) : drawTargets();
  const attempt = history.begin(`${form} with a key`, 0);
  const statements = targets.map(({ table, key, keyArgument, rowOf }) => {
    // Whether an insert fails depends on when it is executed: it is not sent where that would matter.
    const op = random.pick(form === 'begin' ? ['put'] : ['put', 'put', 'update', 'insert']);
    if (op === 'update') {
      attempt.mayWrite.add(rowName(table, key));
      return { op, table, key: keyArgument, set: { tag: attempt.tag } };
    }
    attempt.mustWrite.add(rowName(table, key));
    return { op, table, row: rowOf(attempt.tag) };
  });
  return {
    key: isTimed || random.chance(70) ? uuidOf(nowMs, random) : `key ${attempt.tag}`,
    attempt,
    form,
    statements,
    first: null,
    isOpen: false,
    isFenced: false,
    repeats: random.pick([0, 1, 1, 3]),
  };
}

function* ask(request: Ask): Generator<Ask, Answer, Answer> {
  return yield request;
}

/** Short deadlines now and then: the outcome is unknown. */
function* send(request: KeyedRequest, random: SeededRandom): Generator<Ask, Answer, Answer> {
  const { form, statements, key: idempotencyKey, attempt } = request;
  const how = { idempotencyKey, ...(random.chance(30) && { timeoutMs: random.between(1, 60) }) };
  if (form !== 'begin') {
    const isSentTwice = random.chance(30);
    // Whatever is answered here, the other one may commit.
    if (isSentTwice) request.isOpen = true;
    const twice = { ...how, ...(isSentTwice && { isSentTwice }) };
    if (form === 'alone') return yield { ...statements[0]!, ...twice };
    return yield { op: 'transact', steps: statements, ...twice };
  }
  const tx = `k${attempt.tag}`;
  const begun: Answer = yield { op: 'begin', tx, ...how };
  if (!begun.ok) return begun;
  for (const statement of statements) {
    const answer: Answer = yield { ...statement, tx };
    if (answer.ok || begun.result.replayed) continue;
    yield { op: 'rollback', tx };
    return answer;
  }
  const answer: Answer = yield { op: 'commit', tx };
  if (!answer.ok) yield { op: 'rollback', tx };
  return answer;
}

/** Facts of a commit that wrote nothing bind nothing. */
function committed(
  request: KeyedRequest,
  result: { readonly sequenceNumber: number | null; readonly snapshotVersion: number | null },
  { history }: { readonly history: History },
): void {
  const { attempt } = request;
  if (result.sequenceNumber === null) return;
  const { replayed: _replayed, tx: _tx, attempts: _attempts, ...facts } = result as Record<string, unknown>;
  // What `begin` and `outcome` tell of it has no result of its statements, or has it under another form.
  const shown = JSON.stringify(Object.entries(facts).sort(([one], [other]) => (one < other ? -1 : 1)));
  if (request.first === null) {
    request.first = shown;
    history.committed(attempt, result);
    return;
  }
  if (request.first !== shown) {
    history.keyFailed(attempt, `is answered ${shown}, and was ${request.first} before`);
  }
}

/** It has not committed, and does not any more. */
function fenced(request: KeyedRequest, { history, met }: { readonly history: History; met(situation: string): void }) {
  const { attempt, first, isFenced } = request;
  if (!isFenced) history.keyFailed(attempt, 'is told that it is fenced, and nobody asked for that');
  if (first !== null) history.keyFailed(attempt, 'had committed, and is told that it is fenced');
  met('a key is fenced');
  if (attempt.outcome !== 'refused') history.refused(attempt);
}

/** A UUID of version 7. */
function uuidOf(nowMs: number, random: SeededRandom): string {
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  const digits = (count: number) => Array.from({ length: count }, () => random.below(16).toString(16)).join('');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digits(3)}-8${digits(3)}-${digits(12)}`;
}
