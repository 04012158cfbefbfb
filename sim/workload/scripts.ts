/** What clients do. Each script is one transaction, or one change of the schema; `History` is told what came of it. */
import { formatIsoTime, type SeededRandom } from '../../gcs/base/index.ts';
import type { Isolation } from '../../node/engine/index.ts';
import { ALTERED_TABLE, drawAlteration, drawAlteredRow } from './alteration-scripts.ts';
import { CONSTRAINED_TABLES, drawConstrained } from './constraint-scripts.ts';
import { COUNTER_DEFINITION, count, openCounters, resetCounter } from './counter-scripts.ts';
import { COUNTER_TABLE } from './counters.ts';
import {
  type Attempt,
  type History,
  type Key,
  LEDGER_ACCOUNTS,
  LEDGER_TABLE,
  LEDGER_TOTAL,
  type Row,
  rowName,
  type ScannedPart,
  TAG,
} from './history.ts';
import {
  answerTo,
  conclude,
  decide,
  drawIsolation,
  interactive,
  meet,
  StatementFailed,
  type Workload,
} from './script-parts.ts';
import type { Answer, Ask, Script, SimulatedClient } from './simulated-client.ts';

export const ONE_TABLE = 'app.one';
export const TWO_TABLE = 'app.two';
/** Altered, dropped, truncated and created again while others write to it. */
export const CHANGING_TABLE = 'app.changing';

const INTEGER = { type: 'integer' };

/** All tables by name: arguments of `createTable`. */
export const TABLES: Readonly<Record<string, object>> = {
  [ONE_TABLE]: { primaryKey: ['id'], columns: { id: INTEGER, tag: INTEGER, padding: { type: 'text' } } },
  [TWO_TABLE]: { primaryKey: ['name', 'id'] },
  [CHANGING_TABLE]: ALTERED_TABLE,
  [COUNTER_TABLE]: COUNTER_DEFINITION,
  [LEDGER_TABLE]: { primaryKey: ['account'], columns: { account: INTEGER, balance: INTEGER, tag: INTEGER } },
  ...CONSTRAINED_TABLES,
};

interface Target {
  readonly table: string;
  readonly key: Key;
}

function drawTarget(random: SeededRandom, workload: Workload): Target {
  const id = random.below(workload.keyCount);
  const table = random.pick([ONE_TABLE, ONE_TABLE, TWO_TABLE, CHANGING_TABLE]);
  return { table, key: table === TWO_TABLE ? [random.pick(['a', 'b\0', 'ü']), id] : [id] };
}

function drawTargets(random: SeededRandom, workload: Workload, count: number): readonly Target[] {
  const targets = new Map<string, Target>();
  for (let i = 0; i < count; i++) {
    const target = drawTarget(random, workload);
    targets.set(rowName(target.table, target.key), target);
  }
  return [...targets.values()];
}

function keyArgument({ key }: Target): unknown {
  return key.length === 1 ? key[0] : key;
}

interface RowSizes {
  readonly keyCount: number;
  readonly random: SeededRandom;
  readonly largeRowBytes: number;
}

/** Some rows are larger than a sector of the disk, or than a segment of the log. */
function rowOf({ table, key }: Target, tag: number, { random, largeRowBytes, keyCount }: RowSizes): Row {
  if (table === CHANGING_TABLE) return { id: key[0], tag, ...drawAlteredRow(random, keyCount) };
  const padding = '.'.repeat(random.below(random.pick([10, 10, 10, 10, 2000, largeRowBytes])));
  return table === TWO_TABLE ? { name: key[0], id: key[1], tag, padding } : { id: key[0], tag, padding };
}

