/** Faults of disks: rules of the shim, or a filesystem that is filled. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ActiveDiskRule, DiskRule } from '../disk/faulty-disk.ts';
import type { LocalMember } from '../group/local-member.ts';
import { type Ailments, END_MS_MAX, type Heal } from './ailments.ts';

export function slowDisks(members: readonly LocalMember[], rule: DiskRule): Heal {
  const rules = members.map((member) => member.faultyDisk.impose(rule));
  return async () => {
    for (const each of rules) each.lift();
  };
}

export function failDisks(all: Ailments, members: readonly LocalMember[], rule: DiskRule): Heal {
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

/** Members bear it: they read, and write again when there is room. */
export function fillDisks(members: readonly LocalMember[]): Heal {
  const shimmed = members.filter((member) => member.smallDisk === null);
  const rules = shimmed.map((member) => member.faultyDisk.impose({ operations: ['grow'], error: 'ENOSPC' }));
  for (const member of members) member.smallDisk?.fill();
  return async () => {
    for (const member of members) member.smallDisk?.makeRoom();
    for (const rule of rules) rule.lift();
  };
}
