/**
 * What the group's order has made of this member: the certifier's state, the kept verdicts, the row versions and the
 * catalog, all as of the same place. `deliver` takes the next entry through, in this order and within one turn:
 * certified, kept as verdicts, published. `rebuild` makes it again at a start (H3).
 */
import {
  type KeyRange,
  type VerdictFile,
  type VerdictRecord,
  VersionStore,
  type Write,
} from '../../../applier/index.ts';
import {
  type AheadJudgement,
  BatchDecoder,
  CertificationDatabase,
  Certifier,
  certificationItemsMax,
  type DecodedBatch,
  decodeBatch,
  type GroupMessage,
} from '../../../certifier/index.ts';
import type {
  CommitTime,
  Conflict,
  Lost,
  Negative,
  OutOfBounds,
  RowKey,
  Transaction,
} from '../../../certifier/types.ts';
import {
  assert,
  type Clock,
  type Environment,
  InvariantViolation,
  type LogIndex,
  type MemberId,
  type ScheduledCall,
  type SequenceNumber,
} from '../../../gcs/base/index.ts';
import type { Delivery, GroupDefinition, GroupMember, MessageLog } from '../../../gcs/core/index.ts';
import { BuildWatch } from '../builds/build-watch.ts';
import { Catalog, decodeSchemaChange } from '../catalog.ts';
import { IdempotencyKeys, type KeysUnderWay } from '../idempotency/idempotency-keys.ts';
import type { KeyQuestion, KeyRefusal } from '../idempotency/judge-key.ts';
import { type KeyAttribute, keyAttributeOf } from '../idempotency/key-attribute.ts';
import type { ImageCodec } from '../image-codec.ts';
import { catalogItemKey } from '../key-codec.ts';
import type {
  CommitOutcome,
  LostBounds,
  LostConflict,
  LostSnapshot,
  SchemaOutcome,
  VariableChange,
  WatchedRows,
} from '../replica.ts';
import { CERTIFICATION_RULE, type Variables } from '../variables.ts';
import { ChangeHistory } from './change-history.ts';
import { conflictCause } from './conflict-cause.ts';
import { ConflictCounts } from './conflict-counts.ts';
import type { ConflictLines } from './conflict-lines.ts';
import { ConflictLog, type SeenConflict } from './conflict-log.ts';
import { ConflictSampling } from './conflict-sampling.ts';
import type { MemberCounters, MemberSetup } from './contract.ts';
import { describedTable } from './describe-conflict.ts';
import { DigestWatch } from './digest-watch.ts';
import { Holds } from './holds.ts';
import { CERTIFICATION_CAPACITY, IDEMPOTENCY_HORIZON_MS, IDEMPOTENCY_HORIZON_MS_DEFAULT } from './options.ts';
import { OrderedReads } from './ordered-reads.ts';
import { publicationOf } from './publication.ts';
import { neededByRebuild, replayUpToKeptVerdicts } from './replay.ts';
import {
  IncrementResolver,
  type LostIncrement,
  type ResolvedIncrements,
  resolvedCount,
  resolvedItems,
  resolvedRows,
  writesOf,
} from './resolved-increments.ts';
import { encodeSchemaEffect, type SchemaEffect } from './schema-effect.ts';
import { effectOfVariable, variableOf, variablesOf } from './variable-effect.ts';

/** Refusals in the verdict file; never renumbered. */
const REASON_CONFLICT = 1;
const REASON_SNAPSHOT_TOO_OLD = 2;
const REASON_TABLE_EXISTS = 3;
const REASON_NO_SUCH_TABLE = 4;
const REASON_NOTHING_TO_DO = 5;
const REASON_OUT_OF_BOUNDS = 6;
/** The definitions at its place do not allow the schema change. */
const REASON_NOT_ALLOWED = 11;

const REASONS = {
  conflict: REASON_CONFLICT,
  'snapshot-too-old': REASON_SNAPSHOT_TOO_OLD,
  'out-of-bounds': REASON_OUT_OF_BOUNDS,
} as const satisfies Record<Negative['kind'], number>;

const REASON_OF_KEY = { replayed: 7, 'key-reused': 8, 'key-fenced': 9, 'key-expired': 10 } as const satisfies Record<
  KeyRefusal['kind'],
  number
>;

/** What became of one message. */
export type Fate =
  | CommitOutcome
  | SchemaOutcome
  | { readonly kind: 'fenced' }
  | { readonly kind: 'purge-floor'; readonly purgeFloor: SequenceNumber }
  | { readonly kind: 'time' };

export interface ReplicatedStateSetup {
  readonly member: Pick<MemberSetup, 'options' | 'lanes' | 'newWriterTable' | 'imageCodec' | 'compression'> & {
    readonly environment: Pick<Environment, 'clock'>;
  };
  readonly definition: GroupDefinition;
  readonly self: GroupMember;
  readonly log: MessageLog;
  /** Of `damageOf`, which found that they fit log and lanes. The state's own from now on. */
  readonly verdicts: VerdictFile;
  readonly counters: MemberCounters;
  /** Who sent the state that the directory began with; null: nobody. */
  readonly stateFrom: MemberId | null;
  /** Verdicts or lanes wait for room on the disk, or have it again (R16). */
  readonly roomChanged: (hasRoom: boolean) => void;
  readonly failed: (error: Error) => void;
}

