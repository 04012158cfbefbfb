/**
 * What clients asked for and were told, compared with what was ordered. Every row that a client writes carries the tag
 * of its transaction, so that each version read and each transaction ordered can be attributed.
 *
 * - What was answered as committed is in the order at that place, whole, once; what was refused never is; what has an
 *   unknown outcome may be there, whole, once.
 * - What a transaction read is the state as of one snapshot: the one in its answer, not below what its session knew. At READ
 *   COMMITTED each statement read the state as of one, none older than the one before.
 * - Between the version that a committed transaction read of a row and its own there is none: no lost update. At READ
 *   COMMITTED that is so of the version that a statement found, and changed for that reason (H6).
 * - What SERIALIZABLE transactions read has a serial order (`SerialOrder`). Of those that are not placed earlier in it, under the rule
 *   `serial-safety-net`: what one read and did not write is the same right before its place in the order: executed one
 *   after the other in that order, all of them would have read what they did (H11).
 * - What a committed transaction read `forUpdate`, or was told to be absent, is unchanged up to its own place (H7, H20).
 * - A first statement that locks rows loses to nobody: its snapshot is younger than the grant. Whoever holds a row that is
 *   written by another learns it before it asks to commit; an index entry that a build adds is not the row.
 * - The ledger's total is the same at every sequence number.
 * - Counters have what was added to them: see `counters.ts`.
 */
import { isOfRow, parseCommitTime, type RowKey, type Transaction } from '../../certifier/index.ts';
import type { SequenceNumber } from '../../gcs/base/index.ts';
import {
  decodeKey,
  decodeRow,
  encodeKey,
  type ImageCodec,
  type Isolation,
  isBesideRows,
  type KeyType,
  RowLayout,
  rangeOf,
  rowRange,
  type TableDefinition,
  tablePrefix,
} from '../../node/engine/index.ts';
import type { Judge } from '../observers/judge.ts';
import { SerialOrder } from '../observers/serial-order.ts';
import type { ShadowDatabase } from '../observers/shadow-database.ts';
import { mayForget } from './constraint-scripts.ts';
import { type AnsweredIncrement, COUNTER_TABLE, Counters, CounterWork } from './counters.ts';
import { IndexOrder, type KeyedRow } from './index-order.ts';
import type { Answer } from './simulated-client.ts';

/** Columns of every row, and of the ledger's. */
export const TAG = 'tag';
const BALANCE = 'balance';

export const LEDGER_TABLE = 'app.ledger';
export const LEDGER_ACCOUNTS = 5;
export const LEDGER_TOTAL = 500;

/** Primary key values, in key order. */
export type Key = readonly (number | string)[];

export type Row = Readonly<Record<string, unknown>>;

interface ReadRow {
  readonly table: string;
  readonly key: Key;
  readonly tag: number | null;
}

/** What of a table was scanned. The bounds are of the first column of its key or index, which is a number where there are any. */
export interface ScannedPart {
  readonly table: string;
  /** Absent: in the order of the primary key. */
  readonly index?: string;
  readonly gte?: number;
  readonly lt?: number;
  readonly limit?: number;
  readonly reverse?: boolean;
}

interface ScannedRows {
  readonly part: ScannedPart;
  readonly tags: readonly number[];
}

/** Of which clients choose. */
const COMMIT_TIMES_MAX = 40;

const SNAPSHOT_LEVEL: Isolation = 'REPEATABLE READ';

/** One transaction of a client. */
export class Attempt {
  readonly tag: number;
  readonly description: string;
  /** What its session has seen before it: its snapshot is not below. */
  readonly notBelow: SequenceNumber;
  readonly isolation: Isolation;
  /** By statement, in their order: a row, or what a scan gave. */
  readonly reads: (ReadRow | ScannedRows)[] = [];
  /** Versions of rows that a statement changed because it found them. */
  readonly builtOn: ReadRow[] = [];
  /** What has to be so still when it commits, although it may not write it. */
  readonly heldRows: ReadRow[] = [];
  /** Of these, those that it has locked. */
  readonly lockedRows = new Set<string>();
  /** Rows written if it commits at all. */
  readonly mustWrite = new Set<string>();
  /** Rows written if they were there. */
  readonly mayWrite = new Set<string>();
  /** Rows that it was told are there, and that it deletes. */
  readonly deletes: { readonly table: string; readonly key: Key }[] = [];
  readonly counters = new CounterWork();
  outcome: 'open' | 'committed' | 'refused' | 'unknown' = 'open';
  sequenceNumber: SequenceNumber | null = null;
  /** It wrote nothing, and this is what it read. */
  readAt: SequenceNumber | null = null;
  /** Somebody was answered that it was ended, before it was asked to commit. */
  isEnded = false;