/** One statement, a transaction of its own. */
function* writeAlone(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history } = workload;
  const target = drawTarget(random, workload);
  const op = random.pick(['put', 'put', 'insert', 'update', 'update', 'delete']);
  const attempt = history.begin(`${op} ${rowName(target.table, target.key)}`, client.seenUpTo);
  const { table } = target;
  const name = rowName(table, target.key);
  if (op === 'put' || op === 'insert') attempt.mustWrite.add(name);
  else if (op === 'update') attempt.mayWrite.add(name);
  const argument =
    op === 'put' || op === 'insert'
      ? { row: rowOf(target, attempt.tag, { random, ...workload }) }
      : op === 'update'
        ? { key: keyArgument(target), set: { tag: attempt.tag } }
        : { key: keyArgument(target) };
  const attempts = random.pick([1, 3, 10]);
  const timeout = random.chance(10) ? { timeoutMs: random.between(1, 2000) } : {};
  const answer = yield* answerTo(history, attempt, { op, table, attempts, ...timeout, ...argument });
  if (answer.ok && op === 'delete' && answer.result.matched === 1) attempt.deletes.push(target);
  conclude(client, history, attempt, answer);
}

/** Several statements in one request. */
function* transact(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history } = workload;
  const isolation = drawIsolation(random);
  const attempt = history.begin('transact', client.seenUpTo, isolation);
  const steps: object[] = [];
  const reads: ((result: Row | null) => void)[] = [];
  for (const target of drawTargets(random, workload, random.between(1, 5))) {
    const { table, key } = target;
    const name = rowName(table, key);
    const forUpdate = random.chance(20);
    steps.push({ op: 'get', table, key: keyArgument(target), ...(forUpdate && { forUpdate }) });
    reads.push((row) => {
      attempt.read(table, key, row);
      if (forUpdate) attempt.hold(table, key, row);
    });
    const op = random.pick(['put', 'update', 'delete', 'nothing']);
    if (op === 'nothing') continue;
    if (op === 'put') {
      steps.push({ op, table, row: rowOf(target, attempt.tag, { random, ...workload }) });
      attempt.mustWrite.add(name);
    } else if (op === 'update') {
      steps.push({ op, table, key: keyArgument(target), set: { tag: attempt.tag } });
      attempt.mayWrite.add(name);
    } else steps.push({ op, table, key: keyArgument(target) });
    reads.push((result) => {
      if (op === 'delete' && result!.matched === 1) attempt.deletes.push(target);
    });
  }
  const ask: Ask = { op: 'transact', isolation, steps, attempts: random.pick([1, 3]) };
  const answer = yield* answerTo(history, attempt, ask);
  if (answer.ok) for (const [i, result] of (answer.result.results as (Row | null)[]).entries()) reads[i]!(result);
  conclude(client, history, attempt, answer);
}

/** Reads rows and writes some of them. */
function* readModifyWrite(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history } = workload;
  const isolation = drawIsolation(random);
  const attempt = history.begin('read, modify, write', client.seenUpTo, isolation);
  const isSlow = random.chance(workload.slowClientPercent);
  yield* interactive(client, workload, attempt, function* (ask) {
    for (const target of drawTargets(random, workload, random.between(1, 4))) {
      const { table, key } = target;
      const name = rowName(table, key);
      const got = yield* ask({ op: 'get', table, key: keyArgument(target) });
      attempt.read(table, key, got.result);
      if (isSlow) yield { waitMs: random.between(100, 3000) };
      else if (random.chance(30)) yield { waitMs: random.between(1, 20) };
      const op = random.pick(['put', 'update', 'delete', 'insert', 'nothing']);
      if (op === 'put' || (op === 'insert' && got.result === null)) {
        yield* ask({ op, table, row: rowOf(target, attempt.tag, { random, ...workload }) });
        attempt.mustWrite.add(name);
      } else if (op === 'update' || op === 'delete') {
        const condition = conditionOf(attempt, got.result, TAG);
        const change = op === 'update' ? { set: { tag: attempt.tag } } : {};
        const { result } = yield* ask({ op, table, key: keyArgument(target), ...condition, ...change });
        if (result.matched === 1 && got.result !== null) attempt.changed(table, key, got.result.tag);
        if (result.matched === 1 && op === 'update') attempt.mustWrite.add(name);
        if (result.matched === 1 && op === 'delete') attempt.deletes.push(target);
      }
      const isDeleted = attempt.deletes.includes(target);
      if (isDeleted || attempt.mustWrite.has(name)) {
        const seen = random.chance(50)
          ? (yield* ask({ op: 'get', table, key: keyArgument(target) })).result
          : rowAmong((yield* ask({ op: 'scan', table })).result.rows, target);
        history.readOwn(attempt, { table, key, tag: isDeleted ? null : attempt.tag }, seen);
      }
    }
  });
}