interface Publication {
  readonly sequenceNumber: SequenceNumber;
  readonly writes: readonly Write[];
  readonly clear: readonly KeyRange[];
}

/** What an entry has come to so far. */
interface Passage {
  readonly delivery: Delivery;
  /** Sequence number before it. */
  readonly after: SequenceNumber;
  readonly verdicts: VerdictRecord['verdicts'][number][];
  readonly fates: Fate[];
  readonly publications: Publication[];
  readonly schemaChanges: Parameters<BuildWatch['schemaChanged']>[];
  /** Rows of idempotency keys that it writes; null: none so far. */
  keys: KeysUnderWay | null;
}

/** What is known of a large message that is on its way. */
interface LookedAhead {
  readonly decoder: BatchDecoder;
  readonly judgement: AheadJudgement;
}

/** So many members flush at different times, by so much. */
const STAGGERED = 3;
const STAGGER_MS = 400;
/** What has been delivered is settled in slices that are smaller by so much, with rests: it does not hurry. */
const SETTLING_PARTS = 8;
const SETTLING_REST_MS = 1;
/** What there is no room for is tried again so often. */
const ROOM_RETRY_MS = 1000;

export interface Rebuilt {
  readonly state: ReplicatedState;
  /** How many messages of the log were repeated. */
  readonly entries: number;
}

export class ReplicatedState {
  readonly definition: GroupDefinition;
  readonly self: GroupMember;
  readonly certifier: Certifier;
  readonly verdicts: VerdictFile;
  readonly store: VersionStore;
  readonly history: ChangeHistory;
  readonly catalog: Catalog;
  readonly builds: BuildWatch;
  readonly variables: Variables;
  readonly digests: DigestWatch;
  readonly conflicts: ConflictLog;
  readonly conflictCounts = new ConflictCounts();
  /** Who is told of those that this member's clients lose; null: nobody. */
  conflictLines: ConflictLines | null = null;
  readonly #samplings: Readonly<Record<SeenConflict['phase'], ConflictSampling>>;
  readonly keys: IdempotencyKeys;
  /** Who is told of the rows that are written; null: nobody. */
  watchedRows: WatchedRows | null = null;
  readonly #reads: OrderedReads;
  readonly #imageCodec: ImageCodec;
  readonly #counters: MemberCounters;
  readonly #wallMs: () => number;
  #deliveredUpTo: LogIndex;
  #publicationMs = 0;
  #localConflicts = 0;
  readonly #log: MessageLog;
  readonly #clock: Clock;
  readonly #roomChanged: (hasRoom: boolean) => void;
  readonly #failed: (error: Error) => void;
  /** The last that was asked to be made durable. */
  #keptFloor: SequenceNumber = 0;
  #hadRoom = true;
  #roomRetry: ScheduledCall | null = null;
  /** What is done then, once the state is being closed. */
  #withoutRoom: (() => void) | null = null;
  #isSettling = false;
  readonly #floorHolds = new Holds();
  readonly #verdictHolds = new Holds();
  readonly #resolver: IncrementResolver;
  /** What the transaction that is certified has come to, where it has deltas. */
  #resolved: ResolvedIncrements | null = null;
  /** Rows written by the first so many transactions of the entry that is taken through, once a delta asks. */
  #written: { readonly rows: Map<RowKey, Uint8Array | null>; transactions: number } | null = null;
  #passage: Passage | null = null;
  /** Of large messages that are on their way here. What never comes whole goes with its bytes. */
  readonly #ahead = new WeakMap<Uint8Array, LookedAhead>();

