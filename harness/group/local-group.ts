/** A group of processes on this machine, each with a directory of its own; all of it is gone when its test ends. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
/** As far as a test's context is needed here. */
export interface Cleanup {
  after(cleanup: () => Promise<void>): void;
}

import { CuttableNetwork } from '../network/cuttable-network.ts';
import { waitUntil } from '../wait-until.ts';
import { freePorts } from './free-ports.ts';
import { LocalMember } from './local-member.ts';

export interface LocalGroupOptions {
  readonly members?: number;
  /** Data directory of a member by its place; the default lies in a temporary directory. */
  readonly directoryOf?: (place: number, folder: string) => string;
  /** Its links can be cut by `network`. */
  readonly isCuttable?: boolean;
  /** Environment of the processes of a member, by its place. */
  readonly environmentOf?: (place: number) => Readonly<Record<string, string>>;
  /** Further options of the member that bootstraps. */
  readonly bootstrapOptions?: readonly string[];
}

export class LocalGroup {
  readonly members: readonly LocalMember[];
  readonly folder: string;
  readonly #network: CuttableNetwork | null;
  readonly #endings: (() => Promise<void>)[] = [];

  private constructor(members: readonly LocalMember[], folder: string, network: CuttableNetwork | null) {
    this.#network = network;
    this.members = members;
    this.folder = folder;
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
    const folder = mkdtempSync(path.join(tmpdir(), 'concert-group-'));
    const count = options.members ?? 3;
    const ports = await freePorts(2 * count);
    const groupPorts = ports.slice(count);
    const network = options.isCuttable ? await CuttableNetwork.between(groupPorts) : null;
    const members = Array.from({ length: count }, (_, place) => {
      return new LocalMember({
        name: `member-${place + 1}`,
        directory: options.directoryOf?.(place, folder) ?? path.join(folder, `member-${place + 1}`),
        port: ports[place]!,
        groupPort: groupPorts[place]!,
        environment: { ...network?.environmentOf(place), ...options.environmentOf?.(place) },
      });
    });
    const group = new LocalGroup(members, folder, network);
    t.after(async () => {
      await group.killAll();
      for (const end of group.#endings) await end();
      await network?.close();
      rmSync(folder, { recursive: true, force: true });
    });
    return group;
  }

  /** Done when its test has ended, whatever came of it, and the members are killed. */
  atEnd(end: () => Promise<void>): void {
    this.#endings.push(end);
  }

  get network(): CuttableNetwork {
    assert(this.#network !== null, 'a group that is cuttable');
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

  async killAll(): Promise<void> {
    const running = this.members.filter((member) => member.isRunning);
    // A stopped process is not asked; SIGKILL ends it all the same.
    await Promise.all(running.map((member) => member.process.kill()));
  }

  /** The leader of the newest term, once the running members agree on one. */
  leader(): Promise<LocalMember> {
    return waitUntil('the members agree on a leader', 10_000, () => {
      const running = this.members.filter((member) => member.isRunning);
      const views = running.map((member) => member.latestLeader);
      const [first] = views;
      if (!first || first.leader === null) return null;
      if (views.some((view) => view?.leader !== first.leader || view.term !== first.term)) return null;
      return running.find((member) => member.memberId === first.leader) ?? null;
    });
  }

  others(member: LocalMember): readonly LocalMember[] {
    return this.members.filter((other) => other !== member);
  }
}