function rowAmong(rows: readonly Row[], { table, key }: Target): Row | null {
  const columns = table === TWO_TABLE ? ['name', 'id'] : ['id'];
  return rows.find((row) => columns.every((column, i) => row[column] === key[i])) ?? null;
}

/** Reads whole tables, for long perhaps. */
function* readTables(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const attempt = workload.history.begin('read tables', client.seenUpTo, drawIsolation(random));
  const isSlow = random.chance(workload.slowClientPercent);
  yield* interactive(client, workload, attempt, function* (ask) {
    for (let times = random.between(1, 3); times > 0; times--) {
      const table = random.pick([ONE_TABLE, TWO_TABLE, LEDGER_TABLE]);
      const scanned = yield* ask({ op: 'scan', table });
      attempt.scanned({ table }, scanned.result.rows);
      yield { waitMs: isSlow ? random.between(500, 4000) : random.between(1, 30) };
    }
  });
}

/** Reads the past, by time mostly: written anywhere, and perhaps not here yet. */
function* readPast(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history } = workload;
  const asOf = drawPastPlace(client, history);
  if (asOf === null) return;
  const attempt = history.begin(`read the past at ${asOf}`, 0, drawIsolation(random));
  const table = random.pick([ONE_TABLE, TWO_TABLE, LEDGER_TABLE]);
  const steps = [{ op: 'scan', table }];
  const waitTimeoutMs = random.pick([0, 300, 5000]);
  const { isolation } = attempt;
  const answer = yield* answerTo(history, attempt, { op: 'transact', isolation, steps, asOf, waitTimeoutMs });
  if (answer.ok) {
    attempt.scanned({ table }, answer.result.results[0].rows);
    history.readAsOf(asOf, answer.result.snapshotVersion);
    workload.met('the past is read by its time');
  } else if (answer.error!.code === 'SNAPSHOT_TOO_OLD' && answer.error!.oldest !== undefined) {
    history.pastRefused(asOf, answer.error!.oldest);
    workload.met('a past is not held any more');
  } else if (answer.error!.code === 'TIMEOUT') workload.met('a time is not reached');
  concludePast(history, attempt, answer);
}

/** Its member has seen nothing more by that. */
function concludePast(history: History, attempt: Attempt, answer: Answer): void {
  if (answer.ok) history.committed(attempt, { sequenceNumber: null, snapshotVersion: answer.result.snapshotVersion });
  else history.refused(attempt);
}

function drawPastPlace(client: SimulatedClient, history: History): string | number | null {
  const { random, wallMs } = client;
  const told = history.commitTimes;
  const how = random.pick(['commit time', 'millisecond', 'now', 'lately', 'soon', 'number']);
  if (how === 'number') return Math.max(0, client.appliedUpTo - random.below(50));
  if (how === 'now' || how === 'lately' || how === 'soon') {
    const ms = { now: 0, lately: -random.below(5000), soon: random.below(500) }[how];
    return wallMs + ms < 0 ? null : formatIsoTime(Math.floor(wallMs + ms));
  }
  if (told.length === 0) return null;
  const commitTime = random.pick(told);
  return how === 'commit time' ? commitTime : commitTime.slice(0, commitTime.lastIndexOf('.'));
}

