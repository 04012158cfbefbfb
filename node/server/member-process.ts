/**
 * One member as a process: its data directory, disk, lanes, network, the member itself and its port for clients, put
 * together in this order and let go in the opposite one. Directory and ports last as long as the process; a member is
 * one run, and is followed by the next one when it says so: with the next incarnation, and lanes opened anew.
 *
 * Everything that can be refused is refused before anything is promised: a foreign or used directory, a taken port, a
 * damaged log. What fails later ends the process; the member recovers at its next start.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openLanes } from '../../applier/lanes/index.ts';
import type { LaneStore } from '../../applier/types.ts';
import { packedWriterTable } from '../../certifier/index.ts';
import { type Formation, GROUP_DEFAULTS } from '../../gcs/core/index.ts';
import {
  type DataDirectory,
  FileDisk,
  openDataDirectory,
  SystemClock,
  SystemRandom,
  WebSocketNetwork,
  zstdCompression,
} from '../../gcs/driver/index.ts';
import {
  CERTIFICATION_CAPACITY,
  DEFAULT_LIMITS,
  Engine,
  IDEMPOTENCY_HORIZON_MS,
  MEMBER_DEFAULTS,
  Member,
  type MemberEvents,
  type MemberOptions,
  type RestartReason,
  type Retention,
  type SlowTransaction,
  withRetention,
  zeroCounters,
} from '../engine/index.ts';
import { addressOf } from './addresses.ts';
import { ClientServer, refuseInsecureAddress } from './client-server.ts';
import { diskFailure } from './disk-failure.ts';
import { endProcess } from './end-process.ts';
import { type EventLog, eventLog, type LogLevel } from './events.ts';
import { defaultServerLimits } from './limits.ts';
import {
  commitDurationSource,
  commitLayerSources,
  conflictSource,
  engineSources,
  memberCounterSources,
  memberGaugeSources,
} from './metrics.ts';
import { imageCodec } from './msgpack.ts';
import { Restarts } from './restarts.ts';
import { RunNetwork } from './run-network.ts';
import { RunTotals } from './run-totals.ts';
import { listenError, ServerError } from './server-error.ts';
import { packageVersion } from './version.ts';
import { withRoom } from './with-room.ts';

export interface StartOptions {
  readonly dataDirectory: string;
  readonly host: string;
  /** For clients. 0: any free one. */
  readonly port: number;
  /** For the other members. 0: any free one. */
  readonly groupPort: number;
  /** How a member without a group comes to one; null: it finds its group in its data directory. */
  readonly formation:
    | {
        readonly kind: 'bootstrap';
        /** Group addresses of all the other members. */
        readonly seeds: readonly string[];
        readonly groupName: string;
        /** Group-wide: items of the certification database. */
        readonly certificationCapacity: number;
        readonly idempotencyHorizonMs: number;
      }
    | { readonly kind: 'seeds'; readonly seeds: readonly string[] }
    | null;
  /** Null: as the data directory has it, or the default if it is new. */
  readonly lanes: number | null;
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
  readonly memberExpelTimeoutMs: number;
  /** An expelled member asks so often to be let in again, until it was ONLINE once more. */
  readonly autorejoinTries: number;
  readonly logKeepBytes: number;
  readonly logBytesMax: number;
  readonly logSegmentBytes: number;
  /** Messages that are longer are compressed for the log; null: none are. */
  readonly compressionThresholdBytes: number | null;
  /** As in the engine's limits. */
  readonly helpedAfterLosses: number;
  readonly yieldMs: number;
  /** The longest that a batch of commits waits for more of them; 0: none does. */
  readonly batchDelayMsMax: number;
  /** The certification database grows up to there, and is kept within it, while this member leads; 0: it is left alone. */
  readonly certificationMemoryBytesMax: number;
  /** Transactions that take as long are logged; null: none are. */
  readonly slowTransactionMs: number | null;
  /** Of the past. */
  readonly retention: Retention;
  /** Lines of the log about conflicts that clients of this member lose; 0: none. */
  readonly conflictLogPerSecond: number;
  /** As in the engine's limits, from here on. */
  readonly transactionIdleMsMax: number;
  readonly transactionMsMax: number;
  readonly transactionRowsMax: number;
  readonly transactionBytesMax: number;
}

export interface RunningMember {
  /** `host:port` of its port for clients. */
  readonly clientAddress: string;
  readonly groupAddress: string;
  /** Stops cleanly: finishes what is committing, flushes, closes. Harmless when it is stopping already. */
  stop(): void;
  /** 0 after a clean stop. Rejects with what ended the member. */
  readonly ended: Promise<number>;
}

const lanesDefault = 2;

/** A run that the disk has no room to begin is tried again so often. */
const roomRetryMs = 1000;

/** More than all waits of a clean stop together. */
const stopMsMax = 15_000;