  constructor(tag: number, about: { description: string; notBelow: SequenceNumber; isolation: Isolation }) {
    this.tag = tag;
    this.description = `${about.description}, ${about.isolation}`;
    this.notBelow = about.notBelow;
    this.isolation = about.isolation;
  }

  get readsOneSnapshot(): boolean {
    return this.isolation !== 'READ COMMITTED';
  }

  read(table: string, key: Key, row: Row | null): void {
    this.reads.push({ table, key, tag: row === null ? null : (row[TAG] as number) });
  }

  scanned(part: ScannedPart, rows: readonly Row[]): void {
    this.reads.push({ part, tags: rows.map((row) => row[TAG] as number) });
  }

  /** A statement said that the row is there with that tag, and changed it. */
  changed(table: string, key: Key, tag: number): void {
    this.builtOn.push({ table, key, tag });
  }

  /** Read `forUpdate`. */
  lock(table: string, key: Key, row: Row | null): void {
    this.hold(table, key, row);
    this.lockedRows.add(rowName(table, key));
  }

  hold(table: string, key: Key, row: Row | null): void {
    this.heldRows.push({ table, key, tag: row === null ? null : (row[TAG] as number) });
  }

  /** It has read the row by its key already. */
  touches(table: string, key: Key): boolean {
    const name = rowName(table, key);
    return this.reads.some((read) => !('part' in read) && rowName(read.table, read.key) === name);
  }

  toString(): string {
    return `transaction ${this.tag} (${this.description})`;
  }
}

export function rowName(table: string, key: Key): string {
  return `${table} ${JSON.stringify(key)}`;
}

export class History {
  readonly counts = { committed: 0, serializable: 0, readCommitted: 0, refused: 0, unknown: 0, readOnly: 0 };
  readonly #judge: Judge;
  readonly #shadow: ShadowDatabase;
  readonly #codec: ImageCodec;
  readonly #counters: Counters;
  readonly #attempts: Attempt[] = [];
  /** Commit times that clients were told last. */
  readonly #commitTimes: string[] = [];
  /** Transactions of the order that nobody has claimed yet. */
  readonly #untagged = new Set<SequenceNumber>();

  constructor(setup: { judge: Judge; shadow: ShadowDatabase; codec: ImageCodec }) {
    this.#judge = setup.judge;
    this.#shadow = setup.shadow;
    this.#codec = setup.codec;
    this.#counters = new Counters(setup);
    setup.shadow.transactionCertified = (sequenceNumber, transaction) => this.#certified(sequenceNumber, transaction);
  }