/** Looks through parts of tables, and puts a row that depends on what it found. */
function* scanAndPut(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const isolation = random.pick<Isolation>(['SERIALIZABLE', 'SERIALIZABLE', 'REPEATABLE READ', 'READ COMMITTED']);
  const attempt = workload.history.begin('scan and put', client.seenUpTo, isolation);
  const isSlow = random.chance(workload.slowClientPercent);
  yield* interactive(client, workload, attempt, function* (ask) {
    for (let times = random.between(1, 3); times > 0; times--) {
      const part = drawPart(random, workload);
      const { rows } = (yield* ask({ op: 'scan', ...part })).result;
      attempt.scanned(part, rows);
      yield { waitMs: isSlow ? random.between(100, 2000) : random.between(1, 30) };
    }
    const target = drawTarget(random, workload);
    const { table } = target;
    attempt.mustWrite.add(rowName(table, target.key));
    const row = rowOf(target, attempt.tag, { random, ...workload });
    yield* ask({ op: 'put', table, row });
  });
}

/** Changes rows that refer to each other, and looks for some by an index. */
function* changeConstrained(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history } = workload;
  const attempt = history.begin('change what is constrained', client.seenUpTo, drawIsolation(random));
  const statements = drawConstrained(random, attempt);
  const isSlow = random.chance(workload.slowClientPercent);
  if (random.chance(50)) {
    const steps = statements.map(({ request }) => request);
    const { isolation } = attempt;
    const ask: Ask = { op: 'transact', isolation, steps, attempts: random.pick([1, 3]) };
    const answer = yield* answerTo(history, attempt, ask);
    if (answer.ok) for (const [i, result] of answer.result.results.entries()) statements[i]!.answered(result);
    meet(workload, answer);
    conclude(client, history, attempt, answer);
    return;
  }
  yield* interactive(client, workload, attempt, function* (ask) {
    for (const { request, answered } of statements) {
      answered((yield* ask(request)).result);
      yield { waitMs: isSlow ? random.between(100, 2000) : random.between(1, 100) };
    }
  });
}

function drawPart(random: SeededRandom, { keyCount }: Workload): ScannedPart {
  const limit = random.chance(40) ? { limit: random.between(1, 4) } : {};
  const reverse = random.chance(30) ? { reverse: true } : {};
  if (random.chance(40)) return { table: random.pick([ONE_TABLE, TWO_TABLE]), ...limit, ...reverse };
  const gte = random.below(keyCount);
  return { table: ONE_TABLE, gte, lt: gte + random.between(1, keyCount), ...limit, ...reverse };
}

/** At READ COMMITTED a statement says itself which version of a row it is about. */
function conditionOf(attempt: Attempt, read: Row | null, column: string): { readonly if?: object } {
  return attempt.readsOneSnapshot || read === null ? {} : { if: { [column]: read[column] } };
}

/** Moves money between two accounts: the total stays. */
function* transfer(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const attempt = workload.history.begin('transfer', client.seenUpTo, drawIsolation(random));
  const from = random.below(LEDGER_ACCOUNTS);
  const to = (from + random.between(1, LEDGER_ACCOUNTS - 1)) % LEDGER_ACCOUNTS;
  const amount = random.between(1, 50);
  yield* interactive(client, workload, attempt, function* (ask) {
    const accounts: { balance: number; tag: number }[] = [];
    for (const account of [from, to]) {
      const got = yield* ask({ op: 'get', table: LEDGER_TABLE, key: account });
      attempt.read(LEDGER_TABLE, [account], got.result);
      if (got.result === null) throw new StatementFailed('no account');
      accounts.push(got.result);
    }
    for (const [account, read, more] of [
      [from, accounts[0]!, -amount],
      [to, accounts[1]!, amount],
    ] as const) {
      const set = { balance: read.balance + more, tag: attempt.tag };
      const condition = conditionOf(attempt, read, TAG);
      const updated = yield* ask({ op: 'update', table: LEDGER_TABLE, key: account, ...condition, set });
      // At READ COMMITTED somebody else may have been there in between.
      if (updated.result.matched === 0) throw new StatementFailed('another balance');
      attempt.changed(LEDGER_TABLE, [account], read.tag);
      if (random.chance(30)) yield { waitMs: random.between(1, 20) };
      attempt.mustWrite.add(rowName(LEDGER_TABLE, [account]));
    }
  });
}

