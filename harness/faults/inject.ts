/**
 * Faults, as they strike a group and are healed. Several may be at once: a member that is held down by two is started
 * when both are healed, and a flow is free when nothing is imposed on it any more.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { LocalGroup } from '../group/local-group.ts';
import type { LocalMember } from '../group/local-member.ts';
import type { Shape } from '../network/shapes.ts';
import { waitUntil } from '../wait-until.ts';
import { type Ailments, ailmentsOf, type Heal } from './ailments.ts';
import { failDisks, fillDisks, slowDisks } from './disk-faults.ts';
import type { Fault, Places } from './fault.ts';
import { flowsOf, placesOf, shapeOf } from './places.ts';

const RECOVERED_MS_MAX = 30_000;

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
  const membersAt = async (places: Places) => (await placesOf(group, places)).map((place) => group.members[place]!);
  switch (fault.kind) {
    case 'kill':
    case 'stop':
    case 'powerCut': {
      const members = await membersAt(fault.members);
      const heal = all.holdDown(members);
      const running = members.filter((member) => member.isRunning);
      try {
        await Promise.all(running.map((member) => end(member, fault.kind)));
      } catch (error) {
        await heal();
        throw error;
      }
      return heal;
    }
    case 'pause':
      return all.pause(await membersAt(fault.members));
    case 'cut':
      return group.network.cut(await shapeOf(group, fault.shape), fault.how);
    case 'flapping':
      return flap(group, await shapeOf(group, fault.shape), fault);
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
      return slowDisks(await membersAt(fault.members), { operations, path, delay: { ms, jitterMs } });
    }
    case 'hangingDisk':
      return slowDisks(await membersAt(fault.members), { operations: ['write', 'sync'], delay: 'hangs' });
    case 'failingDisk': {
      const { operation, kind: _kind, members, ...where } = fault;
      return failDisks(all, await membersAt(members), { ...where, operations: [operation], error: 'EIO' });
    }
    case 'fullDisk':
      return fillDisks(await membersAt(fault.members));
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
async function flap(group: LocalGroup, shape: Shape, fault: Extract<Fault, { kind: 'flapping' }>): Promise<Heal> {
  const { how, cutMs, wholeMs } = fault;
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
