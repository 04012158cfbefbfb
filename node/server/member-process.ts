/**
 * One member as a process: its data directory, disk, lanes, network, the member itself and its port for clients, put
 * together in this order and let go in the opposite one.
 *
 * Everything that can be refused is refused before anything is promised: a foreign or used directory, a taken port, a
 * damaged log. What fails later ends the process; the member recovers at its next start.
 */
import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { openLanes } from '../../applier/lanes/index.ts';
import type { LaneStore } from '../../applier/types.ts';
import { lruRecencyCache } from '../../certifier/cache/index.ts';
import type { Formation } from '../../gcs/core/index.ts';
import { FileDisk, openDataDirectory, SystemClock, SystemRandom, WebSocketNetwork } from '../../gcs/driver/index.ts';
import {
  CERTIFICATION_CAPACITY,
  DEFAULT_LIMITS,
  Engine,
  MEMBER_DEFAULTS,
  Member,
  type MemberEvents,
} from '../engine/index.ts';
import { addressOf } from './addresses.ts';
import { ClientServer, refuseInsecureAddress } from './client-server.ts';
import { diskFailure } from './disk-failure.ts';
import { endProcess } from './end-process.ts';
import { type EventLog, eventLog, type LogLevel } from './events.ts';
import { defaultServerLimits } from './limits.ts';
import { commitDurationSource, engineSources, memberCounterSources, memberGaugeSources } from './metrics.ts';
import { imageCodec } from './msgpack.ts';
import { listenError, ServerError } from './server-error.ts';
import { packageVersion } from './version.ts';

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
      }
    | { readonly kind: 'seeds'; readonly seeds: readonly string[] }
    | null;
  /** Null: as the data directory has it, or the default if it is new. */
  readonly lanes: number | null;
  readonly insecure: boolean;
  readonly logLevel: LogLevel;
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
    const lanes = await openStores(options, directory, opened);

    const clock = new SystemClock();
    const random = new SystemRandom();
    const limits = { ...DEFAULT_LIMITS, frameBytesMax: defaultServerLimits.frameBytesMax };
    const end = new End();
    const prepared = Member.prepare({
      environment: { clock, random, network, disk: new FileDisk(options.dataDirectory) },
      memberId: directory.memberId,
      incarnation: directory.incarnation,
      groupAddress,
      host,
      port: server.port,
      formation: formationOf(options),
      lanes,
      newCache: lruRecencyCache,
      imageCodec,
      version: packageVersion(),
      options: MEMBER_DEFAULTS,
      events: memberEvents(log, (error) => end.fail(diskFailure(error, options.dataDirectory))),
    });
    if (prepared.kind === 'refused') throw new ServerError({ code: 'GROUP', message: prepared.reason });
    const { member } = prepared;

    const engine = new Engine({ replica: member, clock, random, limits, imageCodec });
    server.serve({
      replica: member,
      serverVersion: packageVersion(),
      engineLimits: { ...limits },
      openConnection: (send, hasRoom) => engine.openConnection(send, hasRoom),
      moreMetrics: [...memberCounterSources(member.counters), ...memberGaugeSources(member), ...engineSources(engine)],
      histograms: [commitDurationSource(member)],
    });
    member.open();
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
      await server.stop();
      engine.stop();
      await new Promise<void>((resolve) => member.stop(resolve));
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

function takeDirectory(
  options: StartOptions,
  opened: Opened,
): { memberId: string; incarnation: number; lanes: number; release(): void } {
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

async function openStores(
  options: StartOptions,
  directory: { readonly memberId: string; readonly lanes: number },
  opened: Opened,
): Promise<readonly LaneStore[]> {
  const { memberId, lanes } = directory;
  const stores = await openLanes(path.join(options.dataDirectory, 'lanes'), { lanes, memberId });
  if (stores.kind === 'refused') throw new ServerError({ code: 'DATA_DIRECTORY', message: stores.reason });
  for (const lane of stores.lanes) opened.push(() => new Promise<void>((resolve) => lane.close(resolve)));
  return stores.lanes;
}

function formationOf({ formation }: StartOptions): Formation {
  if (formation === null || formation.kind === 'seeds') return formation;
  const { seeds, groupName, certificationCapacity } = formation;
  return { kind: 'bootstrap', seeds, groupName, options: { [CERTIFICATION_CAPACITY]: certificationCapacity } };
}

function memberEvents(log: EventLog, fail: (error: Error) => void): MemberEvents {
  const ended = (reason: string, error: Error): void => {
    log.event('failed', { reason });
    fail(error);
  };
  return {
    stateChanged: (state, why) => log.event('state', { state, why }),
    leaderChanged: (leader, term) => log.event('leader', { leader, term }),
    quorumChanged: (hasQuorum) => log.event('quorum', { hasQuorum }),
    reachabilityChanged: (member, reachable) => log.event('suspicion', { member, reachable }),
    formed: (groupName, groupId, members) => log.event('formed', { groupName, groupId, members }),
    refusedPeer: (address, reason) => log.event('refusedPeer', { address, reason }),
    recovered: (facts) => log.event('recovered', facts),
    refused: (reason) => ended(reason, new ServerError({ code: 'GROUP', message: reason })),
    failed: (error) => ended(error.message, error),
  };
}
