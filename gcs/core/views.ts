/**
 * Views: who belongs to the group from which place of the order on. Each change makes the next one, changes one member
 * at a time (R3), and is an entry of the log.
 */
import { type MemberId, type MemberOrdinal, utf8Decode, utf8Encode } from '../base/index.ts';
import type { GroupMember, GroupView } from './types.ts';

/** Names of those who left are kept for people: who wrote this row? */
const FORMER_MAX = 64;

export function foundingView(birthMs: number, members: readonly Omit<GroupMember, 'ordinal' | 'isVoter'>[]): GroupView {
  return {
    viewId: `${birthMs}:1`,
    number: 1,
    members: members.map((member, ordinal) => ({ ...member, ordinal, isVoter: true })),
    nextOrdinal: members.length,
    former: [],
  };
}

export function memberOf(view: GroupView, ordinal: MemberOrdinal): GroupMember | undefined {
  return view.members.find((member) => member.ordinal === ordinal);
}

export function memberNamed(view: GroupView, memberId: MemberId): GroupMember | undefined {
  return view.members.find((member) => member.memberId === memberId);
}

/** Also of a former member, as far as it is remembered; '' if it is not. */
export function memberIdOf(view: GroupView, ordinal: MemberOrdinal): MemberId {
  const named = memberOf(view, ordinal) ?? view.former.find((former) => former.ordinal === ordinal);
  return named?.memberId ?? '';
}

export function votersOf(view: GroupView): readonly MemberOrdinal[] {
  return view.members.filter((member) => member.isVoter).map((member) => member.ordinal);
}

export function withLearner(view: GroupView, member: Omit<GroupMember, 'ordinal' | 'isVoter'>): GroupView {
  return {
    ...next(view),
    members: [...view.members, { ...member, ordinal: view.nextOrdinal, isVoter: false }],
    nextOrdinal: view.nextOrdinal + 1,
  };
}

export function withVoter(view: GroupView, ordinal: MemberOrdinal): GroupView {
  return {
    ...next(view),
    members: view.members.map((member) => (member.ordinal === ordinal ? { ...member, isVoter: true } : member)),
  };
}

export function without(view: GroupView, ordinal: MemberOrdinal): GroupView {
  const memberId = memberIdOf(view, ordinal);
  return {
    ...next(view),
    members: view.members.filter((member) => member.ordinal !== ordinal),
    former: [...view.former, { ordinal, memberId }].slice(-FORMER_MAX),
  };
}

function next(view: GroupView): GroupView {
  const number = view.number + 1;
  return { ...view, number, viewId: `${view.viewId.split(':')[0]}:${number}` };
}

/** Views do not change, and each is written into every segment of the log. */
const ENCODED = new WeakMap<GroupView, Uint8Array>();

/** Equal views are equal bytes. To be left alone: they are made once for each object. */
export function encodeView(view: GroupView): Uint8Array {
  let bytes = ENCODED.get(view);
  if (bytes === undefined) {
    bytes = encodeAnew(view);
    ENCODED.set(view, bytes);
  }
  return bytes;
}

function encodeAnew(view: GroupView): Uint8Array {
  const { viewId, number, nextOrdinal } = view;
  const members = view.members.map(({ ordinal, memberId, groupAddress, host, port, isVoter }) => ({
    ordinal,
    memberId,
    groupAddress,
    host,
    port,
    isVoter,
  }));
  const former = view.former.map(({ ordinal, memberId }) => ({ ordinal, memberId }));
  return utf8Encode(JSON.stringify({ viewId, number, members, nextOrdinal, former }).toWellFormed());
}

/** Null: these bytes are no view. */
export function decodeView(bytes: Uint8Array): GroupView | null {
  const text = utf8Decode(bytes);
  if (text === null) return null;
  try {
    const value: unknown = JSON.parse(text);
    return isView(value) ? value : null;
  } catch {
    return null;
  }
}

export function isView(value: unknown): value is GroupView {
  if (typeof value !== 'object' || value === null) return false;
  const { viewId, number, members, nextOrdinal, former } = value as Record<string, unknown>;
  if (typeof viewId !== 'string' || !isCount(number) || !isCount(nextOrdinal)) return false;
  if (!Array.isArray(members) || !members.every(isMember) || !Array.isArray(former)) return false;
  if (!former.every((each) => isCount(each?.ordinal) && typeof each.memberId === 'string')) return false;
  const ordinals = members.map((member) => member.ordinal);
  return ordinals.every((ordinal, i) => ordinal < nextOrdinal && (i === 0 || ordinal > ordinals[i - 1]!));
}

function isMember(value: unknown): value is GroupMember {
  if (typeof value !== 'object' || value === null) return false;
  const { ordinal, memberId, groupAddress, host, port, isVoter } = value as Record<string, unknown>;
  return (
    isCount(ordinal) &&
    typeof memberId === 'string' &&
    typeof groupAddress === 'string' &&
    typeof host === 'string' &&
    isCount(port) &&
    typeof isVoter === 'boolean'
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
