/** A group of processes on this machine, each with a directory of its own; all of it is gone when its test ends. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { SeededRandom } from '../../gcs/base/index.ts';
import { compilePowerCut } from '../disk/compile-power-cut.ts';
import { FaultyDisk } from '../disk/faulty-disk.ts';
import { SmallDisk } from '../disk/small-disk.ts';
import { GroupNetwork } from '../network/group-network.ts';
import { waitUntil } from '../wait-until.ts';
import type { ConcertProcessOptions } from './concert-process.ts';
import { type Environment, mergedEnvironment } from './environment.ts';
import { freePorts } from './free-ports.ts';
import { LocalMember } from './local-member.ts';
import type { Cleanup } from './scope.ts';

export interface LocalGroupOptions {
  /** 1 to 9; 3 unless said. */
  readonly members?: number;
  /** Data directory of a member by its place; the default lies in `folder`. */
  readonly directoryOf?: (place: number, folder: string) => string;
  /** Holds directories and logs, and stays; absent: a temporary one. */
  readonly folder?: string;
  /** A proxy in every link between members, and between clients and members unless it is `members`. */
  readonly network?: boolean | 'members';
  /** Disks that can be made slow or failing while they are used. See `whyNoFaultyDisk`. */
  readonly faultyDisks?: boolean;
  /** The power of each can be cut. See `compilePowerCut`. */
  readonly powerCuts?: boolean;
  /** Each has a filesystem of its own, so large, which can be filled. Needs the right to mount. */
  readonly diskBytes?: number;
  /** Of all chance in network and disks; 1 unless said. */
  readonly seed?: number;
  /** Environment of the processes of a member, by its place. */
  readonly environmentOf?: (place: number) => Environment;
  /** Further options of the member that bootstraps. */
  readonly bootstrapOptions?: readonly string[];
  /** Of each process. */
  readonly process?: Omit<ConcertProcessOptions, 'logFile'>;
}

const MEMBERS_MAX = 9;
/** Of each log, shown when a test has failed. */
const SHOWN_LINES = 15;
const SHOWN_CHARACTERS = 240;
const SEED_BOUND = 2 ** 31;

export class LocalGroup {
  readonly members: readonly LocalMember[];
  readonly folder: string;
  readonly #network: GroupNetwork | null;
  readonly #endings: (() => Promise<void>)[] = [];

  private constructor(members: readonly LocalMember[], folder: string, network: GroupNetwork | null) {
    this.members = members;
    this.folder = folder;
    this.#network = network;
  }

  /** Formed for the first time, all members ONLINE. */
  static async create(t: Cleanup, options: LocalGroupOptions = {}): Promise<LocalGroup> {
    const group = await LocalGroup.prepare(t, options);
    group.form(options.bootstrapOptions);
    await group.online();
    return group;
  }

