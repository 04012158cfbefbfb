/**
 * Faults, as they strike a group and are healed. Several may be at once: a member that is held down by two is started
 * when both are healed, and a flow is free when nothing is imposed on it any more.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActiveDiskRule, DiskRule } from '../disk/faulty-disk.ts';
import type { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import { waitUntil } from '../wait-until.ts';
import type { Fault } from './fault.ts';
import { flowsOf, placesOf, shapeOf } from './places.ts';

/** Heals a fault; harmless a second time. Members that it starts are on their way when it is done. */
export type Heal = () => Promise<void>;

/** What faults do to the members of a group now. */
class Ailments {
  #hasEnded = false;
  readonly #heals = new Set<Heal>();
  readonly #heldDown = new Map<LocalMember, number>();
  readonly #paused = new Map<LocalMember, number>();
  /** When a member may have ended because of a fault, by the system's time of day. */
  readonly #mayEnd: { readonly member: LocalMember; readonly fromMs: number; upToMs: number }[] = [];

  add(undo: Heal): Heal {
    let healed: Promise<void> | null = null;
    const heal = () => {
      this.#heals.delete(heal);
      healed ??= undo();
      return healed;
    };
    this.#heals.add(heal);
    return heal;
  }

  async healAll(): Promise<void> {
    for (const heal of [...this.#heals].reverse()) await heal();
  }

  /** Heals, and starts nobody. */
  async end(): Promise<void> {
    this.#hasEnded = true;
    await this.healAll();
  }

  /** `members` may end from now until what is returned is called, and a little longer. */
  mayEnd(members: readonly LocalMember[]): () => void {
    const spans = members.map((member) => ({ member, fromMs: Date.now(), upToMs: Number.POSITIVE_INFINITY }));
    this.#mayEnd.push(...spans);
    return () => {
      for (const span of spans) span.upToMs = Date.now() + END_MS_MAX;
    };
  }

  explains(member: LocalMember, endedAtMs: number): boolean {
    return this.#mayEnd.some((span) => span.member === member && span.fromMs <= endedAtMs && endedAtMs <= span.upToMs);
  }

  holdDown(members: readonly LocalMember[]): Heal {
    for (const member of members) this.#heldDown.set(member, (this.#heldDown.get(member) ?? 0) + 1);
    const noMore = this.mayEnd(members);
    return async () => {
      noMore();
      for (const member of members) this.#heldDown.set(member, this.#heldDown.get(member)! - 1);
      this.startThose(members);
    };
  }

  startThose(members: readonly LocalMember[]): void {
    if (this.#hasEnded) return;
    for (const member of members) {
      if (!member.isRunning && (this.#heldDown.get(member) ?? 0) === 0) member.start();
    }
  }

  pause(members: readonly LocalMember[]): Heal {
    for (const member of members) {
      this.#paused.set(member, (this.#paused.get(member) ?? 0) + 1);
      if (member.isRunning) member.pause();
    }
    return async () => {
      for (const member of members) {
        const count = this.#paused.get(member)! - 1;
        this.#paused.set(member, count);
        if (count === 0 && member.isPaused) member.resume();
      }
    };
  }
}

const ailments = new WeakMap<LocalGroup, Ailments>();

/** How long a member may take to end after its disk has failed it. */
const END_MS_MAX = 5_000;
const RECOVERED_MS_MAX = 30_000;

function ailmentsOf(group: LocalGroup): Ailments {
  let found = ailments.get(group);
  if (found === undefined) {
    const created = new Ailments();
    // What flaps or hangs must not do so for ever.
    group.atEnd(() => created.end());
    ailments.set(group, created);
    found = created;
  }
  return found;
}

/** Strikes; done when it has. */
export async function inject(group: LocalGroup, fault: Fault): Promise<Heal> {
  const all = ailmentsOf(group);
  return all.add(await strike(group, all, fault));
}

/** Heals all that was injected, the newest first. */
export async function healAll(group: LocalGroup): Promise<void> {
  await ailmentsOf(group).healAll();
}

/** Whether a member that ended at this time of day may have done so because of a fault. */
export function mayHaveEnded(group: LocalGroup, member: LocalMember, endedAtMs: number): boolean {
  return ailmentsOf(group).explains(member, endedAtMs);
}

/** Heals everything, and waits until all members are ONLINE again; those that have ended are started. */
export async function recover(group: LocalGroup, limitMs = RECOVERED_MS_MAX): Promise<void> {
  await healAll(group);
  await waitUntil('all members are ONLINE again', limitMs, async () => {
    const states = group.members.map((member) => {
      if (!member.isRunning) member.start();
      return member.state().catch(() => null);
    });
    return (await Promise.all(states)).every((state) => state === 'ONLINE');
  });
}

async function strike(group: LocalGroup, all: Ailments, fault: Fault): Promise<Heal> {
  const membersAt = async (places: Parameters<typeof placesOf>[1]) =>
    (await placesOf(group, places)).map((place) => group.members[place]!);
  switch (fault.kind) {
    case 'kill':
    case 'stop':
    case 'powerCut': {
      const members = await membersAt(fault.members);
      const heal = all.holdDown(members);
      const running = members.filter((member) => member.isRunning);
      await Promise.all(running.map((member) => end(member, fault.kind)));
      return heal;
    }
    case 'pause':
      return all.pause(await membersAt(fault.members));
    case 'cut':
      return group.network.cut(await shapeOf(group, fault.shape), fault.how);
    case 'flapping':
      return flap(group, { ...fault, shape: await shapeOf(group, fault.shape) });
    case 'reset':
      await group.network.network.reset(await flowsOf(group, fault.flows));
      return async () => {};
    case 'delay': {
      const condition = { delayMs: fault.ms, jitterMs: fault.jitterMs ?? 0 };
      return group.network.network.impose(await flowsOf(group, fault.flows), condition);
    }
    case 'narrow': {
      const { bytesPerSecond } = fault;
      return group.network.network.impose(await flowsOf(group, fault.flows), { bytesPerSecond });
    }
    case 'slowDisk': {
      const { ms, jitterMs = 0, operations = ['write', 'sync'], path = '' } = fault;
      return slow(await membersAt(fault.members), { operations, path, delay: { ms, jitterMs } });
    }
    case 'hangingDisk':
      return slow(await membersAt(fault.members), { operations: ['write', 'sync'], delay: 'hangs' });
    case 'failingDisk': {
      const { operation, kind: _kind, members, ...where } = fault;
      return fail(all, await membersAt(members), { ...where, operations: [operation], error: 'EIO' });
    }
    case 'fullDisk':
      return fill(all, await membersAt(fault.members));
  }
}

async function end(member: LocalMember, how: 'kill' | 'stop' | 'powerCut'): Promise<void> {
  // A process that stands still would never take note.
  if (how !== 'kill' && member.isPaused) member.resume();
  if (how === 'kill') await member.process.kill();
  else if (how === 'stop') await member.process.stop();
  else await member.cutPower();
}

/** Cuts at once. */
async function flap(
  group: LocalGroup,
  {
    shape,
    how,
    cutMs,
    wholeMs,
  }: { shape: Parameters<typeof group.network.cut>[0]; how?: 'silent' | 'reset'; cutMs: number; wholeMs: number },
): Promise<Heal> {
  const over = new AbortController();
  let lift = await group.network.cut(shape, how);
  let failure: Error | null = null;
  const flapping = (async () => {
    for (;;) {
      await delay(cutMs, undefined, { signal: over.signal });
      await lift();
      await delay(wholeMs, undefined, { signal: over.signal });
      lift = await group.network.cut(shape, how);
    }
  })().catch((error) => {
    if (!over.signal.aborted) failure = error;
  });
  return async () => {
    over.abort();
    await flapping;
    await lift();
    if (failure !== null) throw failure;
  };
}

function slow(members: readonly LocalMember[], rule: DiskRule): Heal {
  const rules = members.map((member) => member.faultyDisk.impose(rule));
  return async () => {
    for (const each of rules) each.lift();
  };
}

function fail(all: Ailments, members: readonly LocalMember[], rule: DiskRule): Heal {
  const rules = members.map((member) => member.faultyDisk.impose(rule));
  const noMore = all.mayEnd(members);
  return async () => {
    await Promise.all(members.map((member, i) => hasBorne(member, rules[i]!)));
    for (const each of rules) each.lift();
    noMore();
    all.startThose(members);
  };
}

/** One that its disk has failed is about to end, if it has not yet; then it can be started. */
async function hasBorne(member: LocalMember, rule: ActiveDiskRule): Promise<void> {
  if (rule.struck() === 0 || !member.isRunning || member.isPaused) return;
  await Promise.race([member.process.ended, delay(END_MS_MAX)]);
}

function fill(all: Ailments, members: readonly LocalMember[]): Heal {
  const shimmed = members.filter((member) => member.smallDisk === null);
  const emptied = fail(all, shimmed, { operations: ['grow'], error: 'ENOSPC' });
  const filled = members.filter((member) => member.smallDisk !== null);
  for (const member of filled) member.smallDisk!.fill();
  const noMore = all.mayEnd(filled);
  return async () => {
    for (const member of filled) member.smallDisk!.makeRoom();
    noMore();
    all.startThose(filled);
    await emptied();
  };
}
