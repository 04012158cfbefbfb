/**
 * The observers' own database: it takes the one total order and keeps everything, every version of every row and every
 * writer of every key. Verdicts come from a certifier that never restarts, and each is judged by its definition over the
 * whole history: positive exactly if after its snapshot nobody did with an item what that kind of item conflicts with, or
 * wrote where the transaction has read, refused beyond that only as too old.
 */
import {
  CertificationDatabase,
  type CertificationRule,
  Certifier,
  type CommitTime,
  type Conflict,
  compareCommitTimes,
  decodeBatch,
  formatCommitTime,
  isOfRow,
  type NewWriterTable,
  type OutOfBounds,
  type Resolution,
  type RowKey,
  type Transaction,
  type WriteKind,
  type WriteSetItem,
} from '../../certifier/index.ts';
import { hash32, type SequenceNumber } from '../../gcs/base/index.ts';
import {
  type Build,
  Catalog,
  CERTIFICATION_CAPACITY,
  CERTIFICATION_CAPACITY_TUNED,
  CERTIFICATION_RULE,
  catalogItemKey,
  decodeIncrements,
  decodeRow,
  decodeSchemaChange,
  encodeRow,
  type ImageCodec,
  indexRange,
  keyAttributeOf,
  type OrderedChange,
  type PossibleChange,
  RowLayout,
  rowRange,
  type SchemaChange,
  type SchemaJudgement,
  type TableDefinition,
  tableIdOf,
  tableRange,
  tunedCapacity,
  type VariableChange,
} from '../../node/engine/index.ts';
import type { Judge } from './judge.ts';
import { incrementedColumns } from './shadow-increments.ts';
import type { OrderedMessage } from './total-order.ts';

interface Version<T> {
  readonly sequenceNumber: SequenceNumber;
  /** Null: gone. */
  readonly content: T | null;
}

export interface Standing {
  readonly digest: string;
  readonly sequenceNumber: SequenceNumber;
}

/** What took a sequence number. */
export type Certified =
  | { readonly kind: 'transaction'; readonly transaction: Transaction }
  | { readonly kind: 'key-fence'; readonly key: string }
  | { readonly kind: 'schema-change'; readonly change: VariableChange; readonly judged: null }
  | { readonly kind: 'schema-change'; readonly change: SchemaChange; readonly judged: PossibleChange };

/** What became of an idempotency key. */
export interface ShadowKey {
  readonly sequenceNumber: SequenceNumber;
  /** Null: it was fenced. */
  readonly fingerprint: string | null;
  /** From that commit time on it is forgotten. */
  readonly expiresAtMs: number;
}

interface Resolved {
  /** By the rows that deltas were for. */
  readonly images: ReadonlyMap<RowKey, Uint8Array>;
  readonly resolution: Resolution | OutOfBounds;
}

/** As the verdict file has them. */
const REFUSALS = { 'table-exists': 3, 'no-such-table': 4, nothing: 5, refused: 11 } as const;
const REPLAYED = 7;
const KEY_REUSED = 8;
const KEY_FENCED = 9;
const KEY_EXPIRED = 10;

export class ShadowDatabase {
  /** Called for each transaction that is certified, once the rows are in. */
  transactionCertified: (sequenceNumber: SequenceNumber, transaction: Transaction) => void = () => {};
  /** Called for each schema change that was possible, once it is done. */
  schemaChanged: (sequenceNumber: SequenceNumber, judged: PossibleChange) => void = () => {};
  readonly counts = {
    committed: 0,
    conflicts: 0,
    rangeConflicts: 0,
    snapshotsTooOld: 0,
    schemaChanges: 0,
    timeMarks: 0,
    ruleChanges: 0,
    capacityChanges: 0,
    dangerousStructures: 0,
    placedEarlier: 0,
    floorRises: 0,
    deltas: 0,
    outOfBounds: 0,
    replayed: 0,
    keysRefused: 0,
    fenced: 0,
  };
  readonly #judge: Judge;
  readonly #codec: ImageCodec;
  readonly #certifier: Certifier;
  /** Of each key all who left something, the last one last. */
  readonly #writers = new Map<RowKey, { readonly sequenceNumber: SequenceNumber; readonly kind: WriteKind }[]>();
  readonly #rows = new Map<RowKey, Version<Uint8Array>[]>();
  /** Never pruned. */
  readonly #catalog = new Catalog();
  /** The last that became of each. */
  readonly keys = new Map<string, ShadowKey>();
  readonly #horizonMs: number;
  readonly #certified: Certified[] = [];
  readonly #rules: Version<CertificationRule>[] = [{ sequenceNumber: 0, content: 'read-validation' }];
  readonly #placedEarlier = new Set<SequenceNumber>();
  readonly #commitTimes: CommitTime[] = [];
  /** The latest time that somebody was answered as of. */
  #answeredAsOf: CommitTime | null = null;
  /** By place: after so many messages of the order. */
  readonly #digests: string[];
  readonly #sequenceNumbers: SequenceNumber[] = [0];
  readonly #timesReached: CommitTime[] = [];
  /** By place: after each part of the message there. */
  readonly #within: (readonly Standing[])[] = [];
  /** Options of the group, by name. */
  readonly #variables = new Map<string, string>();
  #purgeFloor: SequenceNumber = 0;
  #evictedUpTo: SequenceNumber = 0;