/** Locks rows, undoes some of what it writes to them, and writes some of them. */
function* lockAndModify(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history } = workload;
  const attempt = history.begin('lock, modify', client.seenUpTo, drawIsolation(random));
  const isSlow = random.chance(workload.slowClientPercent);
  const begin = { lockTimeoutMs: random.pick([0, 200, 5000, 5000]) };
  yield* interactive(
    client,
    workload,
    attempt,
    function* (ask) {
      // Whether its next statement is the first.
      const place = { isFirst: true };
      const targets = random.chance(70) ? drawHotTargets(random) : drawTargets(random, workload, random.between(1, 3));
      for (const target of targets) {
        const { table, key } = target;
        let row: Row | null;
        try {
          row = yield* readForUpdate(ask, { random, target, place });
        } catch (error) {
          const { code } = error as { readonly code?: string };
          if (code === 'LOCK_TIMEOUT' || code === 'DEADLOCK') workload.met(`a lock ends in ${code}`);
          if (place.isFirst) history.firstStatementFailed(attempt, code ?? '');
          throw error;
        }
        place.isFirst = false;
        attempt.read(table, key, row);
        attempt.lock(table, key, row);
        if (random.chance(60)) yield { waitMs: isSlow ? random.between(100, 2000) : random.between(1, 60) };
        if (random.chance(40)) yield* writeAndUndo(ask, { client, workload, attempt, target, row });
        const op = random.pick(['put', 'update', 'delete', 'nothing']);
        if (op === 'put') {
          yield* ask({ op, table, row: rowOf(target, attempt.tag, { random, ...workload }) });
          attempt.mustWrite.add(rowName(table, key));
        } else if (op === 'update') {
          const updated = yield* ask({ op, table, key: keyArgument(target), set: { tag: attempt.tag } });
          if (updated.result.matched === 1) attempt.mustWrite.add(rowName(table, key));
        } else if (op === 'delete') {
          const deleted = yield* ask({ op, table, key: keyArgument(target) });
          if (deleted.result.matched === 1) attempt.deletes.push(target);
        }
      }
    },
    begin,
  );
}

/** Ends what somebody has open, at whichever member that is. */
function* endAnother(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const listed: Answer = yield { op: 'transactions' };
  if (!listed.ok) return;
  const rows = listed.result as readonly {
    readonly transactionId: string;
    readonly tx: string;
    readonly member: string;
  }[];
  const named = rows.filter(({ tx }) => /^t\d+$/.test(tx));
  if (named.length === 0) return;
  // What is told of other members is some time ago: most of it has ended since.
  const elsewhere = named.filter((row) => row.member !== client.memberId);
  const { transactionId, tx, member } = random.pick(elsewhere.length > 0 && random.chance(80) ? elsewhere : named);
  const answer: Answer = yield { op: 'abortTransaction', transactionId };
  if (!answer.ok) return;
  workload.history.ended(Number(tx.slice(1)));
  workload.met(member === client.memberId ? 'a transaction is ended' : 'a transaction of another member is ended');
}

/** Few enough that clients of one member queue for them, in any order. */
function drawHotTargets(random: SeededRandom): readonly Target[] {
  const first = random.below(2);
  return [first, 1 - first].slice(0, random.between(1, 2)).map((id) => ({ table: ONE_TABLE, key: [id] }));
}

function* readForUpdate(
  ask: (request: object) => Generator<Ask, Answer, Answer>,
  on: { readonly random: SeededRandom; readonly target: Target; readonly place: { isFirst: boolean } },
): Generator<Ask, Row | null, Answer> {
  const { random, target, place } = on;
  const { table } = target;
  const key = keyArgument(target);
  const how = random.pick(['get', 'get', 'getMany', 'scan']);
  if (how === 'getMany') return (yield* ask({ op: 'getMany', table, keys: [key], forUpdate: true })).result[0];
  if (how === 'scan') {
    const { rows } = (yield* ask({ op: 'scan', table, gte: key, lte: key, forUpdate: true })).result;
    if (rows.length > 0) return rows[0];
    // An empty range locks nothing: the row itself is asked for.
    place.isFirst = false;
  }
  return (yield* ask({ op: 'get', table, key, forUpdate: true })).result;
}

