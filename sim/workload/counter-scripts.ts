/** Clients of the hot counters: see `counters.ts`. */
import type { SeededRandom } from '../../gcs/base/index.ts';
import type { ShadowIncrement } from '../observers/shadow-increments.ts';
import { COUNTER_TABLE, COUNTERS } from './counters.ts';
import { type Attempt, type Row, rowName, TAG } from './history.ts';
import { answerTo, conclude, drawIsolation, interactive, StatementFailed, type Workload } from './script-parts.ts';
import type { Answer, Ask, Script, SimulatedClient } from './simulated-client.ts';

const NOTED_TABLE = 'app.one';

export const COUNTER_DEFINITION = {
  primaryKey: ['id'],
  columns: { id: { type: 'integer' }, n: { type: 'integer' }, m: { type: 'decimal' }, d: { type: 'double' } },
};

const ZERO = { n: 0, m: '0', d: 0 };

/** Those that there are stay. */
export function* openCounters(): Generator<Ask, void, Answer> {
  for (let id = 0; id < COUNTERS; id++) yield { op: 'insert', table: COUNTER_TABLE, row: { id, ...ZERO } };
}

interface Drawn {
  readonly id: number;
  readonly increment: ShadowIncrement;
  readonly statement: { readonly op: 'increment' } & Readonly<Record<string, unknown>>;
}

/** Half of them take from a stock that is nearly gone, or add to it. */
function drawIncrement(random: SeededRandom): Drawn {
  const id = random.below(COUNTERS);
  if (random.chance(50))
    return drawn(id, 'n', random.chance(75) ? -random.between(1, 8) : random.between(5, 20), 0, null);
  const column = random.pick(['n', 'n', 'm', 'd']);
  const amount = random.between(1, 20) * random.pick([1, 1, -1]);
  const by =
    column === 'n'
      ? amount
      : column === 'd'
        ? amount / 4
        : `${amount < 0 ? '-' : ''}0.${String(Math.abs(amount)).padStart(2, '0').replace(/0$/, '')}`;
  const bound = (value: number): unknown => (column === 'm' ? String(value) : value);
  const min = random.chance(20) ? bound(random.pick([0, -5, 10])) : null;
  const max = random.chance(20) ? bound(random.pick([20, 50, 100])) : null;
  return drawn(id, column, by, min, max);
}

function drawn(id: number, column: string, by: unknown, min: unknown, max: unknown): Drawn {
  const bounds = { ...(min !== null && { min }), ...(max !== null && { max }) };
  return {
    id,
    increment: { column, by, min, max },
    statement: { op: 'increment', table: COUNTER_TABLE, key: id, column, by, ...bounds },
  };
}

/** Increments counters, in one statement, several steps, or a transaction that looks at them in between. */
export function* count(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const how = random.pick(['alone', 'alone', 'steps', 'interactive', 'interactive']);
  if (how === 'interactive') return yield* countAndLook(client, workload);
  const { history } = workload;
  const isolation = how === 'alone' ? 'REPEATABLE READ' : drawIsolation(random);
  const attempt = history.begin(`increment ${how}`, client.seenUpTo, isolation);
  const drawn = Array.from({ length: how === 'alone' ? 1 : random.between(1, 4) }, () => drawIncrement(random));
  for (const { id, increment } of drawn) attempt.counters.add(id, increment);
  const attempts = random.pick([1, 3]);
  if (how === 'alone') {
    const answer = yield* answerTo(history, attempt, { ...drawn[0]!.statement, attempts });
    return conclude(client, history, attempt, answer);
  }
  const steps: object[] = drawn.map(({ statement }) => statement);
  if (random.chance(50)) steps.push(noteOf(client, attempt));
  const answer = yield* answerTo(history, attempt, { op: 'transact', isolation, steps, attempts });
  conclude(client, history, attempt, answer);
}

/** A row that says whose increments these are, also where nobody is answered. */
function noteOf(client: SimulatedClient, attempt: Attempt): object {
  const id = client.random.below(30);
  attempt.mustWrite.add(rowName(NOTED_TABLE, [id]));
  return { op: 'put', table: NOTED_TABLE, row: { id, [TAG]: attempt.tag, padding: '' } };
}

function* countAndLook(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const attempt = workload.history.begin('increment and look', client.seenUpTo, drawIsolation(random));
  const { counters } = attempt;
  const isSlow = random.chance(workload.slowClientPercent);
  yield* interactive(client, workload, attempt, function* (ask) {
    for (let times = random.between(1, 4); times > 0; times--) {
      const { id, increment, statement } = drawIncrement(random);
      const isUndone = random.chance(20);
      if (isUndone) yield* ask({ op: 'savepoint', name: 'before' });
      yield* ask(statement);
      if (isUndone) {
        if (random.chance(30)) yield* ask({ op: 'get', table: COUNTER_TABLE, key: id });
        yield* ask({ op: 'rollbackTo', name: 'before' });
      } else counters.add(id, increment);
      if (random.chance(60))
        yield { waitMs: isSlow ? random.between(100, 2000) : random.between(1, random.pick([40, 400])) };
      if (random.chance(40)) {
        const seen = random.chance(70) ? id : random.below(COUNTERS);
        const isLocked = random.chance(40);
        const lock = isLocked ? { forUpdate: true } : {};
        counters.see(seen, (yield* ask({ op: 'get', table: COUNTER_TABLE, key: seen, ...lock })).result, isLocked);
      } else if (random.chance(20)) {
        const { rows } = (yield* ask({ op: 'scan', table: COUNTER_TABLE })).result;
        for (let seen = 0; seen < COUNTERS; seen++)
          counters.see(seen, rows.find((row: Row) => row.id === seen) ?? null);
      }
    }
    if (random.chance(50)) yield* ask(noteOf(client, attempt));
  });
}

/** Reads a counter, and puts it anew or deletes it; one that there is not is made, often right behind that. */
export function* resetCounter(client: SimulatedClient, workload: Workload): Script {
  const id = client.random.below(COUNTERS);
  const isGone = yield* resetOne(client, workload, id);
  if (isGone && client.random.chance(70)) yield* resetOne(client, workload, id);
}

/** Whether it is deleted. */
function* resetOne(client: SimulatedClient, workload: Workload, id: number): Generator<Ask, boolean, Answer> {
  const { random } = client;
  let isGone = false;
  const attempt = workload.history.begin(
    'reset a counter',
    client.seenUpTo,
    random.pick(['REPEATABLE READ', 'SERIALIZABLE']),
  );
  yield* interactive(client, workload, attempt, function* (ask) {
    const found: Row | null = (yield* ask({ op: 'get', table: COUNTER_TABLE, key: id })).result;
    attempt.counters.see(id, found);
    if (random.chance(50)) yield { waitMs: random.between(1, 60) };
    const row = { id, n: random.between(0, 30), m: random.pick(['0', '7.5', '-3.25']), d: random.pick([0, 1.5]) };
    if (found === null) {
      yield* ask({ op: 'insert', table: COUNTER_TABLE, row });
      workload.met('a counter is made anew');
    } else if (random.chance(50)) {
      yield* ask({ op: 'put', table: COUNTER_TABLE, row });
    } else {
      const { result } = yield* ask({ op: 'delete', table: COUNTER_TABLE, key: id });
      if (result.matched !== 1) throw new StatementFailed('no counter');
      attempt.counters.replaced.push({ id, found, by: null });
      isGone = true;
      return;
    }
    attempt.counters.replaced.push({ id, found, by: row });
  });
  return isGone;
}
