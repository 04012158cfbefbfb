/**
 * The files of a member and its state over them, without a group: entries come from a script that all members share.
 * Disk and lanes finish what is under way only when the test lets them.
 */
import assert from 'node:assert/strict';
import { type LaneStore, MemoryLaneDisk, MemoryLaneStore } from '../../../../../applier/index.ts';
import { FaultDisk, type Loss } from '../../../../../applier/testing/fault-disk.ts';
import { ManualClock } from '../../../../../applier/testing/manual-clock.ts';
import { packedWriterTable } from '../../../../../certifier/index.ts';
import {
  type GroupDefinition,
  type LogEntry,
  readMessages,
  runLengthCompression,
  SegmentLog,
} from '../../../../../gcs/core/index.ts';
import { testImageCodec } from '../../../testing/image-codec.ts';
import { zeroCounters } from '../../contract.ts';
import { CERTIFICATION_CAPACITY, MEMBER_DEFAULTS } from '../../options.ts';
import { ReplicatedState } from '../../replicated-state.ts';
import { type DirectoryState, damageOf, type StateReceiverSetup } from '../index.ts';
import { FOUNDING_VIEW, MESSAGE_BYTES_MAX, scriptOf } from './script.ts';

export const GROUP_ID = '6f1c1e0a-0000-4000-8000-000000000001';
const DEFINITION: GroupDefinition = {
  groupId: GROUP_ID,
  groupName: 'test',
  view: FOUNDING_VIEW,
  options: { [CERTIFICATION_CAPACITY]: 60 },
};
export const VERDICTS = { chunkBytes: 1024 };
const LOG = { segmentBytes: 4096, cacheBytesMax: 1000, blockBytesMax: 2048 };
export const MESSAGES = { compression: runLengthCompression, messageBytesMax: MESSAGE_BYTES_MAX };

/** What a member has on its disk. */
export interface MemberFiles {
  readonly memberId: string;
  readonly disk: FaultDisk;
  readonly lanes: readonly MemoryLaneDisk[];
}

export function newFiles(memberId: string, laneCount: number): MemberFiles {
  return { memberId, disk: new FaultDisk(), lanes: Array.from({ length: laneCount }, () => new MemoryLaneDisk()) };
}

/** As they are now, for another course of events. */
export function copyOf(files: MemberFiles, loss?: Loss): MemberFiles {
  const lanes = files.lanes.map((lane) => {
    const copy = new MemoryLaneDisk();
    copy.flushedUpTo = lane.flushedUpTo;
    for (const [key, row] of lane.rows) copy.rows.set(key, row);
    return copy;
  });
  const disk = loss === undefined ? new FaultDisk(files.disk.files) : files.disk.afterLoss(loss);
  return { memberId: files.memberId, disk, lanes };
}

/** One run of a member over its files. */
export class Run {
  readonly files: MemberFiles;
  readonly clock = new ManualClock();
  readonly log: SegmentLog;
  readonly found: DirectoryState;
  readonly lanes: readonly LaneStore[];
  readonly rooms: boolean[] = [];
  #state: ReplicatedState | null = null;

  constructor(files: MemberFiles) {
    this.files = files;
    const { clock } = this;
    const { disk, memberId } = files;
    const opened = SegmentLog.open(disk, LOG, { memberId });
    assert.equal(opened.kind, 'opened', JSON.stringify(opened));
    this.log = opened.log;
    this.lanes = files.lanes.map((lane) => new MemoryLaneStore({ disk: lane, clock, flushDelayMs: () => 1 }));
    this.found = damageOf({
      disk,
      memberId,
      log: opened.log,
      logDamage: opened.damage,
      lanes: this.lanes,
      verdicts: VERDICTS,
    });
  }