  /** Nothing runs yet. */
  static async prepare(t: Cleanup, options: LocalGroupOptions = {}): Promise<LocalGroup> {
    const { members: count = 3, seed = 1 } = options;
    assert(Number.isInteger(count) && count >= 1 && count <= MEMBERS_MAX, `members: 1 to ${MEMBERS_MAX}, not ${count}`);
    const endings: (() => void | Promise<void>)[] = [];
    t.after(async () => {
      for (const end of endings.reverse()) await end();
    });
    const folder = makeFolder(options);
    if (options.folder === undefined) endings.push(() => rmSync(folder, { recursive: true, force: true }));
    const random = new SeededRandom(seed);
    const ports = await freePorts(2 * count);
    const places = Array.from({ length: count }, (_, place) => ({
      port: ports[place]!,
      groupPort: ports[count + place]!,
    }));
    const network = options.network
      ? await GroupNetwork.between(places, { seed, forClients: options.network !== 'members' })
      : null;
    if (network !== null) endings.push(() => network.close());
    const members = places.map((facts, place) => {
      const name = `member-${place + 1}`;
      const smallDisk = options.diskBytes === undefined ? null : mountDisk(folder, name, options.diskBytes);
      if (smallDisk !== null) endings.push(() => smallDisk.unmount());
      const home = smallDisk === null ? path.join(folder, name) : path.join(smallDisk.folder, 'data');
      const directory = options.directoryOf?.(place, folder) ?? home;
      const faultyDisk = options.faultyDisks ? new FaultyDisk(directory, path.join(folder, `${name}.disk`)) : null;
      if (faultyDisk !== null) endings.push(() => faultyDisk.close());
      return new LocalMember({
        ...facts,
        name,
        directory,
        environment: mergedEnvironment(network?.environmentOf(place) ?? {}, options.environmentOf?.(place) ?? {}),
        process: { ...options.process, logFile: path.join(folder, `${name}.log`) },
        clientPort: network?.clientPort(place),
        ...(faultyDisk !== null && { faultyDisk }),
        ...(smallDisk !== null && { smallDisk }),
        ...(options.powerCuts && { powerCut: powerCutOf(random.split(name)) }),
      });
    });
    const group = new LocalGroup(members, folder, network);
    endings.push(async () => {
      await group.killAll();
      for (const end of group.#endings.reverse()) await end();
      if (t.passed === false) t.diagnostic?.(group.#keepLogs());
    });
    return group;
  }

  /** Done when its test has ended, whatever came of it, and the members are killed; the newest first. */
  atEnd(end: () => Promise<void>): void {
    this.#endings.push(end);
  }

  get network(): GroupNetwork {
    assert(this.#network !== null, 'the group was made with a network');
    return this.#network;
  }

  /** Starts all members as those of a new group. */
  form(bootstrapOptions: readonly string[] = []): void {
    const [first, ...others] = this.members as readonly [LocalMember, ...LocalMember[]];
    const seeds = others.map((member) => member.groupAddress).join(',');
    first.start('--bootstrap', ...(seeds === '' ? [] : ['--seeds', seeds]), ...bootstrapOptions);
    for (const member of others) member.start('--seeds', first.groupAddress);
  }

  async online(): Promise<void> {
    await Promise.all(this.members.map((member) => member.online()));
  }

  /** Starts those that do not run, with nothing but their directories, and waits until they are ONLINE. */
  async restart(): Promise<void> {
    for (const member of this.members) if (!member.isRunning) member.start();
    await this.online();
  }

  /** Starts a member that does not run as one that lost its disk, told where another is. */
  startAnew(member: LocalMember): void {
    member.removeData();
    member.start('--seeds', this.others(member)[0]!.groupAddress);
  }

  async killAll(): Promise<void> {
    // A stopped process is not asked; SIGKILL ends it all the same.
    await Promise.all(this.#running().map((member) => member.process.kill()));
  }

  async stopAll(): Promise<void> {
    await Promise.all(this.#running().map((member) => member.process.stop()));
  }

  /** The leader of the newest term, once `among`, or else all that run, agree on one. */
  leader(among?: readonly LocalMember[]): Promise<LocalMember> {
    return waitUntil('the members agree on a leader', 10_000, () => {
      const asked = among ?? this.#running().filter((member) => !member.isPaused);
      const views = asked.map((member) => member.latestLeader);
      const [first] = views;
      if (!first || first.leader === null) return null;
      if (views.some((view) => view?.leader !== first.leader || view.term !== first.term)) return null;
      return asked.find((member) => member.memberId === first.leader) ?? null;
    });
  }

  others(member: LocalMember): readonly LocalMember[] {
    return this.members.filter((other) => other !== member);
  }

  placeOf(member: LocalMember): number {
    return this.members.indexOf(member);
  }

  /** The last lines of each member's log. */
  lastOfLogs(): string {
    return this.members
      .map(({ name }) => {
        const file = path.join(this.folder, `${name}.log`);
        const lines = existsSync(file) ? readFileSync(file, 'utf8').trimEnd().split('\n') : ['(never started)'];
        return [`${name}:`, ...lines.slice(-SHOWN_LINES).map((line) => `  ${line.slice(0, SHOWN_CHARACTERS)}`)].join(
          '\n',
        );
      })
      .join('\n');
  }

  #running(): readonly LocalMember[] {
    return this.members.filter((member) => member.isRunning);
  }

  #keepLogs(): string {
    const kept = mkdtempSync(path.join(tmpdir(), 'concert-failed-'));
    for (const file of readdirSync(this.folder)) {
      if (file.endsWith('.log')) cpSync(path.join(this.folder, file), path.join(kept, file));
    }
    return `${this.lastOfLogs()}\nthe whole logs: ${kept}`;
  }
}

function makeFolder({ folder }: LocalGroupOptions): string {
  if (folder === undefined) return realpathSync(mkdtempSync(path.join(tmpdir(), 'concert-group-')));
  mkdirSync(folder, { recursive: true });
  return realpathSync(folder);
}

function mountDisk(folder: string, name: string, bytes: number): SmallDisk {
  const disk = SmallDisk.mount(path.join(folder, `${name}-disk`), bytes);
  assert(disk !== null, 'mounting a disk needs more rights');
  return disk;
}

function powerCutOf(random: SeededRandom) {
  const library = compilePowerCut();
  assert(library.kind === 'compiled', library.kind === 'unavailable' ? library.reason : '');
  return { library, drawSeed: () => random.below(SEED_BOUND) };
}