  /** As of the last kept verdict, from the directory's own files. */
  static rebuild(setup: ReplicatedStateSetup): Rebuilt {
    const { member, definition, log, verdicts } = setup;
    const { environment, options, lanes, newWriterTable, imageCodec, compression } = member;
    const kept = verdicts.stateAtEnd;
    const lowest = Math.min(...lanes.map((lane) => lane.flushedUpTo));
    const store = new VersionStore({
      lanes,
      clock: environment.clock,
      options: options.versions,
      staggerMs: (setup.self.ordinal % STAGGERED) * STAGGER_MS,
      makeVerdictsDurable: (_upTo, done) => verdicts.makeDurable(done),
      failed: setup.failed,
    });
    const variables = variablesOf(store, { codec: imageCodec, defaults: definition.options });
    const certifier = new Certifier({
      // What is kept above the floor fits the capacity of the end, which is known then.
      database: new CertificationDatabase({ capacity: certificationItemsMax, newWriterTable }),
      restored: kept,
      rule: variables.certificationRule,
      stampsMax: Number(definition.options[CERTIFICATION_CAPACITY]),
    });
    const from = store.highestLanePoint;
    const history = new ChangeHistory(options.history, { sequenceNumber: from, commitTime: timeOf(verdicts, from) });
    store.keepFrom(history.heldFrom);
    const keys = keysOf(store, definition);
    const schemaChanges: { sequenceNumber: SequenceNumber; effect: SchemaEffect }[] = [];
    const entries = replayUpToKeptVerdicts({
      log,
      messages: { compression, messageBytesMax: options.group.messageBytesMax },
      verdicts,
      certifier,
      publishFrom: lowest + 1,
      publish: (sequenceNumber, writes, clear) => store.publish(sequenceNumber, writes, clear),
      schemaChanged: (sequenceNumber, effect) => schemaChanges.push({ sequenceNumber, effect }),
      variableChanged: (sequenceNumber, effect) => {
        const changed = variableOf(effect, imageCodec);
        if (changed === null) return;
        variables.set(changed.name, changed.value, sequenceNumber);
        if (changed.name === CERTIFICATION_RULE) certifier.restoreRule(variables.certificationRule);
      },
      keys,
      repeated: (entry) => {
        history.add(entry);
        store.keepFrom(history.heldFrom);
      },
    });
    assert(store.appliedUpTo === kept.sequenceNumber, 'the replay ends at the last kept verdict');
    certifier.restoreCapacity(variables.tunedCapacity);
    const catalog = Catalog.load(store, history.heldFrom, imageCodec);
    for (const { sequenceNumber, effect } of schemaChanges) {
      const isOfTable = variableOf(effect, imageCodec) === null;
      if (isOfTable && sequenceNumber > history.heldFrom) catalog.repeat(sequenceNumber, effect, imageCodec);
    }
    return { state: new ReplicatedState(setup, { certifier, store, history, catalog, variables, keys }), entries };
  }