/** Behind a savepoint; another row perhaps, of which nothing stays but what was seen of it. */
function* writeAndUndo(
  ask: (request: object) => Generator<Ask, Answer, Answer>,
  on: {
    readonly client: SimulatedClient;
    readonly workload: Workload;
    readonly attempt: Attempt;
    readonly target: Target;
    readonly row: Row | null;
  },
): Generator<Ask, void, Answer> {
  const { client, workload, attempt, target, row } = on;
  const { random } = client;
  const { table, key } = target;
  const sizes = { random, ...workload };
  yield* ask({ op: 'savepoint', name: 'before' });
  yield* ask({ op: 'put', table, row: rowOf(target, attempt.tag, sizes) });
  if (random.chance(30)) yield* ask({ op: 'savepoint', name: 'between' });
  if (random.chance(50)) yield* ask({ op: 'delete', table, key: keyArgument(target) });
  const other = random.chance(70) ? { table: ONE_TABLE, key: [2 + random.below(2)] } : drawTarget(random, workload);
  const isOfOthers = !attempt.touches(other.table, other.key);
  if (isOfOthers && random.chance(70)) {
    const found = (yield* ask({ op: 'get', table: other.table, key: keyArgument(other) })).result;
    attempt.read(other.table, other.key, found);
    if (found === null) {
      yield* ask({ op: 'insert', table: other.table, row: rowOf(other, attempt.tag, sizes) });
      attempt.hold(other.table, other.key, null);
      workload.met('an insert is undone');
      // Somebody else may come meanwhile.
      if (random.chance(60)) yield { waitMs: random.between(20, 400) };
    }
  }
  yield* ask({ op: 'rollbackTo', name: 'before' });
  const seen = (yield* ask({ op: 'get', table, key: keyArgument(target) })).result;
  workload.history.readOwn(attempt, { table, key, tag: row === null ? null : (row.tag as number) }, seen);
}

/** With an idempotency key. */
function withKey(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const { history, keyed, keysAreTimed: isTimed } = workload;
  const drawn = () => drawTargets(random, workload, random.between(1, 3));
  const drawTargetsKept = () => {
    // A table that is made anew is another one.
    const kept = drawn().filter(({ table }) => table !== CHANGING_TABLE);
    return (kept.length > 0 ? kept : [{ table: ONE_TABLE, key: [0] }]).map((target) => ({
      ...target,
      keyArgument: keyArgument(target),
      rowOf: (tag: number) => rowOf(target, tag, { random, ...workload }),
    }));
  };
  return keyed.script(client, {
    history,
    nowMs: workload.nowMs(),
    isTimed,
    drawTargets: drawTargetsKept,
    met: (situation) => workload.met(situation),
  });
}

function* openLedger(client: SimulatedClient, workload: Workload): Generator<Ask, Answer, Answer> {
  const { history } = workload;
  const attempt = history.begin('open the ledger', client.seenUpTo);
  const steps = Array.from({ length: LEDGER_ACCOUNTS }, (_, account) => {
    attempt.mustWrite.add(rowName(LEDGER_TABLE, [account]));
    const row = { account, balance: LEDGER_TOTAL / LEDGER_ACCOUNTS, tag: attempt.tag };
    return { op: 'insert', table: LEDGER_TABLE, row };
  });
  return yield* decide(client, history, attempt, { op: 'transact', steps });
}