  /** Of what the directory holds, rebuilt when it is first asked for. */
  get state(): ReplicatedState {
    if (this.#state !== null) return this.#state;
    const { found, clock, lanes, log } = this;
    assert.equal(found.kind, 'usable', JSON.stringify(found));
    this.#state = ReplicatedState.rebuild({
      stateFrom: null,
      member: {
        environment: { clock },
        options: {
          ...MEMBER_DEFAULTS,
          group: { ...MEMBER_DEFAULTS.group, messageBytesMax: MESSAGE_BYTES_MAX },
          history: { transactionsMax: 5, rowsMax: 10, bytesMax: 1000 },
          versions: { flushIntervalMs: 1_000_000, flushBytes: 1 << 30, overlayBytesMax: 1 << 30 },
        },
        lanes,
        newWriterTable: packedWriterTable,
        imageCodec: testImageCodec,
        compression: runLengthCompression,
      },
      definition: DEFINITION,
      self: FOUNDING_VIEW.members[0]!,
      log,
      verdicts: found.verdicts,
      counters: zeroCounters(),
      roomChanged: (hasRoom) => this.rooms.push(hasRoom),
      failed: (error) => assert.fail(error),
    }).state;
    return this.#state;
  }

  /** In one block. */
  append(entries: readonly LogEntry[]): void {
    this.log.persist({ number: this.log.lastRequest + 1, hardState: null, entries });
    this.settle();
  }

  /** Puts the entries into the log and takes those through that are behind the state. */
  take(entries: readonly LogEntry[]): void {
    const fresh = entries.filter(({ index }) => index > this.log.lastIndex);
    if (fresh.length > 0) this.append(fresh);
    const { state, log } = this;
    const upTo = entries.at(-1)?.index ?? 0;
    for (const ordered of readMessages(log, { from: state.deliveredUpTo + 1, upTo }, MESSAGES)) {
      if (ordered.kind === 'message') state.deliver({ ...ordered, ticket: null, chosenMs: 0 });
    }
  }

  /** Everything that was taken through goes to the lanes. */
  flush(): void {
    this.state.forgetHistory();
    let isDone = false;
    this.state.store.flushNow(() => {
      isDone = true;
    });
    this.settle();
    assert.ok(isDone);
  }

  makeVerdictsDurable(): void {
    this.state.verdicts.makeDurable((error) => assert.equal(error, null));
    this.settle();
  }

  truncate(): void {
    this.log.truncate(this.state.neededFrom - 1);
    this.state.truncateVerdicts(this.state.neededFrom);
    this.settle();
  }

  receiverSetup(): StateReceiverSetup {
    const { files, clock, log, lanes, found } = this;
    if (found.kind === 'usable') found.verdicts.close(() => {});
    assert.notEqual(found.kind, 'refused');
    return {
      disk: files.disk,
      clock,
      memberId: files.memberId,
      groupId: GROUP_ID,
      log,
      lanes,
      verdicts: VERDICTS,
      claim: found.kind === 'refused' ? null : found.claim,
      roomChanged: (hasRoom) => this.rooms.push(hasRoom),
    };
  }

  /** Lets time pass, and what is under way be finished, until nothing is. */
  settle(turns = 50): void {
    for (let quiet = 0; quiet < 3; quiet++) {
      for (let turn = 0; turn < turns && (this.files.disk.finishOne() || turn < 10); turn++) this.clock.advance(1);
      this.files.disk.finishAll();
      this.clock.advance(5);
    }
  }
}

const EVERYTHING = { from: '', to: '\xff\xff\xff\xff\xff' };

/** All of a state that has to be equal at one place of the order, wherever it was made. */
export function factsOf(state: ReplicatedState): object {
  const { certifier, store, catalog, deliveredUpTo } = state;
  const { sequenceNumber, purgeFloor, commitTime, digest } = certifier;
  const rows = [...store.scanVersions(EVERYTHING, store.appliedUpTo)].map(([key, row]) => [
    key,
    row.sequenceNumber,
    [...row.image],
  ]);
  return {
    deliveredUpTo,
    sequenceNumber,
    appliedUpTo: store.appliedUpTo,
    purgeFloor,
    commitTime,
    digest,
    rows,
    tables: catalog.tablesAt(store.appliedUpTo),
    writers: rows.map(([key]) => {
      const item = { key: key as string, kind: 'delete' as const, image: null };
      return certifier.preCertify({ snapshotVersion: purgeFloor, writeSet: [item] });
    }),
  };
}

/** A log that the group could have, with the facts behind each entry at a member that never stopped. */
export function reference(seed: number, count: number): { entries: readonly LogEntry[]; facts: readonly object[] } {
  const run = new Run(newFiles('reference', 1));
  const facts: object[] = [factsOf(run.state)];
  const entries = scriptOf(seed, count, (entry) => {
    run.take([entry]);
    facts.push(factsOf(run.state));
    return run.state.certifier.sequenceNumber;
  });
  return { entries, facts };
}