  constructor(setup: {
    judge: Judge;
    capacity: number;
    horizonMs: number;
    codec: ImageCodec;
    newWriterTable: NewWriterTable;
  }) {
    this.#judge = setup.judge;
    this.#codec = setup.codec;
    this.#horizonMs = setup.horizonMs;
    this.#certifier = new Certifier({
      database: new CertificationDatabase({ capacity: setup.capacity, newWriterTable: setup.newWriterTable }),
    });
    this.#variables.set(CERTIFICATION_RULE, this.#certifier.rule);
    this.#variables.set(CERTIFICATION_CAPACITY, String(setup.capacity));
    this.#digests = [this.#certifier.digest];
    this.#timesReached.push(this.#certifier.commitTime);
  }

  get sequenceNumber(): SequenceNumber {
    return this.#certified.length;
  }

  /** The purge floor, as far as it was raised for want of room, and not because nobody needed what was below it. */
  get evictedUpTo(): SequenceNumber {
    return this.#evictedUpTo;
  }

  /** Of the certifier, behind the first `place` messages of the order. */
  digestAt(place: number): string {
    return this.#digests[place]!;
  }

  /** Whether that is how one stands who has concluded so many messages. */
  isBehind(place: number, { digest, sequenceNumber }: Standing): boolean {
    return digest === this.#digests[place] && sequenceNumber === this.#sequenceNumbers[place];
  }

  /** The same, or in the middle of the message at `place`. */
  isStanding(place: number, standing: Standing): boolean {
    const { digest, sequenceNumber } = standing;
    if (this.isBehind(place, standing)) return true;
    const within = this.#within[place] ?? [];
    return within.some((each) => each.digest === digest && each.sequenceNumber === sequenceNumber);
  }

  sequenceNumberAt(place: number): SequenceNumber {
    return this.#sequenceNumbers[place]!;
  }

  certifiedAt(sequenceNumber: SequenceNumber): Certified | undefined {
    return this.#certified[sequenceNumber - 1];
  }

  /** How far time has come, behind the first `place` messages of the order. */
  timeReachedAt(place: number): CommitTime {
    return this.#timesReached[place]!;
  }

  commitTimeAt(sequenceNumber: SequenceNumber): CommitTime | undefined {
    return this.#commitTimes[sequenceNumber - 1];
  }

  /** The last so far that was committed at `time` or before. */
  sequenceNumberAsOf(time: CommitTime): SequenceNumber {
    return this.#commitTimes.findLastIndex((each) => compareCommitTimes(each, time) <= 0) + 1;
  }

  /** Somebody was told that this is what `time` is: it has to stay so (H13). */
  answeredAsOf(time: CommitTime, sequenceNumber: SequenceNumber): void {
    const expected = this.sequenceNumberAsOf(time);
    this.#judge.check(
      sequenceNumber === expected,
      () => `as of ${formatCommitTime(time)} somebody reads ${sequenceNumber}, not ${expected}`,
    );
    const latest = this.#answeredAsOf;
    if (latest === null || compareCommitTimes(time, latest) > 0) this.#answeredAsOf = time;
  }

  imageAt(key: RowKey, snapshot: SequenceNumber): Uint8Array | null {
    return newestUpTo(this.#rows.get(key), snapshot);
  }

  /** By which SERIALIZABLE transactions are judged behind `snapshot`. */
  ruleAt(snapshot: SequenceNumber): CertificationRule {
    return newestUpTo(this.#rules, snapshot)!;
  }

  /** Whether that transaction comes before its number in the serial order. */
  isPlacedEarlier(sequenceNumber: SequenceNumber): boolean {
    return this.#placedEarlier.has(sequenceNumber);
  }

  /** Who wrote the row, in order. */
  writersOf(key: RowKey): readonly SequenceNumber[] {
    return (this.#rows.get(key) ?? []).map(({ sequenceNumber }) => sequenceNumber);
  }

  /** Of all rows that ever were from `from` to before `to`. */
  *keysWithin(from: RowKey, to: RowKey): Iterable<RowKey> {
    for (const key of this.#rows.keys()) if (key >= from && key < to) yield key;
  }

  /** Rows of all tables as of `snapshot`, in no order. */
  *rowsAt(snapshot: SequenceNumber): Iterable<readonly [RowKey, Uint8Array]> {
    for (const [key, versions] of this.#rows) {
      const image = newestUpTo(versions, snapshot);
      if (image !== null) yield [key, image];
    }
  }

  /** Rows of one table as of `snapshot`, in the order of their keys. */
  tableRowsAt(tableId: number, snapshot: SequenceNumber): readonly (readonly [RowKey, Uint8Array])[] {
    const { from, to } = rowRange(tableId);
    const rows = [...this.rowsAt(snapshot)].filter(([key]) => key >= from && key < to);
    return rows.sort(([one], [other]) => (one < other ? -1 : 1));
  }

  tableAt(name: string, snapshot: SequenceNumber): TableDefinition | null {
    return this.#catalog.tableAt(name, snapshot) ?? null;
  }

  /** What is being built, as of the end of the order. */
  get builds(): readonly Build[] {
    return this.#catalog.builds;
  }

  tablesAt(snapshot: SequenceNumber): readonly TableDefinition[] {
    return this.#catalog.tablesAt(snapshot);
  }

  /** As of `snapshot`; without, the last definition. */
  tableById(tableId: number, snapshot?: SequenceNumber): TableDefinition | undefined {
    return this.#catalog.tableById(tableId, snapshot);
  }

  /** The next message of the order. */
  ordered(message: OrderedMessage): void {
    const batch = decodeBatch(message.payload);
    if (batch.kind === 'malformed') return this.#judge.fail(`index ${message.index} is malformed: ${batch.reason}`);
    const within: Standing[] = [];
    for (const part of batch.messages) {
      if (part.kind === 'transaction') this.#certify(part.transaction, message);
      else if (part.kind === 'purge-floor') this.#raiseFloor(part.sequenceNumber);
      else if (part.kind === 'time-mark') this.#markTime(message.stampMs);
      else if (part.kind === 'key-fence') this.#fence(part.key, message);
      else this.#changeSchemaOrVariable(decodeSchemaChange(part.change, this.#codec), message);
      within.push({ digest: this.#certifier.digest, sequenceNumber: this.#certified.length });
    }
    this.#within.push(within);
    this.#digests.push(this.#certifier.digest);
    this.#sequenceNumbers.push(this.#certified.length);
    this.#timesReached.push(this.#certifier.commitTime);
  }

  /** Whether it is decided by its idempotency key, by the definition of H16. */
  #isDecidedByKey(key: string, fingerprint: string | null, stampMs: number): boolean {
    const nowMs = this.#certifier.commitTime.physicalMs;
    const known = this.keys.get(key);
    const madeMs = madeMsOf(key);
    let reason: number | null = null;
    if (known !== undefined && known.expiresAtMs > nowMs) {
      const isSame = fingerprint === null || known.fingerprint === fingerprint;
      reason = known.fingerprint === null ? KEY_FENCED : isSame ? REPLAYED : KEY_REUSED;
    } else if (madeMs !== null) {
      const isTold = madeMs + this.#horizonMs > nowMs && madeMs <= Math.max(nowMs, stampMs) + this.#horizonMs;
      if (!isTold) reason = KEY_EXPIRED;
    }
    if (reason === null) return false;
    if (reason === REPLAYED) this.counts.replayed++;
    else this.counts.keysRefused++;
    this.#certifier.refuseKey(reason);
    return true;
  }

  #bind(key: string, sequenceNumber: SequenceNumber, fingerprint: string | null): void {
    const boundMs = Math.max(this.#certifier.commitTime.physicalMs, madeMsOf(key) ?? 0);
    this.keys.set(key, { sequenceNumber, fingerprint, expiresAtMs: boundMs + this.#horizonMs });
  }

  #fence(key: string, { stampMs, origin }: OrderedMessage): void {
    if (this.#isDecidedByKey(key, null, stampMs)) return;
    const { sequenceNumber, commitTime } = this.#certifier.certifySchemaChange([], origin, stampMs);
    this.counts.fenced++;
    this.#certified.push({ kind: 'key-fence', key });
    this.#committedAt(commitTime);
    this.#bind(key, sequenceNumber, null);
  }

  #certify(transaction: Transaction, { origin, stampMs, index }: OrderedMessage): void {
    const { snapshotVersion, writeSet, ranges = [], reads = 0 } = transaction;
    const isPlaced = this.#certifier.rule === 'serial-safety-net';
    const where = `index ${index}, snapshot ${snapshotVersion}`;
    const attribute = keyAttributeOf(transaction);
    if (attribute !== null && this.#isDecidedByKey(attribute.key, attribute.fingerprint, stampMs)) return;
    const floorBefore = this.#purgeFloor;
    const newestWriter = Math.max(...writeSet.map((item) => this.#lastWriter(item.key)));
    let resolved: Resolved | null = null;
    const { verdict, commitTime } = this.#certifier.certify(transaction, origin, stampMs, () => {
      resolved = this.#resolved(writeSet);
      return resolved.resolution;
    });
    this.#watchEvictions();
    if (verdict.kind === 'snapshot-too-old') {
      this.counts.snapshotsTooOld++;
      this.#judge.check(
        snapshotVersion < floorBefore,
        () => `${where}: refused as too old above the floor ${floorBefore}`,
      );
      return;
    }
    this.#judge.check(snapshotVersion >= floorBefore, () => `${where}: judged below the floor ${floorBefore}`);
    if (verdict.kind === 'conflict') {
      this.counts.conflicts++;
      const { item } = verdict;
      if (item === null) this.counts.rangeConflicts++;
      if (verdict.structure !== undefined) return this.#checkDangerous(verdict, transaction, where);
      const key = item === null ? verdict.key : item.key;
      const writer = item === null ? this.#lastWriter(key) : this.#lastOpponent(item);
      this.#judge.check(
        item !== null || ranges.some(({ from, to }) => from <= key && key < to),
        () => `${where}: refused for a key that it has not read`,
      );
      const against = item?.snapshotVersion ?? snapshotVersion;
      this.#judge.check(writer > against, () => `${where}: refused without a conflict`);
      this.#judge.check(writer === verdict.winner.sequenceNumber, () => `${where}: the winner is ${writer}`);
      return;
    }
    for (const item of isPlaced ? writeSet.slice(0, writeSet.length - reads) : writeSet) {
      const writer = this.#lastOpponent(item);
      this.#judge.check(
        writer <= (item.snapshotVersion ?? snapshotVersion),
        () => `${where}: ${this.#certified.length + 1} loses the update ${writer}`,
      );
    }
    if (verdict.kind === 'out-of-bounds') {
      this.counts.outOfBounds++;
      return;
    }
    this.counts.committed++;
    const { sequenceNumber, lastCommitted, serialPlace } = verdict;
    if (serialPlace !== undefined) {
      this.counts.placedEarlier++;
      this.#placedEarlier.add(sequenceNumber);
    }
    this.#judge.check(isPlaced || serialPlace === undefined, () => `${where}: it is placed without the rule`);
    if (ranges.length > 0 && !isPlaced) this.#checkUnwritten(transaction, sequenceNumber);
    this.#judge.check(
      sequenceNumber === this.#certified.length + 1,
      () => `${where}: ${sequenceNumber} is not the next number`,
    );
    this.#judge.check(
      serialPlace !== undefined || lastCommitted === Math.max(floorBefore, newestWriter),
      () => `${where}: last committed is ${lastCommitted}, not ${Math.max(floorBefore, newestWriter)}`,
    );
    this.#certified.push({ kind: 'transaction', transaction });
    this.#committedAt(commitTime!);
    for (const item of writeSet) {
      const image = (resolved as Resolved | null)?.images.get(item.key) ?? item.image;
      this.#write(sequenceNumber, { ...item, image });
      if (item.kind === 'delta') this.counts.deltas++;
    }
    if (attribute !== null) this.#bind(attribute.key, sequenceNumber, attribute.fingerprint);
    this.transactionCertified(sequenceNumber, transaction);
  }

  /** Something that it read was written since: what read validation admits is never refused as dangerous. */
  #checkDangerous(
    { item, winner, ...conflict }: Conflict,
    { snapshotVersion, ranges = [] }: Transaction,
    where: string,
  ): void {
    this.counts.dangerousStructures++;
    const key = item === null && 'key' in conflict ? conflict.key : item!.key;
    const isRead = item?.kind === 'check' || ranges.some(({ from, to }) => from <= key && key < to);
    const hasWritten = this.#writers.get(key)?.some((writer) => writer.sequenceNumber === winner.sequenceNumber);
    this.#judge.check(
      this.#certifier.rule === 'serial-safety-net' &&
        isRead &&
        hasWritten === true &&
        winner.sequenceNumber > snapshotVersion,
      () => `${where}: refused as dangerous without having read what was written since`,
    );
  }

  /** What the deltas come to over everything ordered before. */
  #resolved(writeSet: readonly WriteSetItem[]): Resolved {
    const images = new Map<RowKey, Uint8Array>();
    const digestWords: number[] = [];
    for (const item of writeSet) {
      if (item.kind !== 'delta') continue;
      const { key } = item;
      const definition = this.tableById(tableIdOf(key))!;
      const { columns } = definition;
      const layout = new RowLayout(definition);
      const before = this.imageAt(key, this.#certified.length);
      if (before === null) {
        this.#judge.fail(`${this.#certified.length + 1} increments a row that is not there`);
        return { images, resolution: { kind: 'resolved', digestWords } };
      }
      const row = decodeRow(before, layout, this.#codec);
      const increments = decodeIncrements(item.image!, this.#codec);
      const values = incrementedColumns(row, increments, columns);
      if (values === null) return { images, resolution: { kind: 'out-of-bounds', item, facts: null } };
      for (const { column } of increments) digestWords.push(hash32(String(values[column])));
      images.set(key, encodeRow({ ...row, ...values }, layout, this.#codec));
    }
    return { images, resolution: { kind: 'resolved', digestWords } };
  }

  /** Nobody wrote where it has read. */
  #checkUnwritten({ snapshotVersion, ranges = [] }: Transaction, sequenceNumber: SequenceNumber): void {
    for (const key of this.#writers.keys()) {
      const writer = this.#lastWriter(key);
      if (writer <= snapshotVersion) continue;
      this.#judge.check(
        !ranges.some(({ from, to }) => from <= key && key < to),
        () => `${sequenceNumber} at snapshot ${snapshotVersion} has read where ${writer} wrote`,
      );
    }
  }

  #lastWriter(key: RowKey): SequenceNumber {
    return this.#writers.get(key)?.at(-1)?.sequenceNumber ?? 0;
  }

  /** Who did last what the item conflicts with. */
  #lastOpponent({ key, kind }: WriteSetItem): SequenceNumber {
    const isOpponent = (written: WriteKind): boolean => {
      if (kind === 'delta') return written === 'delete';
      if (kind === 'reference') return written !== 'reference' && written !== 'delta';
      return true;
    };
    return this.#writers.get(key)?.findLast((writer) => isOpponent(writer.kind))?.sequenceNumber ?? 0;
  }

  #write(sequenceNumber: SequenceNumber, { key, kind, image }: WriteSetItem): void {
    if (kind === 'check') return;
    push(this.#writers, key, { sequenceNumber, kind });
    if (isOfRow(kind)) push(this.#rows, key, { sequenceNumber, content: image });
  }

  #changeSchemaOrVariable(change: OrderedChange, message: OrderedMessage): void {
    if (change.kind === 'set-variable') this.#setVariable(change, message);
    else this.#changeSchema(change, message);
  }

  #setVariable(change: VariableChange, { origin, stampMs }: OrderedMessage): void {
    const { name, value } = change;
    if (this.#variables.get(name) === value) return this.#certifier.refuseSchemaChange(REFUSALS.nothing);
    this.#variables.set(name, value);
    const { sequenceNumber, commitTime } = this.#certifier.certifySchemaChange([], origin, stampMs);
    if (name === CERTIFICATION_RULE) {
      this.#certifier.changeRule(value as CertificationRule);
      this.#rules.push({ sequenceNumber, content: value as CertificationRule });
      this.counts.ruleChanges++;
    } else {
      const base = Number(this.#variables.get(CERTIFICATION_CAPACITY));
      this.#certifier.changeCapacity(tunedCapacity(base, this.#variables.get(CERTIFICATION_CAPACITY_TUNED)));
      this.counts.capacityChanges++;
    }
    this.#watchEvictions();
    this.#certified.push({ kind: 'schema-change', change, judged: null });
    this.#committedAt(commitTime);
  }

  #changeSchema(change: SchemaChange, { origin, stampMs, index }: OrderedMessage): void {
    const judged = this.#catalog.judge(change);
    this.#checkJudgement(change, judged, index);
    if (judged.kind !== 'done') {
      this.#certifier.refuseSchemaChange(REFUSALS[judged.kind]);
      return;
    }
    const keys = judged.concerned.map(catalogItemKey);
    const { sequenceNumber, commitTime } = this.#certifier.certifySchemaChange(keys, origin, stampMs);
    this.#watchEvictions();
    this.counts.schemaChanges++;
    this.#certified.push({ kind: 'schema-change', change, judged });
    this.#committedAt(commitTime);
    for (const key of keys) push(this.#writers, key, { sequenceNumber, kind: 'put' });
    this.#catalog.apply(sequenceNumber, judged, this.#codec);
    const cleared = judged.cleared.map(({ tableId, indexId }) =>
      indexId === null ? tableRange(tableId) : indexRange(tableId, indexId),
    );
    if (cleared.length > 0) {
      for (const [key, versions] of this.#rows) {
        if (versions.at(-1)!.content !== null && cleared.some(({ from, to }) => key >= from && key < to)) {
          versions.push({ sequenceNumber, content: null });
        }
      }
    }
    this.schemaChanged(sequenceNumber, judged);
  }

  /** Whether there is such a table decides, where nothing else can. */
  #checkJudgement(change: SchemaChange, { kind }: SchemaJudgement, index: number): void {
    if (change.kind === 'end-build') return;
    const name = change.kind === 'create-table' ? change.table.name : change.name;
    const isThere = this.tableAt(name, this.#certified.length) !== null;
    const isPossible = change.kind === 'create-table' ? !isThere : isThere;
    const isRefused = kind === 'nothing' || kind === 'table-exists' || kind === 'no-such-table';
    this.#judge.check(isRefused === !isPossible, () => `index ${index}: ${change.kind} of ${name} is judged ${kind}`);
  }

  #committedAt(commitTime: CommitTime): void {
    const { length } = this.#commitTimes;
    const previous = this.#commitTimes.at(-1);
    this.#judge.check(
      previous === undefined || compareCommitTimes(commitTime, previous) > 0,
      () => `${length + 1} is committed at ${formatCommitTime(commitTime)}, before ${length}`,
    );
    const answered = this.#answeredAsOf;
    this.#judge.check(
      answered === null || compareCommitTimes(commitTime, answered) > 0,
      () =>
        `${length + 1} is committed at ${formatCommitTime(commitTime)}, and ${formatCommitTime(answered!)} was answered before`,
    );
    this.#commitTimes.push(commitTime);
  }

  #markTime(stampMs: number): void {
    this.counts.timeMarks++;
    this.#certifier.markTime(stampMs);
  }

  #raiseFloor(sequenceNumber: SequenceNumber): void {
    const floorBefore = this.#purgeFloor;
    this.#certifier.raisePurgeFloor(sequenceNumber);
    this.#watchFloor();
    if (this.#purgeFloor > floorBefore) this.counts.floorRises++;
  }

  #watchEvictions(): void {
    const floorBefore = this.#purgeFloor;
    this.#watchFloor();
    if (this.#purgeFloor > floorBefore) this.#evictedUpTo = this.#purgeFloor;
  }

  #watchFloor(): void {
    const { purgeFloor } = this.#certifier;
    this.#judge.check(purgeFloor >= this.#purgeFloor, () => `the purge floor goes back to ${purgeFloor}`);
    this.#purgeFloor = purgeFloor;
  }
}

/** Of a UUID of version 7, in milliseconds. */
function madeMsOf(key: string): number | null {
  return key[14] === '7' && key.length === 36 ? Number.parseInt(key.slice(0, 8) + key.slice(9, 13), 16) : null;
}

function push<K, T>(map: Map<K, T[]>, key: K, version: T): void {
  const versions = map.get(key);
  if (versions === undefined) map.set(key, [version]);
  else versions.push(version);
}

function newestUpTo<T>(versions: readonly Version<T>[] | undefined, snapshot: SequenceNumber): T | null {
  if (versions === undefined) return null;
  for (let i = versions.length - 1; i >= 0; i--) {
    if (versions[i]!.sequenceNumber <= snapshot) return versions[i]!.content;
  }
  return null;
}
