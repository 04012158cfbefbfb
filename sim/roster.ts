/** The machines of a scenario and which of them belong to the group; what both scenarios have in common. */
import type { SeededRandom } from '../gcs/base/index.ts';
import { type Group, type GroupView, memberNamed } from '../gcs/core/index.ts';
import { MEMBERS_MAX } from './faults/index.ts';
import { appendedView } from './observers/appended-view.ts';
import type { TotalOrder } from './observers/total-order.ts';
import type { SimulatedHost, SimulatedWorld } from './world/index.ts';

/** A machine, and what on it survives a process. */
export interface Machine {
  readonly host: SimulatedHost;
  /** A lost disk makes a new one. */
  memberId: string;
  /** Of the newest run. */
  incarnation: number;
  isFounder: boolean;
  /** It was told to leave. */
  isLeaving: boolean;
  /** It was told to leave, and has; until it is to join again. */
  hasLeft: boolean;
  /** It is to be let in again with the directory that it has. */
  rejoins: boolean;
  /** Whom its present run dials while it belongs to no group yet. */
  seeds: readonly string[];
}

export class Roster<M extends Machine> {
  readonly machines: M[] = [];
  /** By member id, of all that have ever run. */
  readonly groups = new Map<string, Group>();
  readonly #world: SimulatedWorld;
  readonly #random: SeededRandom;
  readonly #order: TotalOrder;
  readonly #make: (machine: Machine) => M;

  constructor(setup: {
    world: SimulatedWorld;
    random: SeededRandom;
    order: TotalOrder;
    make: (machine: Machine) => M;
  }) {
    this.#world = setup.world;
    this.#random = setup.random;
    this.#order = setup.order;
    this.#make = setup.make;
  }

  add(isFounder: boolean): M {
    const name = `member-${this.machines.length + 1}`;
    const host = this.#world.addHost(name, `${name}:71`);
    const machine = this.#make({
      host,
      memberId: this.#random.uuid(),
      incarnation: 0,
      isFounder,
      isLeaving: false,
      hasLeft: false,
      rejoins: false,
      seeds: [],
    });
    this.machines.push(machine);
    return machine;
  }

  get hosts(): readonly SimulatedHost[] {
    return this.machines.map(({ host }) => host);
  }

  of(host: SimulatedHost): M {
    return this.machines.find((machine) => machine.host === host)!;
  }

  named(memberId: string): M | undefined {
    return this.machines.find((machine) => machine.memberId === memberId);
  }

  /** A member that comes in the place of one whose disk is lost. */
  forget(machine: M): void {
    this.groups.delete(machine.memberId);
    machine.memberId = this.#random.uuid();
    machine.incarnation = 0;
    machine.isFounder = false;
    machine.rejoins = false;
    machine.isLeaving = false;
  }

  /** Machines that could join: new ones as long as there is room, and those that left. */
  forJoining(count: number): readonly M[] {
    const candidates = this.machines.filter(({ hasLeft }) => hasLeft).slice(0, count);
    while (candidates.length < count && this.machines.length < MEMBERS_MAX) candidates.push(this.add(false));
    return candidates;
  }

  /** Those that are to be members in the end. */
  get wanted(): readonly M[] {
    return this.machines.filter(({ hasLeft }) => !hasLeft);
  }

  get voters(): readonly SimulatedHost[] {
    const hosts: SimulatedHost[] = [];
    for (const member of this.#order.view?.members ?? []) {
      const host = member.isVoter ? this.named(member.memberId)?.host : undefined;
      if (host !== undefined) hosts.push(host);
    }
    return hosts;
  }

  /** In the smallest view, from the newest that was delivered on, that any member goes by. */
  get votersLeast(): number {
    const { view: newest } = this.#order;
    let least = newest === null ? 0 : voterCount(newest);
    for (const group of this.groups.values()) {
      const view = appendedView(group);
      if (view !== null && view.number > (newest?.number ?? 0)) least = Math.min(least, voterCount(view));
    }
    return least;
  }

  isVoter({ memberId }: M): boolean {
    const { view } = this.#order;
    return view !== null && memberNamed(view, memberId)?.isVoter === true;
  }

  /** All wanted ones are voters, and nobody else is a member. */
  get isSettled(): boolean {
    const { wanted } = this;
    return this.#order.view?.members.length === wanted.length && wanted.every((machine) => this.isVoter(machine));
  }

  /**
   * A random majority that could go on alone: in each view that any member goes by, and without counting on one that
   * `isDamaged`. All machines if there is none.
   */
  drawCore(random: SeededRandom, isDamaged: (host: SimulatedHost) => boolean): M[] {
    const rest = this.machines.filter(({ host }) => !isDamaged(host));
    const core: M[] = [];
    while (rest.length > 0) {
      core.push(rest.splice(random.below(rest.length), 1)[0]!);
      if (this.canGoOn(core)) return core;
    }
    return [...this.machines];
  }

  /**
   * Whether the group of these comes to take this one in: it is a member, and they dial it; or it knows one of them that
   * is. Whoever was expelled while it was down may know only such as stay down or cut off.
   */
  isToBeMet(machine: M, core: readonly M[]): boolean {
    const { view } = this.#order;
    if (view === null || memberNamed(view, machine.memberId) !== undefined) return true;
    const group = this.groups.get(machine.memberId);
    const known = group === undefined ? null : appendedView(group);
    const hasBelonged = group?.view != null && known !== null;
    const addresses = new Set(
      hasBelonged ? [...group.view.members, ...known.members].map(({ groupAddress }) => groupAddress) : machine.seeds,
    );
    return core.some(({ host, memberId }) => memberNamed(view, memberId) !== undefined && addresses.has(host.address));
  }

  /** Whether these are a majority in each view, from the newest that was delivered on, that any member goes by. */
  canGoOn(core: readonly M[]): boolean {
    const { view: newest } = this.#order;
    if (newest !== null && !isMajorityIn(newest, core)) return false;
    for (const group of this.groups.values()) {
      const view = appendedView(group);
      if (view !== null && view.number > (newest?.number ?? 0) && !isMajorityIn(view, core)) return false;
    }
    return true;
  }
}

function voterCount(view: GroupView): number {
  return view.members.filter((member) => member.isVoter).length;
}

function isMajorityIn(view: GroupView, machines: readonly Machine[]): boolean {
  const ids = new Set(machines.map(({ memberId }) => memberId));
  const voters = view.members.filter((member) => member.isVoter);
  return voters.filter(({ memberId }) => ids.has(memberId)).length > voters.length / 2;
}