  private constructor(
    setup: ReplicatedStateSetup,
    parts: Pick<ReplicatedState, 'certifier' | 'store' | 'history' | 'catalog' | 'variables' | 'keys'>,
  ) {
    const { member, definition, self, counters } = setup;
    this.definition = definition;
    this.self = self;
    this.certifier = parts.certifier;
    this.verdicts = setup.verdicts;
    this.store = parts.store;
    this.history = parts.history;
    this.catalog = parts.catalog;
    this.builds = new BuildWatch();
    this.variables = parts.variables;
    this.keys = parts.keys;
    this.#reads = new OrderedReads(parts.certifier);
    this.digests = new DigestWatch(setup.stateFrom);
    this.conflicts = new ConflictLog(member.options.conflictsKeptMax);
    const { conflictSampling } = member.options;
    this.#samplings = { local: new ConflictSampling(conflictSampling), group: new ConflictSampling(conflictSampling) };
    this.#imageCodec = member.imageCodec;
    this.#counters = counters;
    this.#wallMs = () => member.environment.clock.wallMs();
    this.#deliveredUpTo = setup.verdicts.stateAtEnd.logIndex;
    this.#log = setup.log;
    this.#clock = member.environment.clock;
    this.#roomChanged = setup.roomChanged;
    this.#failed = setup.failed;
    this.#resolver = new IncrementResolver(member.imageCodec, {
      imageOf: (key) => this.#imageBefore(key),
      tableById: (tableId) => this.catalog.tableById(tableId),
    });
    this.verdicts.onRoomChanged = () => this.#lookForRoom();
    this.store.onRoomChanged = () => this.#lookForRoom();
  }

  /** False: verdicts or lanes wait for room on the disk. */
  get hasRoom(): boolean {
    return this.verdicts.hasRoom && this.store.hasRoom;
  }

  /**
   * From there on the log is needed (H3): for a rebuild, which goes back to the purge floor of the last durable verdict and
   * to the lowest flush point, with whole messages, and for who receives this state. Rises only.
   */
  get neededFrom(): LogIndex {
    const needed = neededByRebuild(this.verdicts, this.store.flushedUpTo);
    assert(needed !== null, 'what is needed is kept');
    const from = Math.min(needed, this.#verdictHolds.lowest ?? needed);
    return Math.min(from, this.#log.partialFrom(from - 1));
  }

  /**
   * The log is needed from the floor on that the durable verdicts know. One that rose with no transaction behind it is
   * made durable by this; else a group without work would keep its log until there is some.
   */
  keepPurgeFloor(): void {
    const { purgeFloor } = this.certifier;
    if (purgeFloor <= Math.max(this.verdicts.stateAtEnd.purgeFloor, this.#keptFloor)) return;
    this.#keptFloor = purgeFloor;
    this.verdicts.makeDurable((error) => {
      // Who closes without room leaves out what waits for it.
      if (error !== null && this.#withoutRoom === null) this.#failed(error);
    });
  }

  /** Gives up kept verdicts that nobody needs any more. `neededFrom`: this state's, which looks through a block of them. */
  truncateVerdicts(neededFrom: LogIndex): void {
    this.verdicts.truncate(neededFrom);
  }

  /** Keeps log and verdicts from `from` on until it is released. */
  holdVerdicts(from: LogIndex): { release(): void } {
    return this.#verdictHolds.hold(from);
  }

  /**
   * No transaction of this member needs to be certified against a lower snapshot (H5): the lowest one that `holdFloor`
   * holds, or where this member is. What the purge floor may rise to as far as this member is concerned.
   */
  get oldestNeeded(): SequenceNumber {
    const { appliedUpTo } = this.store;
    return Math.min(appliedUpTo, this.#floorHolds.lowest ?? appliedUpTo);
  }

  /** For the snapshot of a transaction that may write, from its begin until it has come back through the order, or never will. */
  holdFloor(sequenceNumber: SequenceNumber): { release(): void } {
    return this.#floorHolds.hold(sequenceNumber);
  }

  /**
   * Flushes, makes all verdicts durable, and closes lanes and verdict file; without room on the disk it leaves out what
   * cannot be written, and the next start repeats it. Nothing is read afterwards.
   */
  close(done: () => void): void {
    let isLettingGo = false;
    const letGo = (): void => {
      if (!isLettingGo) {
        isLettingGo = true;
        this.#roomRetry?.cancel();
        this.store.close(() => this.verdicts.close(done));
      }
      // A round may wait for verdicts that wait for room.
      if (!this.verdicts.hasRoom) this.verdicts.close(() => {});
    };
    this.#withoutRoom = letGo;
    if (!this.hasRoom) return letGo();
    // Also those of the past that is kept in memory: the next start repeats it, and judges nothing anew.
    this.store.flushNow(() => this.verdicts.makeDurable(letGo));
  }

  /** How long it took to keep the verdicts of the last own entry and to make it visible, when it was certified. */
  get publicationMs(): number {
    return this.#publicationMs;
  }

  /** Log index of the last entry taken through. */
  get deliveredUpTo(): LogIndex {
    return this.#deliveredUpTo;
  }

  /** Takes the next entry through. Returns what became of its messages, in their order. */
  deliver(delivery: Delivery): readonly Fate[] {
    return this.#deliverBatch(delivery, decodeBatch(delivery.payload));
  }

  /** The first `taken` bytes are there of what may be delivered later: that much of it is decoded and judged meanwhile. */
  lookAhead(payload: Uint8Array, taken: number, itemsMax: number): void {
    let ahead = this.#ahead.get(payload);
    if (ahead === undefined) {
      ahead = { decoder: new BatchDecoder(payload), judgement: this.certifier.judgeAhead() };
      this.#ahead.set(payload, ahead);
    }
    const { decoder, judgement } = ahead;
    decoder.read(taken, itemsMax);
    if (decoder.transaction !== null) judgement.goOn(decoder.transaction, itemsMax);
  }

  /**
   * As `deliver`, in slices of so many items, for a large entry: others may be served at each `yield`, but nothing else is
   * delivered. Whatever can be seen of it happens in the last slice, as it does at once in `deliver`.
   */
  *deliverInSlices(delivery: Delivery, itemsPerSlice: number): Generator<void, readonly Fate[], void> {
    const { decoder, judgement } = this.#ahead.get(delivery.payload) ?? {
      decoder: new BatchDecoder(delivery.payload),
      judgement: null,
    };
    this.#ahead.delete(delivery.payload);
    const batch = yield* decoder.inSlices(itemsPerSlice);
    const large = batch.kind === 'batch' ? decoder.transaction : null;
    if (large === null) return this.#deliverBatch(delivery, batch);
    const { certifier, store } = this;
    const after = certifier.sequenceNumber;
    const passage: Passage = {
      delivery,
      after,
      verdicts: [],
      fates: [],
      publications: [],
      schemaChanges: [],
      keys: null,
    };
    // What comes behind the items has come by now.
    const attribute = keyAttributeOf(large);
    if (this.#isDecidedByKey(attribute, passage)) return this.#conclude(passage, { publish: () => {}, rows: 0 });
    const resolve = (transaction: Transaction) => this.#resolveInSlices(transaction, itemsPerSlice);
    const judged = yield* certifier.certifyInSlices(large, delivery, itemsPerSlice, judgement, resolve);
    const fromMs = this.#clock.monotonicMs();
    while (judged.isPositive && !store.isSettled) {
      store.settle(itemsPerSlice);
      yield;
    }
    const { verdict } = judged.conclude();
    const resolved = this.#judged(large, verdict.kind === 'positive' ? null : verdict, passage);
    const { writeSet } = large;
    const beside = judged.isPositive ? this.#bound(attribute, large, passage) : NO_WRITES;
    const published = resolved === null ? large : { ...large, writeSet: resolvedItems(writeSet, resolved) };
    const publish = (): void => {
      if (judged.isPositive) store.publishLarge(after + 1, published, beside);
    };
    const fates = this.#conclude(passage, { publish, rows: judged.isPositive ? writeSet.length : 0, fromMs });
    if (judged.isPositive && this.#isWatched) this.watchedRows!.written(writeSet, delivery.origin);
    this.#settleLater(Math.ceil(itemsPerSlice / SETTLING_PARTS));
    return fates;
  }

  /** In turns of their own, so that others are served in between, here and by members on the same processors. */
  #settleLater(itemsPerSlice: number): void {
    const { certifier, store } = this;
    if (this.#isSettling || (certifier.isSettled && store.isSettled)) return;
    this.#isSettling = true;
    this.#clock.schedule(SETTLING_REST_MS, () => {
      this.#isSettling = false;
      if (store.isSettled) certifier.settle(itemsPerSlice);
      else store.settle(itemsPerSlice);
      this.#settleLater(itemsPerSlice);
    });
  }

  #deliverBatch(delivery: Delivery, batch: DecodedBatch): readonly Fate[] {
    if (batch.kind === 'malformed') {
      throw new InvariantViolation(`a chosen batch is readable: log index ${delivery.index}, ${batch.reason}`);
    }
    const { certifier } = this;
    const after = certifier.sequenceNumber;
    const passage: Passage = {
      delivery,
      after,
      verdicts: [],
      fates: [],
      publications: [],
      schemaChanges: [],
      keys: null,
    };
    this.#passage = passage;
    for (const message of batch.messages) {
      if (message.kind === 'transaction') {
        const { transaction } = message;
        const attribute = keyAttributeOf(transaction);
        if (this.#isDecidedByKey(attribute, passage)) continue;
        const negative = certifier.certifyNext(transaction, delivery.origin, delivery.stampMs, this.#resolve);
        const resolved = this.#judged(transaction, negative, passage);
        if (negative === null) {
          const { sequenceNumber } = certifier;
          const own = writesOf(transaction, resolved);
          const beside = this.#bound(attribute, transaction, passage);
          const writes = beside.length === 0 ? own : [...own, ...beside];
          passage.publications.push({ sequenceNumber, writes, clear: [] });
        }
      } else if (message.kind === 'schema-change') this.#changeSchema(message, passage);
      else if (message.kind === 'purge-floor') this.#raisePurgeFloor(message.sequenceNumber, passage);
      else if (message.kind === 'key-fence') this.#fence(message.key, passage);
      else this.#markTime(passage);
    }
    this.#passage = null;
    this.#written = null;
    const publish = (): void => {
      for (const { sequenceNumber, writes, clear } of passage.publications) {
        this.store.publish(sequenceNumber, writes, clear);
      }
    };
    const fates = this.#conclude(passage, {
      publish,
      rows: passage.publications.reduce((sum, { writes }) => sum + writes.length, 0),
    });
    if (this.#isWatched)
      for (const { writes } of passage.publications) this.watchedRows!.written(writes, delivery.origin);
    for (const schemaChange of passage.schemaChanges) this.#tellSchemaChange(...schemaChange);
    return fates;
  }

  #tellSchemaChange(...[sequenceNumber, change, judged]: Passage['schemaChanges'][number]): void {
    if (this.#isWatched) this.watchedRows!.tablesChanged(judged.concerned);
    this.builds.schemaChanged(sequenceNumber, change, judged);
  }

  /** For the certifier: what deltas come to, over all that is ordered before. */
  readonly #resolve = (transaction: Transaction): ResolvedIncrements | LostIncrement => {
    const resolution = this.#resolver.resolve(transaction);
    if (resolution.kind === 'resolved') this.#resolved = resolution;
    return resolution;
  };

  *#resolveInSlices(
    transaction: Transaction,
    itemsPerSlice: number,
  ): Generator<void, ResolvedIncrements | LostIncrement, void> {
    const resolution = yield* this.#resolver.inSlices(transaction, itemsPerSlice);
    if (resolution.kind === 'resolved') this.#resolved = resolution;
    return resolution;
  }

  /**
   * The row as of the last transaction that was accepted, which may be of the same entry and not published yet. Whoever asks
   * carries a check of the row's table: it was not cleared within the entry.
   */
  #imageBefore(key: RowKey): Uint8Array | undefined {
    const publications = this.#passage?.publications ?? [];
    if (publications.length > 0) {
      this.#written ??= { rows: new Map(), transactions: 0 };
      const { rows } = this.#written;
      while (this.#written.transactions < publications.length) {
        for (const { key: each, image } of publications[this.#written.transactions++]!.writes) rows.set(each, image);
      }
      const image = rows.get(key);
      if (image !== undefined) return image ?? undefined;
    }
    return this.store.get(key, this.store.appliedUpTo);
  }

  get #isWatched(): boolean {
    return this.watchedRows !== null && this.watchedRows.size > 0;
  }

  /** All in one turn, the verdicts first. `fromMs`: since when it is being published, if that began in an earlier turn. */
  #conclude(
    { delivery, after, verdicts, fates }: Passage,
    { publish, rows, fromMs }: { readonly publish: () => void; readonly rows: number; readonly fromMs?: number },
  ): readonly Fate[] {
    const { index, origin, payload, ticket } = delivery;
    const { purgeFloor, digest } = this.certifier;
    const beganMs = fromMs ?? (ticket === null ? 0 : this.#clock.monotonicMs());
    this.verdicts.append({ logIndex: index, verdicts, purgeFloor, digest });
    publish();
    if (ticket !== null) this.#publicationMs = this.#clock.monotonicMs() - beganMs;
    this.history.add({ origin, payload, verdicts, after, upTo: this.certifier.sequenceNumber, rows });
    this.store.keepFrom(this.history.heldFrom);
    this.#deliveredUpTo = index;
    this.digests.delivered({ logIndex: index, digest, sequenceNumber: this.certifier.sequenceNumber });
    this.#count(delivery, this.certifier.sequenceNumber - after);
    return fates;
  }

  /** For want of memory. */
  forgetHistory(): void {
    this.history.forget();
    this.store.keepFrom(this.history.heldFrom);
  }

  /** What is known already to be lost, or null. */
  preCertify(transaction: Transaction): LostConflict | LostSnapshot | null {
    return this.#lostHere(transaction, this.certifier.preCertify(transaction));
  }

  /** As `preCertify`, in slices of so many items. */
  *preCertifyInSlices(transaction: Transaction, itemsPerSlice: number): Generator<void, CommitOutcome | null, void> {
    return this.#lostHere(transaction, yield* this.certifier.preCertifyInSlices(transaction, itemsPerSlice));
  }

  /** See `Replica.ordersReads`. */
  ordersReads(snapshot: SequenceNumber): boolean {
    return this.#reads.areOrderedAt(snapshot);
  }

  #lostHere(transaction: Transaction, negative: Lost | null): LostConflict | LostSnapshot | null {
    if (negative === null) return null;
    this.#counters.preCertificationConflicts++;
    const localConflict = ++this.#localConflicts;
    this.#noteConflict(negative, transaction, {
      loser: this.self.ordinal,
      loserTransactionId: () => `local-${localConflict}`,
      stampMs: this.#wallMs(),
      phase: 'local',
    });
    return lostOutcome(negative, 'local');
  }

  /**
   * `negative`: null for one that was accepted, and is the last that the certifier knows of. Returns what its deltas have come
   * to, as it is kept; null: it has none, or is refused.
   */
  #judged(
    transaction: Transaction,
    negative: Negative | null,
    { delivery, verdicts, fates }: Passage,
  ): Uint8Array | null {
    const { origin, stampMs, incarnation, messageNumber } = delivery;
    const resolved = this.#resolved?.bytes ?? null;
    this.#resolved = null;
    this.#counters.transactionsCertified++;
    if (negative === null) {
      const { sequenceNumber, commitTime, serialPlace } = this.certifier;
      const kept = { kind: 'positive', sequenceNumber, commitTime, resolved } as const;
      if (serialPlace === sequenceNumber) verdicts.push(kept);
      else {
        this.#counters.placedEarlier++;
        verdicts.push({ ...kept, serialPlace });
      }
      const committed = { kind: 'committed', sequenceNumber, commitTime } as const;
      if (resolved === null) fates.push(committed);
      else this.#incremented(committed, { transaction, resolved, isOwn: delivery.ticket !== null }, fates);
      return resolved;
    }
    verdicts.push({ kind: 'negative', reason: REASONS[negative.kind] });
    if (negative.kind === 'conflict') {
      this.#counters.conflictsDetected++;
      if (negative.item === null) this.#counters.rangeConflicts++;
      if (origin !== this.self.ordinal) this.watchedRows?.lost(transaction.writeSet, origin);
      if (negative.structure !== undefined) this.#counters.dangerousStructures++;
    } else if (negative.kind === 'snapshot-too-old') this.#counters.snapshotsTooOld++;
    else this.#counters.incrementsOutOfBounds++;
    const place = verdicts.length;
    const loserTransactionId = () => `${incarnation}-${messageNumber}-${place}`;
    this.#noteConflict(negative, transaction, { loser: origin, loserTransactionId, stampMs, phase: 'group' });
    fates.push(outcomeOf(negative, 'group'));
    return null;
  }

  #incremented(
    committed: Extract<Fate, { kind: 'committed' }>,
    {
      transaction,
      resolved,
      isOwn,
    }: { readonly transaction: Transaction; readonly resolved: Uint8Array; readonly isOwn: boolean },
    fates: Fate[],
  ): void {
    this.#counters.rowsIncremented += resolvedCount(resolved);
    fates.push(isOwn ? { ...committed, resolved: resolvedRows(transaction, resolved) } : committed);
  }

  // Idempotency keys (H16)

  /** What is known already to be decided by its key, or null. `stampMs`: time of day. */
  keyRefusal(question: KeyQuestion, stampMs: number): KeyRefusal | null {
    return this.keys.judge(question, { committedMs: this.#committedMs, stampMs });
  }

  /** The row of a key that is forgotten goes from here on. */
  get #committedMs(): number {
    return this.certifier.commitTime.physicalMs;
  }

  /** Before anything else of it is judged. */
  #isDecidedByKey(attribute: KeyAttribute | null, passage: Passage): boolean {
    if (attribute === null) return false;
    const { stampMs } = passage.delivery;
    const refusal = this.keys.judge(attribute, { committedMs: this.#committedMs, stampMs }, passage.keys);
    if (refusal === null) return false;
    this.#refuseKey(refusal, passage);
    return true;
  }

  /** Takes no number, and leaves no trace but in the digest. */
  #refuseKey(refusal: KeyRefusal, { verdicts, fates }: Passage): void {
    const reason = REASON_OF_KEY[refusal.kind];
    this.certifier.refuseKey(reason);
    verdicts.push({ kind: 'negative', reason });
    fates.push(refusal);
    if (refusal.kind === 'replayed') this.#counters.transactionsReplayed++;
    else this.#counters.keysRefused++;
  }

  /** What a transaction that was accepted, the last one, writes beside its own rows. */
  #bound(attribute: KeyAttribute | null, { snapshotVersion }: Transaction, passage: Passage): readonly Write[] {
    if (attribute === null) return NO_WRITES;
    passage.keys ??= new Map();
    const { sequenceNumber, commitTime } = this.certifier;
    return this.keys.bind(attribute, { sequenceNumber, commitTime, snapshotVersion }, passage.keys);
  }

  #fence(key: string, passage: Passage): void {
    const { stampMs, origin } = passage.delivery;
    const time = { committedMs: this.#committedMs, stampMs };
    const refusal = this.keys.judge({ key, fingerprint: null }, time, passage.keys);
    if (refusal !== null) return this.#refuseKey(refusal, passage);
    const { sequenceNumber, commitTime } = this.certifier.certifySchemaChange([], origin, stampMs);
    passage.keys ??= new Map();
    const writes = this.keys.fence(key, { sequenceNumber, commitTime }, passage.keys);
    passage.verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved: null });
    passage.publications.push({ sequenceNumber, writes, clear: [] });
    passage.fates.push({ kind: 'fenced' });
    this.#counters.keysFenced++;
  }

  #changeSchema(
    { change }: Extract<GroupMessage, { kind: 'schema-change' }>,
    { delivery, verdicts, fates, publications, schemaChanges }: Passage,
  ): void {
    const { certifier, catalog } = this;
    const decoded = decodeSchemaChange(change, this.#imageCodec);
    if (decoded.kind === 'set-variable') {
      return this.#setVariable(decoded, { delivery, verdicts, fates, publications });
    }
    const judged = catalog.judge(decoded);
    if (judged.kind !== 'done') {
      const reason = {
        'table-exists': REASON_TABLE_EXISTS,
        'no-such-table': REASON_NO_SUCH_TABLE,
        nothing: REASON_NOTHING_TO_DO,
        refused: REASON_NOT_ALLOWED,
      }[judged.kind];
      certifier.refuseSchemaChange(reason);
      verdicts.push({ kind: 'negative', reason });
      const { sequenceNumber } = certifier;
      fates.push(judged.kind === 'nothing' ? { kind: 'done', sequenceNumber, changed: false, build: null } : judged);
      return;
    }
    const keys = judged.concerned.map(catalogItemKey);
    const { sequenceNumber, commitTime } = certifier.certifySchemaChange(keys, delivery.origin, delivery.stampMs);
    const effect = catalog.apply(sequenceNumber, judged, this.#imageCodec);
    verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved: encodeSchemaEffect(effect) });
    publications.push({ sequenceNumber, ...publicationOf(effect) });
    fates.push({ kind: 'done', sequenceNumber, changed: true, build: judged.build });
    this.#counters.schemaChanges++;
    schemaChanges.push([sequenceNumber, decoded, judged]);
  }

  /** Effective from here on: what comes behind it in its entry, too. */
  #setVariable(
    { name, value }: VariableChange,
    { delivery, verdicts, fates, publications }: Pick<Passage, 'delivery' | 'verdicts' | 'fates' | 'publications'>,
  ): void {
    const { certifier, variables } = this;
    if (!variables.isChange(name, value)) {
      certifier.refuseSchemaChange(REASON_NOTHING_TO_DO);
      verdicts.push({ kind: 'negative', reason: REASON_NOTHING_TO_DO });
      fates.push({ kind: 'done', sequenceNumber: certifier.sequenceNumber, changed: false, build: null });
      return;
    }
    const { sequenceNumber, commitTime } = certifier.certifySchemaChange([], delivery.origin, delivery.stampMs);
    variables.set(name, value, sequenceNumber);
    if (name === CERTIFICATION_RULE) {
      certifier.changeRule(variables.certificationRule);
      this.#reads.ruleChanged(certifier);
    } else certifier.changeCapacity(variables.tunedCapacity);
    const effect = effectOfVariable(name, value, this.#imageCodec);
    verdicts.push({ kind: 'positive', sequenceNumber, commitTime, resolved: encodeSchemaEffect(effect) });
    publications.push({ sequenceNumber, ...publicationOf(effect) });
    fates.push({ kind: 'done', sequenceNumber, changed: true, build: null });
  }

  /** Effective from here on (H4): the messages behind this one in its entry are judged by it. */
  #raisePurgeFloor(sequenceNumber: SequenceNumber, { verdicts, fates }: Passage): void {
    this.certifier.raisePurgeFloor(sequenceNumber);
    verdicts.push({ kind: 'none' });
    fates.push({ kind: 'purge-floor', purgeFloor: this.certifier.purgeFloor });
  }

  /** What is certified from here on is later (H13). */
  #markTime({ delivery, verdicts, fates }: Passage): void {
    verdicts.push({ kind: 'time', commitTime: this.certifier.markTime(delivery.stampMs) });
    fates.push({ kind: 'time' });
  }

  #lookForRoom(): void {
    const { hasRoom } = this;
    if (this.#withoutRoom !== null) {
      if (!hasRoom) this.#withoutRoom();
      return;
    }
    // The lanes try again by themselves.
    if (!this.verdicts.hasRoom && this.#roomRetry === null) this.#retryRoom();
    if (hasRoom === this.#hadRoom) return;
    this.#hadRoom = hasRoom;
    this.#roomChanged(hasRoom);
  }

  #retryRoom(): void {
    this.#roomRetry = this.#clock.schedule(ROOM_RETRY_MS, () => {
      this.#roomRetry = null;
      if (this.verdicts.hasRoom) return;
      this.verdicts.retryRoom();
      this.#retryRoom();
    });
  }

  #count(delivery: Delivery, positives: number): void {
    const counters = this.#counters;
    counters.batchesDelivered++;
    counters.bytesDelivered += delivery.payload.length;
    counters.transactionsCommitted += positives;
    if (delivery.origin !== this.self.ordinal) counters.remoteApplied += positives;
  }

  #noteConflict(
    negative: Negative,
    transaction: Transaction,
    about: Pick<SeenConflict, 'loser' | 'stampMs' | 'phase'> & { readonly loserTransactionId: () => string },
  ): void {
    const { loser, stampMs, phase } = about;
    const isConflict = negative.kind === 'conflict';
    const item = isConflict ? negative.item : null;
    const structure = isConflict ? (negative.structure ?? null) : null;
    const reason = structure !== null ? 'dangerous-structure' : negative.kind;
    const key = negative.kind === 'snapshot-too-old' ? transaction.writeSet[0]!.key : keyOf(negative);
    const isRange = isConflict && item === null;
    const found = isRange ? 'range' : negative.kind === 'out-of-bounds' ? 'bounds' : 'item';
    this.conflictCounts.add(describedTable(key, this.catalog), conflictCause({ reason, found, key }));
    const standsFor = this.#samplings[phase].take(stampMs);
    const seen = (): SeenConflict => ({
      loser,
      stampMs,
      phase,
      loserTransactionId: about.loserTransactionId(),
      reason,
      structure,
      key,
      found,
      winner: isConflict ? negative.winner : null,
      snapshotVersion: item?.snapshotVersion ?? transaction.snapshotVersion,
      standsFor: Math.max(1, standsFor),
    });
    if (standsFor > 0) this.conflicts.add(seen());
    if (loser === this.self.ordinal) this.conflictLines?.lost(seen);
  }
}