  begin(description: string, notBelow: SequenceNumber, isolation = SNAPSHOT_LEVEL): Attempt {
    const attempt = new Attempt(this.#attempts.length + 1, { description, notBelow, isolation });
    this.#attempts.push(attempt);
    return attempt;
  }

  /** The answer says that it committed; without a number: it wrote nothing. */
  committed(
    attempt: Attempt,
    answer: {
      sequenceNumber: SequenceNumber | null;
      snapshotVersion: SequenceNumber | null;
      increments?: readonly AnsweredIncrement[];
    },
  ): void {
    const { sequenceNumber, snapshotVersion, increments = [] } = answer;
    const { counters } = attempt;
    attempt.outcome = 'committed';
    this.#judge.check(!attempt.isEnded, () => `${attempt} is answered as committed, and was ended`);
    if (sequenceNumber === null) {
      this.counts.readOnly++;
      const isOfCounters = counters.increments.size > 0 || counters.replaced.length > 0;
      const isEmpty = attempt.mustWrite.size === 0 && attempt.deletes.length === 0 && !isOfCounters;
      this.#judge.check(isEmpty, () => `${attempt} is answered as if it had written nothing`);
      this.#judge.check(attempt.sequenceNumber === null, () => `${attempt} was ordered but answered without a number`);
    } else {
      this.counts.committed++;
      this.#claimUntagged(attempt, sequenceNumber);
      this.#judge.check(
        attempt.sequenceNumber === sequenceNumber,
        () => `${attempt} is answered as committed at ${sequenceNumber}, but was ordered at ${attempt.sequenceNumber}`,
      );
      this.#checkNoLostUpdate(attempt, sequenceNumber);
      this.#checkSerial(attempt, sequenceNumber);
      this.#checkDeleted(attempt, sequenceNumber);
      this.#checkHeld(attempt, sequenceNumber);
      if (!counters.isEmpty) {
        this.#counters.check(`${attempt}`, counters, { sequenceNumber, answered: increments });
        // What the serial safety net placed before its number has seen an earlier state.
        if (attempt.isolation === 'SERIALIZABLE' && !this.#shadow.isPlacedEarlier(sequenceNumber)) {
          this.#counters.checkSeen(`${attempt}`, counters, sequenceNumber - 1);
        }
      }
    }
    if (snapshotVersion === null) return;
    if (sequenceNumber === null) attempt.readAt = snapshotVersion;
    this.#judge.check(
      snapshotVersion >= attempt.notBelow,
      () => `${attempt} reads at ${snapshotVersion}; its session knew ${attempt.notBelow} before`,
    );
    if (!attempt.readsOneSnapshot) return this.#checkReadsCommitted(attempt);
    this.#counters.checkSeen(`${attempt}`, counters, snapshotVersion);
    const wrong = this.#whatDiffersAt(attempt, snapshotVersion);
    this.#judge.check(wrong === null, () => `${attempt} at snapshot ${snapshotVersion} read ${wrong}`);
  }

  /** A client was told when it committed. */
  toldCommitTime(commitTime: string): void {
    this.#commitTimes.push(commitTime);
    if (this.#commitTimes.length > COMMIT_TIMES_MAX) this.#commitTimes.shift();
  }

  get commitTimes(): readonly string[] {
    return this.#commitTimes;
  }

  /** It asked for the past at `asOf`, and was answered as of a sequence number. */
  readAsOf(asOf: string | SequenceNumber, snapshotVersion: SequenceNumber): void {
    if (typeof asOf === 'string') this.#shadow.answeredAsOf(parseCommitTime(asOf)!, snapshotVersion);
    else this.#judge.check(asOf === snapshotVersion, () => `as of ${asOf} somebody reads ${snapshotVersion}`);
  }

  /** It was told that the past at `asOf` is not held any more (H18). */
  pastRefused(asOf: string | SequenceNumber, oldest: SequenceNumber): void {
    const asked = typeof asOf === 'string' ? this.#shadow.sequenceNumberAsOf(parseCommitTime(asOf)!) : asOf;
    // Where its time is not known, the oldest that is held cannot be told from the one before.
    const isHeld = typeof asOf === 'string' ? asked > oldest : asked >= oldest;
    this.#judge.check(!isHeld, () => `${asOf}, which is ${asked}, is too old, and ${oldest} is held`);
  }

  /** An operator was answered that the transaction of that tag is ended. */
  ended(tag: number): void {
    const attempt = this.#attempts[tag - 1]!;
    attempt.isEnded = true;
    const isNotCommitted = attempt.outcome !== 'committed' && attempt.sequenceNumber === null;
    this.#judge.check(isNotCommitted, () => `${attempt} is answered as ended, and is committed`);
  }

  /** A statement of it sees that row, which it has written itself: null is gone. */
  readOwn(attempt: Attempt, { table, key, tag }: ReadRow, row: Row | null): void {
    if (this.#isAnotherTable(attempt, table)) return;
    const seen = row === null ? null : row[TAG];
    this.#judge.check(
      seen === tag,
      () => `${attempt} reads ${rowName(table, key)} as of ${seen}, and has written ${tag}`,
    );
  }

  /** At READ COMMITTED each statement finds the table that there is then, perhaps not the one that it has written to. */
  #isAnotherTable({ readsOneSnapshot, notBelow }: Attempt, table: string): boolean {
    if (readsOneSnapshot) return false;
    const idAt = (snapshot: SequenceNumber) => this.#shadow.tableAt(table, snapshot)?.tableId;
    return idAt(notBelow) !== idAt(this.#shadow.sequenceNumber);
  }

  /** It was told so while it was waited for: what it needed was given up for want of room at most (H5). */
  tooOld(attempt: Attempt, snapshotVersion: SequenceNumber): void {
    const { evictedUpTo } = this.#shadow;
    this.#judge.check(
      snapshotVersion < evictedUpTo,
      () =>
        `${attempt} is refused for its snapshot ${snapshotVersion}, and items were evicted up to ${evictedUpTo} only`,
    );
  }

  /** A first statement that locks rows. */
  firstStatementFailed(attempt: Attempt, code: string): void {
    this.#judge.check(
      code !== 'CERTIFICATION_CONFLICT',
      () => `the first statement of ${attempt} waited for a row, and is refused for its snapshot`,
    );
  }

  /** Its `commit` was refused, which it asked for when its member had applied everything up to `appliedUpTo`. */
  commitRefused(attempt: Attempt, error: NonNullable<Answer['error']>, appliedUpTo: SequenceNumber): void {
    const { code, table, key, winner } = error;
    if (code !== 'CERTIFICATION_CONFLICT' || table === undefined || winner === undefined) return;
    const name = rowName(table, (Array.isArray(key) ? key : [key]) as Key);
    const wonAt = Number(winner.gtid.slice(winner.gtid.lastIndexOf(':') + 1));
    const won = this.#shadow.certifiedAt(wonAt);
    // A build that adds an entry does not write the row: its holder loses only if it writes that entry too, which it learns
    // when it commits.
    const isByBuild = won?.kind === 'transaction' && isOfBuild(won.transaction);
    this.#judge.check(
      wonAt > appliedUpTo || !attempt.lockedRows.has(name) || isByBuild,
      () => `${attempt} held ${name}, and was not told that ${wonAt} had overtaken it before it asked to commit`,
    );
  }

  /** What its idempotency key is good for did not hold. */
  keyFailed(attempt: Attempt, problem: string): void {
    this.#judge.fail(`${attempt} ${problem}`);
  }

  refused(attempt: Attempt): void {
    this.counts.refused++;
    attempt.outcome = 'refused';
    this.#judge.check(
      attempt.sequenceNumber === null,
      () => `${attempt} was refused, but is ordered at ${attempt.sequenceNumber}`,
    );
    this.#checkReadsOneSnapshot(attempt);
  }

  unknown(attempt: Attempt): void {
    this.counts.unknown++;
    attempt.outcome = 'unknown';
    this.#checkReadsOneSnapshot(attempt);
  }

  /** A transaction that only deletes carries no tag: it belongs to the first that says so, if nothing else was to be written. */
  #claimUntagged(attempt: Attempt, sequenceNumber: SequenceNumber): void {
    if (attempt.sequenceNumber === null && attempt.mustWrite.size === 0 && this.#untagged.delete(sequenceNumber)) {
      attempt.sequenceNumber = sequenceNumber;
    }
  }

  #certified(sequenceNumber: SequenceNumber, transaction: Transaction): void {
    if (!transaction.writeSet.some(({ kind }) => isOfRow(kind))) {
      // It is ordered for what it read, and perhaps of somebody who took back all that it had written.
      this.#untagged.add(sequenceNumber);
      return;
    }
    const written = new Set<string>();
    let attempt: Attempt | null = null;
    let touchesLedger = false;
    for (const { key, kind, image } of transaction.writeSet) {
      if (!isOfRow(kind) || isBesideRows(key)) continue;
      const decoded = decodeKey(key, null);
      const table = decoded.kind === 'row' ? this.#shadow.tableById(decoded.tableId, sequenceNumber) : undefined;
      if (decoded.kind !== 'row' || table === undefined) {
        this.#judge.fail(`${sequenceNumber} writes into a table that there is not`);
        return;
      }
      touchesLedger ||= table.name === LEDGER_TABLE;
      if (image === null || table.name === COUNTER_TABLE) continue;
      if (this.#forgets(key, { image, table, sequenceNumber })) continue;
      const tag = this.#tagOf(image, table);
      const owner = this.#attempts[tag - 1] ?? null;
      attempt ??= owner;
      this.#judge.check(
        owner !== null && owner === attempt,
        () => `${sequenceNumber} mixes transactions ${attempt?.tag} and ${tag}`,
      );
      written.add(rowName(table.name, decoded.values as Key));
    }
    if (attempt !== null) this.#attribute(attempt, sequenceNumber, written);
    else if (!isOfBuild(transaction)) this.#untagged.add(sequenceNumber);
    if (touchesLedger) this.#checkLedger(sequenceNumber);
  }

  /** The row is as before but for what it referred to, which has gone: nobody names it for that. */
  #forgets(
    key: RowKey,
    {
      image,
      table,
      sequenceNumber,
    }: { readonly image: Uint8Array; readonly table: TableDefinition; readonly sequenceNumber: SequenceNumber },
  ): boolean {
    if (!mayForget(table)) return false;
    const before = this.#shadow.imageAt(key, sequenceNumber - 1);
    return before !== null && this.#tagOf(before, table) === this.#tagOf(image, table);
  }

  #attribute(attempt: Attempt, sequenceNumber: SequenceNumber, written: ReadonlySet<string>): void {
    this.#judge.check(
      attempt.sequenceNumber === null,
      () => `${attempt} is ordered twice, at ${attempt.sequenceNumber} and ${sequenceNumber}`,
    );
    this.#judge.check(
      attempt.outcome !== 'refused',
      () => `${attempt} was refused, but is ordered at ${sequenceNumber}`,
    );
    attempt.sequenceNumber = sequenceNumber;
    const { counters } = attempt;
    if (!counters.isEmpty) this.#counters.check(`${attempt}`, counters, { sequenceNumber, answered: null });
    for (const row of attempt.mustWrite) {
      this.#judge.check(written.has(row), () => `${attempt} is ordered at ${sequenceNumber} without ${row}`);
    }
    for (const row of written) {
      const isWanted = attempt.mustWrite.has(row) || attempt.mayWrite.has(row);
      this.#judge.check(isWanted, () => `${attempt} is ordered at ${sequenceNumber} with ${row}`);
    }
  }

  #checkLedger(sequenceNumber: SequenceNumber): void {
    const table = this.#shadow.tableAt(LEDGER_TABLE, sequenceNumber)!;
    let total = 0;
    const rows = this.#shadow.tableRowsAt(table.tableId, sequenceNumber);
    for (const [, image] of rows) total += decodeRow(image, new RowLayout(table), this.#codec)[BALANCE] as number;
    this.#judge.check(
      rows.length === LEDGER_ACCOUNTS && total === LEDGER_TOTAL,
      () => `the ledger has ${rows.length} accounts and a total of ${total} at ${sequenceNumber}`,
    );
  }

  #checkNoLostUpdate(attempt: Attempt, sequenceNumber: SequenceNumber): void {
    for (const { table, key, tag } of this.#builtOn(attempt)) {
      const name = rowName(table, key);
      const before = this.#tagAt(table, key, sequenceNumber - 1);
      this.#judge.check(
        before === tag,
        () => `${attempt} at ${sequenceNumber} loses the update of ${name} by ${before}, having read ${tag}`,
      );
    }
  }

  /** Versions that must be the last before its own. */
  #builtOn(attempt: Attempt): readonly ReadRow[] {
    if (!attempt.readsOneSnapshot) return attempt.builtOn;
    return attempt.reads.filter((read): read is ReadRow => {
      if ('part' in read) return false;
      const name = rowName(read.table, read.key);
      return attempt.mustWrite.has(name) || attempt.mayWrite.has(name);
    });
  }

  #checkSerial(attempt: Attempt, sequenceNumber: SequenceNumber): void {
    if (attempt.isolation === 'READ COMMITTED') this.counts.readCommitted++;
    if (attempt.isolation !== 'SERIALIZABLE') return;
    this.counts.serializable++;
    if (this.#shadow.isPlacedEarlier(sequenceNumber)) return;
    const wrong = this.#whatDiffersAt(attempt, sequenceNumber - 1);
    this.#judge.check(wrong === null, () => `${attempt} is at ${sequenceNumber}, and read ${wrong} right before that`);
  }

  /** At the end: of all that asked for one, and are known to be committed. */
  checkSerialOrder(): void {
    const shadow = this.#shadow;
    const all = [...shadow.keysWithin('', '\xff'.repeat(11))].map((key) => shadow.writersOf(key));
    const order = new SerialOrder(shadow.sequenceNumber, all);
    for (const attempt of this.#attempts) {
      if (attempt.isolation !== 'SERIALIZABLE') continue;
      const { sequenceNumber } = attempt;
      const certified = sequenceNumber === null ? undefined : shadow.certifiedAt(sequenceNumber);
      const snapshot = certified?.kind === 'transaction' ? certified.transaction.snapshotVersion : attempt.readAt;
      if (snapshot === null) continue;
      const read = attempt.reads.flatMap((each) => this.#writersRead(each, snapshot));
      order.add({ name: `${attempt} at ${sequenceNumber ?? `snapshot ${snapshot}`}`, sequenceNumber, snapshot, read });
    }
    order.check(this.#judge);
  }

  /** Of each row that was read, absent ones too, who wrote it, in order. */
  #writersRead(read: ReadRow | ScannedRows, snapshot: SequenceNumber): readonly (readonly SequenceNumber[])[] {
    if ('part' in read && read.part.index !== undefined) return this.#writersReadByIndex(read.part, snapshot);
    return this.#keysRead(read, snapshot).map((key) => this.#shadow.writersOf(key));
  }

  /**
   * A row that the scan does not find is read as what it is to the index: not there. Who changes it, and leaves it there or where
   * the scan does not come to, changes nothing of what was read (Adya's predicates: who changes what matches).
   */
  #writersReadByIndex(part: ScannedPart, snapshot: SequenceNumber): readonly (readonly SequenceNumber[])[] {
    const shadow = this.#shadow;
    const definition = shadow.tableAt(part.table, snapshot);
    if (definition === null) return [];
    const { tableId } = definition;
    const order = indexOrder(part, definition);
    const found = order.found(this.#rowsOf(definition, snapshot));
    const isCaughtAt = (key: RowKey, at: SequenceNumber): boolean => {
      const image = shadow.imageAt(key, at);
      if (image === null) return false;
      const layout = new RowLayout(shadow.tableById(tableId, at)!);
      return order.comesTo({ key, row: decodeRow(image, layout, this.#codec) }, found);
    };
    const { from, to } = rowRange(tableId);
    return [...shadow.keysWithin(from, to)].map((key) =>
      shadow.writersOf(key).filter((writer) => isCaughtAt(key, writer - 1) || isCaughtAt(key, writer)),
    );
  }

  /** Of what is read by primary keys. */
  #keysRead(read: ReadRow | ScannedRows, snapshot: SequenceNumber): readonly RowKey[] {
    const definition = this.#shadow.tableAt('part' in read ? read.part.table : read.table, snapshot);
    if (definition === null) return [];
    const prefix = tablePrefix(definition.tableId);
    const types = keyTypes(definition);
    if (!('part' in read)) return [encodeKey(prefix, read.key, types)];
    const { gte, lt, limit, reverse = false } = read.part;
    const bounds = { ...(gte !== undefined && { gte: [gte] }), ...(lt !== undefined && { lt: [lt] }) };
    const { from, to } = rangeOf(prefix, bounds, types);
    const keys = [...this.#shadow.keysWithin(from, to)].sort();
    if (reverse) keys.reverse();
    if (read.tags.length !== limit) return keys;
    // Cut behind the last row that was answered.
    let rows = 0;
    const last = keys.findIndex((key) => this.#shadow.imageAt(key, snapshot) !== null && ++rows === limit);
    return keys.slice(0, last + 1);
  }

  #checkDeleted(attempt: Attempt, sequenceNumber: SequenceNumber): void {
    for (const { table, key } of attempt.deletes) {
      const tag = this.#tagAt(table, key, sequenceNumber);
      this.#judge.check(
        tag === null,
        () => `${attempt} at ${sequenceNumber} leaves ${rowName(table, key)} as of ${tag}`,
      );
    }
  }

  #checkHeld(attempt: Attempt, sequenceNumber: SequenceNumber): void {
    for (const { table, key, tag } of attempt.heldRows) {
      const before = this.#tagAt(table, key, sequenceNumber - 1);
      this.#judge.check(
        before === tag,
        () => `${attempt} at ${sequenceNumber} held ${rowName(table, key)} as of ${tag}, and it was ${before}`,
      );
    }
  }

  /** Its snapshot is not known, but there must be one. */
  #checkReadsOneSnapshot(attempt: Attempt): void {
    if (!attempt.readsOneSnapshot) return this.#checkReadsCommitted(attempt);
    if (attempt.reads.length < 2) return;
    let wrong: string | null = null;
    for (let snapshot = this.#shadow.sequenceNumber; snapshot >= attempt.notBelow; snapshot--) {
      wrong = this.#whatDiffersAt(attempt, snapshot);
      if (wrong === null) return;
    }
    this.#judge.fail(`${attempt} read what no snapshot from ${attempt.notBelow} has: ${wrong}`);
  }

  /** Each of its reads is the state as of some place, none before that of the one before. */
  #checkReadsCommitted(attempt: Attempt): void {
    let snapshot = attempt.notBelow;
    for (const read of attempt.reads) {
      let wrong: string | null = null;
      while (snapshot <= this.#shadow.sequenceNumber) {
        wrong = this.#whatDiffers(read, snapshot);
        if (wrong === null) break;
        snapshot++;
      }
      if (wrong === null) continue;
      this.#judge.fail(`${attempt} read what is not committed, or older than what it read before: ${wrong}`);
      return;
    }
  }

  #whatDiffersAt(attempt: Attempt, snapshot: SequenceNumber): string | null {
    for (const read of attempt.reads) {
      const wrong = this.#whatDiffers(read, snapshot);
      if (wrong !== null) return wrong;
    }
    return null;
  }

  #whatDiffers(read: ReadRow | ScannedRows, snapshot: SequenceNumber): string | null {
    if (!('part' in read)) {
      const expected = this.#tagAt(read.table, read.key, snapshot);
      return expected === read.tag ? null : `${rowName(read.table, read.key)} as of ${read.tag}, not ${expected}`;
    }
    const { part, tags } = read;
    const expected = this.#tagsAt(part, snapshot);
    if (expected === null) return `${part.table}, which there is not`;
    if (expected.join() === tags.join()) return null;
    return `${JSON.stringify(part)} as of ${tags.join()}, not ${expected.join()}`;
  }

  #tagsAt(part: ScannedPart, snapshot: SequenceNumber): readonly number[] | null {
    const { table, index, gte, lt, limit, reverse = false } = part;
    const definition = this.#shadow.tableAt(table, snapshot);
    if (definition === null) return null;
    if (index !== undefined) {
      const found = indexOrder(part, definition).found(this.#rowsOf(definition, snapshot));
      return found.map(({ row }) => row[TAG] as number);
    }
    const tags: number[] = [];
    const rows = this.#shadow.tableRowsAt(definition.tableId, snapshot);
    for (const [key, image] of reverse ? rows.toReversed() : rows) {
      if (tags.length === limit) break;
      if (gte !== undefined || lt !== undefined) {
        const decoded = decodeKey(key, keyTypes(definition));
        const first = decoded.kind === 'row' ? (decoded.values[0] as number) : Number.NaN;
        if ((gte !== undefined && first < gte) || (lt !== undefined && first >= lt)) continue;
      }
      tags.push(this.#tagOf(image, definition));
    }
    return tags;
  }

  #rowsOf(definition: TableDefinition, snapshot: SequenceNumber): readonly KeyedRow[] {
    const layout = new RowLayout(definition);
    const rows = this.#shadow.tableRowsAt(definition.tableId, snapshot);
    return rows.map(([key, image]) => ({ key, row: decodeRow(image, layout, this.#codec) }));
  }

  #tagAt(tableName: string, key: Key, snapshot: SequenceNumber): number | null {
    const table = this.#shadow.tableAt(tableName, snapshot);
    if (table === null) return null;
    const rowKey = encodeKey(tablePrefix(table.tableId), key, keyTypes(table));
    const image = this.#shadow.imageAt(rowKey, snapshot);
    return image === null ? null : this.#tagOf(image, table);
  }

  #tagOf(image: Uint8Array, table: TableDefinition): number {
    return decodeRow(image, new RowLayout(table), this.#codec)[TAG] as number;
  }
}

function keyTypes(table: TableDefinition): readonly KeyType[] {
  return table.primaryKey.map((column) => (table.columns?.[column]?.type ?? null) as KeyType);
}

function indexOrder(part: ScannedPart, { indexes }: TableDefinition): IndexOrder {
  return new IndexOrder(part, indexes.find(({ name }) => name === part.index)!.columns);
}

/** It writes index entries, and not the rows that they are of. */
function isOfBuild({ writeSet }: Transaction): boolean {
  const written = writeSet.filter(({ kind }) => isOfRow(kind));
  return written.length > 0 && written.every(({ key }) => isBesideRows(key));
}