/** Resolves when both ports are open and the member is on its way to ONLINE. @throws ServerError */
export async function startMember(options: StartOptions): Promise<RunningMember> {
  const { host, insecure } = options;
  refuseInsecureAddress(host, insecure);
  const log = eventLog(options.logLevel);
  const opened: Opened = [];
  try {
    const directory = takeDirectory(options, opened);
    const network = await openGroupPort(options, opened);
    const server = await ClientServer.bind({ host, port: options.port, insecure });
    opened.push(() => server.stop());
    const groupAddress = addressOf(host, network.port);
    const end = new End();
    const runs = new Runs({ options, log, directory, network, server, groupAddress, end });
    await runs.begin({ incarnation: directory.incarnation, formation: formationOf(options) });
    log.event('ready', {
      memberId: directory.memberId,
      url: `ws://${server.address}/v1`,
      host,
      port: server.port,
      groupPort: network.port,
      groupAddress,
      dataDirectory: path.resolve(options.dataDirectory),
      pid: process.pid,
      version: packageVersion(),
    });

    const stop = async (): Promise<void> => {
      log.event('stopping', {});
      await runs.stop();
      await network.stop();
      directory.release();
      log.event('stopped', {});
    };
    return {
      clientAddress: server.address,
      groupAddress,
      stop: () => end.after(stop),
      ended: end.promise,
    };
  } catch (error) {
    for (const close of opened.reverse()) await close();
    throw error instanceof Error ? diskFailure(error, options.dataDirectory) : error;
  }
}

interface RunsSetup {
  readonly options: StartOptions;
  readonly log: EventLog;
  readonly directory: Directory;
  readonly network: WebSocketNetwork;
  readonly server: ClientServer;
  readonly groupAddress: string;
  readonly end: End;
}

/** The runs of the member, one after the other. */
class Runs {
  readonly #setup: RunsSetup;
  readonly #clock = new SystemClock();
  readonly #random = new SystemRandom();
  readonly #network: RunNetwork;
  readonly #restarts: Restarts;
  readonly #counters = zeroCounters();
  readonly #totals = new RunTotals();
  /** Read from the run that there is. */
  readonly #ofRun = [...memberGaugeSources(() => this.#member!), ...engineSources(() => this.#engine!)];
  readonly #histograms = [commitDurationSource(() => this.#member!), ...commitLayerSources(() => this.#member!)];
  readonly #labelled = [conflictSource(() => this.#member!)];
  readonly #stopAsked = new AbortController();
  #member: Member | null = null;
  #engine: Engine | null = null;
  /** Done when no run is being followed by another. */
  #following: Promise<void> = Promise.resolve();

  constructor(setup: RunsSetup) {
    this.#setup = setup;
    this.#network = new RunNetwork(setup.network);
    this.#restarts = new Restarts(setup.options.autorejoinTries);
  }