const NO_WRITES: readonly Write[] = [];

function keysOf(store: VersionStore, { options }: GroupDefinition): IdempotencyKeys {
  return new IdempotencyKeys(store, Number(options[IDEMPOTENCY_HORIZON_MS] ?? IDEMPOTENCY_HORIZON_MS_DEFAULT));
}

/** When that was committed, or a later time, behind which nothing up to there was. Null: it is not kept. */
function timeOf(verdicts: VerdictFile, sequenceNumber: SequenceNumber): CommitTime | null {
  const { base, stateAtEnd } = verdicts;
  for (const state of [base, stateAtEnd]) if (state.sequenceNumber === sequenceNumber) return state.commitTime;
  if (sequenceNumber < base.sequenceNumber) return null;
  for (const record of verdicts.records(verdicts.logIndexOf(sequenceNumber))) {
    for (const verdict of record.verdicts) {
      if (verdict.kind === 'positive' && verdict.sequenceNumber === sequenceNumber) return verdict.commitTime;
    }
  }
  return null;
}

function outcomeOf(negative: Negative, phase: 'local' | 'group'): LostConflict | LostSnapshot | LostBounds {
  if (negative.kind !== 'out-of-bounds') return lostOutcome(negative, phase);
  return { kind: 'out-of-bounds', key: keyOf(negative), refused: (negative as LostIncrement).facts };
}

function lostOutcome(negative: Lost, phase: 'local' | 'group'): LostConflict | LostSnapshot {
  if (negative.kind === 'snapshot-too-old') return negative;
  const found = negative.item === null ? 'range' : 'item';
  const { winner, structure } = negative;
  return { kind: 'conflict', key: keyOf(negative), found, winner, phase, ...(structure && { structure }) };
}

function keyOf(conflict: Conflict | OutOfBounds): RowKey {
  return conflict.item === null ? conflict.key : conflict.item.key;
}