function* changeSchema(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  if (random.chance(85)) return yield* alterTable(client, workload);
  const op = random.pick(['createTable', 'createTable', 'dropTable', 'truncateTable']);
  const condition = op === 'createTable' ? { ifNotExists: true, ...TABLES[CHANGING_TABLE] } : {};
  const answer = yield { op, table: CHANGING_TABLE, ...condition };
  if (answer.ok) workload.schemaChanged(answer.result.sequenceNumber, op, CHANGING_TABLE);
}

/** Waits until it is built, if there is something to be built. */
function* alterTable({ random }: SimulatedClient, workload: Workload): Script {
  const alteration = drawAlteration(random, CHANGING_TABLE, ONE_TABLE);
  const answer = yield { op: 'alterTable', table: CHANGING_TABLE, ...alteration };
  if (answer.ok) workload.altered(answer.result.sequenceNumber, CHANGING_TABLE, alteration);
}

/** The rule to the serial safety net more often than back. */
function* changeVariable({ random }: SimulatedClient): Script {
  if (random.chance(30)) {
    yield { op: 'setVariable', name: 'certification_capacity', value: random.pick([1, 3, 20, 1000]) };
    return;
  }
  const value = random.pick(['serial-safety-net', 'serial-safety-net', 'serial-safety-net', 'read-validation']);
  yield { op: 'setVariable', name: 'certification_rule', value };
}

/** Of few rows, some are read and others written, while others do so; or a report is made of some. */
function* readSomeWriteOther(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  const isolation = random.pick<Isolation>(['SERIALIZABLE', 'SERIALIZABLE', 'SERIALIZABLE', 'REPEATABLE READ']);
  const isReport = random.chance(25);
  const attempt = workload.history.begin(isReport ? 'report' : 'read some, write other', client.seenUpTo, isolation);
  const rows = [0, 1, 2, 3].sort(() => random.below(3) - 1);
  const body = function* (ask: (request: object) => Generator<Ask, Answer, Answer>): Generator<Ask, void, Answer> {
    for (const id of rows.slice(0, random.between(1, 3))) {
      const { result } = yield* ask({ op: 'get', table: ONE_TABLE, key: id });
      attempt.read(ONE_TABLE, [id], result);
      yield { waitMs: random.between(1, 40) };
    }
    if (isReport) return;
    const target = { table: ONE_TABLE, key: [rows[3]!] };
    const row = rowOf(target, attempt.tag, { random, ...workload });
    yield* ask({ op: 'put', table: ONE_TABLE, row });
    attempt.mustWrite.add(rowName(ONE_TABLE, target.key));
  };
  yield* interactive(client, workload, attempt, body, isReport && random.chance(50) ? { readOnly: true } : {});
}

/** Makes the tables, and opens the ledger. Where it cannot, it ends, for another attempt at another member. */
export function* prepareTables(client: SimulatedClient, workload: Workload, done: () => void): Script {
  for (const [table, definition] of Object.entries(TABLES)) {
    const answer = yield { op: 'createTable', table, ifNotExists: true, ...definition };
    if (!answer.ok) return client.goElsewhere();
  }
  yield* openCounters();
  const answer = yield* openLedger(client, workload);
  if (!answer.ok && answer.error!.code !== 'DUPLICATE_KEY') return client.goElsewhere();
  done();
}

export function drawScript(client: SimulatedClient, workload: Workload): Script {
  const { random } = client;
  if (random.chance(workload.schemaChangePercent)) return changeSchema(client, workload);
  if (random.chance(workload.constrainedPercent)) return changeConstrained(client, workload);
  if (workload.ruleChangePercent > 0) {
    if (random.chance(workload.ruleChangePercent)) return changeVariable(client);
    if (random.chance(40)) return readSomeWriteOther(client, workload);
  }
  const script = random.pick([
    writeAlone,
    writeAlone,
    transact,
    readModifyWrite,
    readModifyWrite,
    readTables,
    scanAndPut,
    transfer,
    lockAndModify,
    readPast,
    ...(random.chance(50) ? [endAnother] : []),
    count,
    count,
    resetCounter,
    withKey,
  ]);
  return script(client, workload);
}