  /** @throws ServerError if the directory or the group refuse it; nothing of the run is open then. */
  async begin(run: { readonly incarnation: number; readonly formation: Formation }): Promise<void> {
    const { options, log, directory, server, groupAddress, end } = this.#setup;
    const clock = this.#clock;
    const random = this.#random;
    const lanes = await openStores(options, directory, (reason) => {
      this.#counters.faultyFound++;
      log.event('damage', { file: 'lanes', reason });
    });
    const { helpedAfterLosses, yieldMs } = options;
    const limits = {
      ...DEFAULT_LIMITS,
      transactionIdleMsMax: options.transactionIdleMsMax,
      transactionMsMax: options.transactionMsMax,
      transactionRowsMax: options.transactionRowsMax,
      transactionBytesMax: options.transactionBytesMax,
      helpedAfterLosses,
      yieldMs,
      frameBytesMax: defaultServerLimits.frameBytesMax,
    };
    const disk = new FileDisk(options.dataDirectory);
    const prepared = Member.prepare({
      environment: { clock, random, network: this.#network.next(), disk },
      memberId: directory.memberId,
      incarnation: run.incarnation,
      groupAddress,
      host: options.host,
      port: server.port,
      formation: run.formation,
      rejoins: this.#restarts.rejoins,
      compression: zstdCompression,
      lanes,
      newWriterTable: packedWriterTable,
      imageCodec,
      version: packageVersion(),
      counters: this.#counters,
      options: memberOptions(options),
      events: {
        ...memberEvents(log, (error) => end.fail(diskFailure(error, options.dataDirectory))),
        stateChanged: (state, why) => {
          if (state === 'ONLINE') this.#restarts.cameOnline();
          log.event('state', { state, why });
        },
        restart: (why, detail) => this.#follow(why, detail),
      },
    });
    if (prepared.kind === 'refused') {
      await closeAll(lanes);
      throw new ServerError({ code: 'GROUP', message: prepared.reason });
    }
    const { member } = prepared;
    const slow = {
      fromMs: options.slowTransactionMs ?? Number.POSITIVE_INFINITY,
      told: (facts: SlowTransaction) => log.event('slowTransaction', { ...facts }),
    };
    const engine = new Engine({ replica: member, clock, random, limits, imageCodec, slow });
    if (this.#member !== null) this.#totals.runEnded(this.#ofRun, this.#histograms, this.#labelled);
    this.#member = member;
    this.#engine = engine;
    server.serve(
      {
        replica: member,
        serverVersion: packageVersion(),
        engineLimits: { ...limits },
        openConnection: (send, hasRoom) => engine.openConnection(send, hasRoom),
      },
      {
        sources: [...memberCounterSources(this.#counters), ...this.#ofRun.map((source) => this.#totals.source(source))],
        histograms: this.#histograms.map((histogram) => this.#totals.histogram(histogram)),
        labelled: this.#labelled.map((source) => this.#totals.labelled(source)),
      },
    );
    member.open();
  }

  async stop(): Promise<void> {
    this.#stopAsked.abort();
    await this.#following;
    await this.#setup.server.stop();
    await this.#endRun();
  }

  /** The run is over; the next one begins on the same directory. */
  #follow(why: RestartReason, detail: string): void {
    const { log, end, options } = this.#setup;
    if (this.#stopAsked.signal.aborted) return;
    if (why === 'join') this.#restarts.wasTold();
    const waitMs = this.#restarts.next(why === 'expelled');
    log.event('restart', { why, detail, waitMs });
    if (waitMs === null) {
      const message = `the member began anew ${this.#restarts.count} times without coming ONLINE, last because ${detail}: see its log, then start it again`;
      end.fail(new ServerError({ code: 'GROUP', message }));
      return;
    }
    const formation: Formation = why === 'expelled' || why === 'join' ? { kind: 'rejoin' } : null;
    if (formation !== null) this.#counters.rejoins++;
    this.#following = this.#beginNext(formation, detail, waitMs).catch((error: Error) =>
      end.fail(diskFailure(error, options.dataDirectory)),
    );
  }

  async #beginNext(formation: Formation, detail: string, waitMs: number): Promise<void> {
    const { server, directory, log } = this.#setup;
    const { signal } = this.#stopAsked;
    await server.pause(`the member begins anew: ${detail}`);
    await this.#endRun();
    if (waitMs > 0) await delay(waitMs, undefined, { signal }).catch(() => {});
    const noticed = () => log.event('room', { hasRoom: false });
    const incarnation = await withRoom(() => directory.nextIncarnation(), { retryMs: roomRetryMs, signal, noticed });
    if (incarnation !== null) await this.begin({ incarnation, formation });
  }

  async #endRun(): Promise<void> {
    this.#engine?.stop();
    const member = this.#member;
    if (member !== null) await new Promise<void>((resolve) => member.stop(resolve));
  }
}

type Directory = Extract<DataDirectory, { kind: 'opened' }>;

/** What was opened, to be closed again when the rest cannot be. */
type Opened = (() => void | Promise<void>)[];

/** The end of a member: a clean one, or the first failure. */
class End {
  readonly promise: Promise<number>;
  #resolve: (code: number) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #isStopping = false;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever started the member looks at it later.
    this.promise.catch(() => {});
  }

  fail(error: Error): void {
    this.#reject(error);
  }

  after(stop: () => Promise<void>): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    const timer = setTimeout(() => {
      const message = `the member did not stop within ${stopMsMax} ms and was ended; nothing acknowledged is lost, it recovers at its next start`;
      this.#reject(new ServerError({ code: 'GROUP', message }));
    }, stopMsMax);
    stop()
      .finally(() => clearTimeout(timer))
      .then(() => this.#resolve(0), this.#reject);
  }
}

function takeDirectory(options: StartOptions, opened: Opened): Directory {
  if (options.formation === null && isNew(options.dataDirectory)) {
    throw new ServerError({
      code: 'GROUP',
      message: `${options.dataDirectory} is new and so belongs to no group: say --bootstrap to create one, or --seeds to become part of one that is being created`,
    });
  }
  const directory = openDataDirectory(options.dataDirectory, { lanes: options.lanes ?? lanesDefault });
  if (directory.kind === 'refused') throw new ServerError({ code: 'DATA_DIRECTORY', message: directory.reason });
  opened.push(() => directory.release());
  // A member that fails ends its process at once, and leaves no id in its directory that names another one some day.
  process.once('exit', (code) => {
    directory.release();
    if (code !== 0) endProcess(code);
  });
  if (options.lanes !== null && options.lanes !== directory.lanes) {
    throw new ServerError({
      code: 'OPTION',
      message: `${options.dataDirectory} was made with --lanes ${directory.lanes}, not ${options.lanes}; leave --lanes away, or choose another --data`,
    });
  }
  return directory;
}

