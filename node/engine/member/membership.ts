/**
 * Who belongs to the group, and how each of them is: the views in the order in which they came, and what the members told
 * last of themselves. A place in it is an ordinal, never a position: ordinals have gaps as soon as somebody has left.
 */
import type { LogIndex, MemberId, MemberOrdinal } from '../../../gcs/base/index.ts';
import { type GroupView, memberIdOf, memberOf, votersOf } from '../../../gcs/core/index.ts';
import type { MemberRow, ViewRow } from '../replica.ts';
import type { ViewChange } from './contract.ts';
import { memberRows, type OwnFacts } from './member-reports.ts';
import type { StatusNotice } from './status-notice.ts';

/** Views remembered for those who follow them. */
const VIEWS_MAX = 64;
/** Names of members that were here are kept for so many: conflicts and changes name who is long gone. */
const NAMES_MAX = 10_000;

export class Membership {
  readonly #memberId: MemberId;
  /** Newest last. */
  readonly #changes: ViewChange[] = [];
  readonly #names = new Map<MemberOrdinal, MemberId>();
  readonly #notices = new Map<MemberOrdinal, StatusNotice>();
  /** Of this member's present stay: views of the past, which it delivers while it catches up, may have it as an earlier one. Null: it has none. */
  stay: MemberOrdinal | null = null;

  constructor(memberId: MemberId) {
    this.#memberId = memberId;
  }

  /** In force at what was delivered last. Null: none is known yet. */
  get view(): GroupView | null {
    return this.#changes.at(-1)?.view ?? null;
  }

  /** Log index of the entry of `view`. */
  get viewIndex(): LogIndex {
    return this.#changes.at(-1)?.index ?? 0;
  }

  get isVoter(): boolean {
    if (this.view === null || this.stay === null) return false;
    return memberOf(this.view, this.stay)?.isVoter ?? false;
  }

  get notices(): ReadonlyMap<MemberOrdinal, StatusNotice> {
    return this.#notices;
  }

  /** '': nobody who is remembered. */
  memberIdOf(ordinal: MemberOrdinal): MemberId {
    return this.#names.get(ordinal) ?? (this.view === null ? '' : memberIdOf(this.view, ordinal));
  }

  /** Names of members before there is a view. */
  remember(view: GroupView): void {
    for (const { ordinal, memberId } of [...view.former, ...view.members]) this.#names.set(ordinal, memberId);
    for (const ordinal of this.#names.keys()) {
      if (this.#names.size <= NAMES_MAX) return;
      this.#names.delete(ordinal);
    }
  }

  /** `view` follows the one before, or is the first that this run knows. */
  install(view: GroupView, index: LogIndex): ViewChange {
    const before = this.view;
    const ids = (of: GroupView | null): readonly MemberId[] => of?.members.map(({ memberId }) => memberId) ?? [];
    // By stay: who left and came back between two views that this member saw has joined anew.
    const stays = (of: GroupView | null): ReadonlySet<string> =>
      new Set(of?.members.map(({ ordinal, memberId }) => `${ordinal} ${memberId}`));
    const [old, now] = [stays(before), stays(view)];
    const change: ViewChange = {
      view,
      index,
      joined: ids(view).filter((_, i) => !old.has(`${view.members[i]!.ordinal} ${view.members[i]!.memberId}`)),
      left: ids(before).filter((_, i) => !now.has(`${before!.members[i]!.ordinal} ${before!.members[i]!.memberId}`)),
    };
    this.remember(view);
    this.#changes.push(change);
    if (this.#changes.length > VIEWS_MAX) this.#changes.shift();
    for (const ordinal of this.#notices.keys()) {
      if (!view.members.some((member) => member.ordinal === ordinal)) this.#notices.delete(ordinal);
    }
    return change;
  }

  /** Whether anything that is shown of the member has changed. Of one who is in no view of ours (yet) nothing is kept. */
  noticed(from: MemberOrdinal, notice: StatusNotice): boolean {
    if (this.view !== null && !this.view.members.some(({ ordinal }) => ordinal === from)) return false;
    const before = this.#notices.get(from);
    this.#notices.set(from, notice);
    return (
      before?.state !== notice.state ||
      before.version !== notice.version ||
      before.hasRoom !== notice.hasRoom ||
      before.claims !== notice.claims ||
      before.reaches.join() !== notice.reaches.join()
    );
  }

  rows(self: OwnFacts, leader: MemberOrdinal | null): readonly MemberRow[] {
    return this.view === null ? [] : memberRows({ view: this.view, self, notices: this.#notices, leader });
  }

  viewsAfter(after: number, self: OwnFacts, leader: MemberOrdinal | null): readonly ViewRow[] {
    return this.#changes
      .filter(({ view }) => view.number > after)
      .map(({ view, joined, left }) => ({
        number: view.number,
        viewId: view.viewId,
        joined,
        left,
        members: memberRows({ view, self, notices: this.#notices, leader }),
      }));
  }

  /**
   * Below which no voter's transaction can have its snapshot any more. Null: a voter has not told yet. One that is
   * silent holds it where it was, until it is expelled; one in ERROR holds nothing: of it nothing is answered as
   * committed any more. Nor does one that restores itself or receives its state, for however long that may be: what
   * its run before had under way it answers to nobody.
   *
   * `isRestoring`: it said so later than anything else.
   */
  oldestNeededByAll(own: number, isRestoring: (voter: MemberOrdinal) => boolean): number | null {
    if (this.view === null) return null;
    let lowest = own;
    for (const ordinal of votersOf(this.view)) {
      if (this.memberIdOf(ordinal) === this.#memberId) continue;
      if (isRestoring(ordinal)) continue;
      const notice = this.#notices.get(ordinal);
      if (notice === undefined) return null;
      if (notice.state === 'ERROR') continue;
      lowest = Math.min(lowest, notice.oldestNeeded);
    }
    return lowest;
  }
}
