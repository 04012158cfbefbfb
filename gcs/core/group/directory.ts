/** What a member's directory has of its group, and whether that fits what the member was started with. */
import type { LogDamage } from '../log/contract.ts';
import { SegmentLog } from '../log/segment-log.ts';
import type { Belonging } from '../transfer/contract.ts';
import { memberOf } from '../views.ts';
import type { GroupSetup } from './contract.ts';
import { GROUP_FILE, isFormedBy, readBelonging } from './definition.ts';

export interface Directory {
  readonly log: SegmentLog;
  readonly damage: LogDamage | null;
  /** Null: it belongs to no group yet. */
  readonly belonging: Belonging | null;
}

/** @throws DiskError */
export function readDirectory(
  setup: GroupSetup,
): ({ readonly kind: 'read' } & Directory) | { readonly kind: 'refused'; readonly reason: string } {
  const { environment, formation, memberId, options } = setup;
  const opened = SegmentLog.open(environment.disk, options.log, { memberId });
  if (opened.kind === 'refused') return opened;
  const { log, damage } = opened;
  const belonging = readBelonging(environment.disk);
  if (belonging === null) {
    if (log.lastIndex > 0 || damage !== null) {
      return refused(`${GROUP_FILE} is missing beside a log that is not empty; restore it`);
    }
    if (formation === null || formation.kind === 'rejoin') {
      return refused(
        'the data directory belongs to no group yet: say --bootstrap to create one, or --seeds to become part of one',
      );
    }
    return { kind: 'read', log, damage, belonging: null };
  }
  if (belonging.kind === 'malformed') {
    return refused(`${GROUP_FILE} is damaged: ${belonging.reason}; restore it, or let the member join as a new one`);
  }
  const problem = problemOf(belonging, setup);
  if (problem !== null) return refused(problem);
  const { definition, self, view } = belonging;
  // The same command line again asks for nothing new: so a member can be restarted by whoever started it first.
  if (formation?.kind === 'bootstrap' && !isFormedBy(definition, formation, setup.groupAddress)) {
    return refused(
      `the data directory already belongs to the group ${definition.groupName}, and --bootstrap asks for one with another name, other members or other options: start without --bootstrap`,
    );
  }
  return { kind: 'read', log, damage, belonging: { definition, self, view } };
}

function refused(reason: string): { readonly kind: 'refused'; readonly reason: string } {
  return { kind: 'refused', reason };
}

/** Why this directory is not for this member. */
function problemOf({ view, self }: Belonging, { memberId, groupAddress }: GroupSetup): string | null {
  const member = memberOf(view, self)!;
  if (member.memberId !== memberId) {
    return `${GROUP_FILE} is that of member ${member.memberId}, not of this one (${memberId}): the data directory was mixed up`;
  }
  if (member.groupAddress !== groupAddress) {
    return `this member's group address is ${member.groupAddress} since it belongs to its group, not ${groupAddress}: start it with the old one`;
  }
  return null;
}