function isNew(directory: string): boolean {
  return !existsSync(directory) || readdirSync(directory).length === 0;
}

async function openGroupPort(options: StartOptions, opened: Opened): Promise<WebSocketNetwork> {
  const { host, groupPort } = options;
  try {
    const network = await WebSocketNetwork.start({ host, port: groupPort });
    opened.push(() => network.stop());
    return network;
  } catch (error) {
    throw listenError((error as Error).cause ?? error, addressOf(host, groupPort), '--group-port');
  }
}

/** `damageFound`: a lane cannot be read; it is set aside, and an empty one takes its place. */
async function openStores(
  options: StartOptions,
  directory: Directory,
  damageFound: (reason: string) => void,
): Promise<readonly LaneStore[]> {
  const { memberId, lanes } = directory;
  const folder = path.join(options.dataDirectory, 'lanes');
  let stores = await openLanes(folder, { lanes, memberId });
  if (stores.kind === 'damaged') {
    damageFound(stores.reason);
    stores = await openLanes(folder, { lanes, memberId, setDamagedAside: true });
  }
  if (stores.kind !== 'opened') throw new ServerError({ code: 'DATA_DIRECTORY', message: stores.reason });
  return stores.lanes;
}

async function closeAll(lanes: readonly LaneStore[]): Promise<void> {
  await Promise.all(lanes.map((lane) => new Promise<void>((resolve) => lane.close(resolve))));
}

function memberOptions(options: StartOptions): MemberOptions {
  const {
    memberExpelTimeoutMs,
    logKeepBytes,
    logBytesMax,
    logSegmentBytes,
    compressionThresholdBytes,
    batchDelayMsMax,
    retention,
  } = options;
  const { outbox } = MEMBER_DEFAULTS;
  const memberOptions: MemberOptions = {
    ...MEMBER_DEFAULTS,
    conflictLinesPerSecondMax: options.conflictLogPerSecond,
    capacityTuning: { memoryBytesMax: options.certificationMemoryBytesMax },
    outbox: { ...outbox, tuning: { ...outbox.tuning, delayMsMax: batchDelayMsMax } },
    group: {
      ...GROUP_DEFAULTS,
      memberExpelTimeoutMs,
      logKeepBytes,
      logBytesMax,
      compressionThresholdBytes: compressionThresholdBytes ?? Number.MAX_SAFE_INTEGER,
      log: { ...GROUP_DEFAULTS.log, segmentBytes: logSegmentBytes },
    },
  };
  return withRetention(memberOptions, retention);
}

function formationOf({ formation }: StartOptions): Formation {
  if (formation === null || formation.kind === 'seeds') return formation;
  const { seeds, groupName, certificationCapacity, idempotencyHorizonMs } = formation;
  return {
    kind: 'bootstrap',
    seeds,
    groupName,
    options: { [CERTIFICATION_CAPACITY]: certificationCapacity, [IDEMPOTENCY_HORIZON_MS]: idempotencyHorizonMs },
  };
}

/** All but those that concern the order of runs. */
function memberEvents(log: EventLog, fail: (error: Error) => void): Omit<MemberEvents, 'stateChanged' | 'restart'> {
  const ended = (reason: string, error: Error): void => {
    log.event('failed', { reason });
    fail(error);
  };
  return {
    leaderChanged: (leader, term) => log.event('leader', { leader, term }),
    quorumChanged: (hasQuorum) => log.event('quorum', { hasQuorum }),
    reachabilityChanged: (member, reachable) => log.event('suspicion', { member, reachable }),
    formed: (groupName, groupId, members) => log.event('formed', { groupName, groupId, members }),
    viewChanged: ({ view, index, joined, left }) => {
      const members = view.members.map(({ memberId, ordinal, isVoter }) => ({ memberId, ordinal, isVoter }));
      log.event('view', { viewId: view.viewId, index, members, joined, left });
    },
    roomChanged: (hasRoom) => log.event('room', { hasRoom }),
    conflictLost: (conflict, leftOut) => log.event('conflict', { ...conflict, leftOut }),
    damageFound: (facts) => log.event('damage', facts),
    transferChanged: (phase, { sinceMs: _since, ...progress }, why) =>
      log.event('transfer', { phase, ...progress, why }),
    buildProgressed: ({ build, ...progress }) => log.event('build', { ...progress, ...build }),
    stuck: (why) => log.event('stuck', { why }),
    refusedPeer: (address, reason) => log.event('refusedPeer', { address, reason }),
    recovered: (facts) => log.event('recovered', facts),
    refused: (reason) => ended(reason, new ServerError({ code: 'GROUP', message: reason })),
    failed: (error) => ended(error.message, error),
  };
}
