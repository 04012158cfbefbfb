/**
 * Who belongs to the group, as far as this member knows, and so whom it lets in and whom it dials. What counts is the
 * newest view that it knows to be chosen, from its own log or by the word of a peer (peers tell of no others); a view
 * that is merely appended may be taken back, but its members are dialled already.
 */
import type { MemberOrdinal } from '../../base/index.ts';
import type { Belonging } from '../transfer/contract.ts';
import type { GroupMember, GroupView } from '../types.ts';
import { memberOf } from '../views.ts';
import type { Introduction } from './handshake.ts';

/**
 * `member`: it is in the view. `ahead`: its stay began in a view that we do not know yet. `over`: its stay has ended.
 * `another`: the stay that it names is that of another member.
 */
export type Standing = 'member' | 'ahead' | 'over' | 'another';

/** Members of later views whose addresses are remembered. They are found by word of a peer soon after. */
const AHEAD_MAX = 64;

export class Roster {
  readonly belonging: Belonging;
  readonly #groupAddress: string;
  #chosen: GroupView;
  #appended: GroupView;
  readonly #ahead = new Map<MemberOrdinal, string>();

  /** `chosen`: the newest one known. */
  constructor(facts: { readonly belonging: Belonging; readonly chosen: GroupView; readonly groupAddress: string }) {
    this.belonging = facts.belonging;
    this.#chosen = facts.chosen;
    this.#appended = facts.chosen;
    this.#groupAddress = facts.groupAddress;
  }

  get ordinal(): MemberOrdinal {
    return this.belonging.self;
  }

  /** The newest view known to be chosen. */
  get chosen(): GroupView {
    return this.#chosen;
  }

  /** This member's stay has ended. */
  get isOver(): boolean {
    return isOver(this.#chosen, this.ordinal);
  }

  /** As long as it is in the newest view, as that says; later as it was when it joined. */
  get self(): GroupMember {
    const self = memberOf(this.#chosen, this.ordinal) ?? memberOf(this.belonging.view, this.ordinal);
    return self!;
  }

  /** Whether that is news. */
  learnChosen(view: GroupView): boolean {
    if (view.number <= this.#chosen.number) return false;
    this.#chosen = view;
    for (const ordinal of [...this.#ahead.keys()]) if (ordinal < view.nextOrdinal) this.#ahead.delete(ordinal);
    return true;
  }

  /** The latest view of this member's log. */
  setAppended(view: GroupView): void {
    this.#appended = view;
  }

  /** Of one of this group. */
  standing({ ordinal, memberId }: Pick<Introduction, 'ordinal' | 'memberId'>): Standing {
    if (ordinal === null) return 'over';
    const member = memberOf(this.#chosen, ordinal);
    if (member !== undefined) return member.memberId === memberId ? 'member' : 'another';
    return ordinal < this.#chosen.nextOrdinal ? 'over' : 'ahead';
  }

  /** Remembers where one is that is `ahead`. Whether that is news. */
  learnAhead(ordinal: MemberOrdinal, groupAddress: string): boolean {
    if (this.#ahead.get(ordinal) === groupAddress || this.#ahead.size >= AHEAD_MAX) return false;
    this.#ahead.set(ordinal, groupAddress);
    return true;
  }

  /** In the newest view, or in the one that is only appended. */
  memberOf(ordinal: MemberOrdinal): GroupMember | undefined {
    return memberOf(this.#chosen, ordinal) ?? (this.#isAppendedNewer ? memberOf(this.#appended, ordinal) : undefined);
  }

  /** Nobody else belongs to the group, as far as it knows: not in the view that its log goes by, either. */
  get isAlone(): boolean {
    return this.#chosen.members.length === 1 && !(this.#isAppendedNewer && this.#appended.members.length > 1);
  }

  get peers(): readonly GroupMember[] {
    return this.#chosen.members.filter((member) => member.ordinal !== this.ordinal);
  }

  /** Of all that are to be dialled. */
  addresses(): ReadonlySet<string> {
    const addresses = new Set<string>();
    const views = this.#isAppendedNewer ? [this.#chosen, this.#appended] : [this.#chosen];
    for (const { members } of views) for (const member of members) addresses.add(member.groupAddress);
    for (const address of this.#ahead.values()) addresses.add(address);
    addresses.delete(this.#groupAddress);
    return addresses;
  }

  get #isAppendedNewer(): boolean {
    return this.#appended.number > this.#chosen.number;
  }
}

/** Ordinals are given once: one that was given and is not in a view has ended before it. */
export function isOver(view: GroupView, ordinal: MemberOrdinal): boolean {
  return ordinal < view.nextOrdinal && memberOf(view, ordinal) === undefined;
}
