/**
 * Which view counts. A view is in force from the moment its entry is in the log, chosen or not, and gives way to the one
 * before when it is cut away (R4): so any two majorities that ever decide something, of views that follow each other,
 * have a voter in common, provided that one voter changes at a time and the earlier change is chosen first (R3).
 *
 * Ordinals are never given twice. So one that the latest chosen view has left behind is known never to count again,
 * while one beyond it may belong to a view that has yet to arrive here.
 */
import type { LogIndex, MemberOrdinal } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { GroupMember, GroupView, LogEntry, LogReader } from '../types.ts';
import { decodeView, memberOf, votersOf } from '../views.ts';

interface PlacedView {
  /** Of its entry; of the log's base or 0 if there is none. */
  readonly index: LogIndex;
  readonly view: GroupView;
}

export class Membership {
  /** Ascending: the latest that is chosen, then those that may yet be cut. */
  readonly #views: PlacedView[];
  #members: ReadonlyMap<MemberOrdinal, GroupMember> = new Map();
  #voters: readonly MemberOrdinal[] = [];

  constructor(setup: {
    readonly reader: LogReader;
    readonly foundingView: GroupView;
    readonly chosenUpTo: LogIndex;
  }) {
    const { reader, foundingView, chosenUpTo } = setup;
    const indexes = reader.viewIndexes();
    let first = indexes.length;
    while (first > 0 && (first === indexes.length || indexes[first]! > chosenUpTo)) first -= 1;
    const entries = indexes.slice(first).map((index) => reader.entries(index, index, 1)[0]!);
    this.#views = entries.map(placedView);
    if (this.#views.length === 0 || this.#views[0]!.index > chosenUpTo) {
      this.#views.unshift({ index: reader.base.index, view: reader.base.view ?? foundingView });
    }
    this.#changed();
  }

  /** The latest that the log holds. */
  get view(): GroupView {
    return this.#views.at(-1)!.view;
  }

  get viewIndex(): LogIndex {
    return this.#views.at(-1)!.index;
  }

  /** The latest that is known to be chosen. */
  get chosenView(): GroupView {
    return this.#views[0]!.view;
  }

  /** By ordinal. */
  get members(): ReadonlyMap<MemberOrdinal, GroupMember> {
    return this.#members;
  }

  get voters(): readonly MemberOrdinal[] {
    return this.#voters;
  }

  isVoter(ordinal: MemberOrdinal): boolean {
    return this.#members.get(ordinal)?.isVoter ?? false;
  }

  /**
   * Whether a member may stand for leader. One whose removal is in its log, but not known to be chosen, does so too,
   * though it has no vote itself: it may be the only one whose log is far enough (Raft thesis, 4.2.2).
   */
  mayLead(ordinal: MemberOrdinal): boolean {
    return this.isVoter(ordinal) || (memberOf(this.chosenView, ordinal)?.isVoter ?? false);
  }

  /** It was in the group, and never will be again under this ordinal. */
  isFormer(ordinal: MemberOrdinal): boolean {
    if (this.#members.has(ordinal)) return false;
    const { chosenView } = this;
    return ordinal < chosenView.nextOrdinal && memberOf(chosenView, ordinal) === undefined;
  }

  appended(entry: LogEntry): void {
    this.#views.push(placedView(entry));
    this.#changed();
  }

  /** The log lost `from` and all behind it. @returns whether another view is in force now. */
  cut(from: LogIndex): boolean {
    assert(from > this.#views[0]!.index, 'a chosen view is never cut');
    if (this.viewIndex < from) return false;
    while (this.viewIndex >= from) this.#views.pop();
    this.#changed();
    return true;
  }

  chosen(upTo: LogIndex): void {
    while (this.#views.length > 1 && this.#views[1]!.index <= upTo) this.#views.shift();
  }

  #changed(): void {
    this.#members = new Map(this.view.members.map((member) => [member.ordinal, member]));
    this.#voters = votersOf(this.view);
  }
}

/** Whether `after` may come right behind `before`: the next number, and no majority of one without a voter of any of the other. */
export function follows(before: GroupView, after: GroupView): boolean {
  const old = votersOf(before);
  const young = votersOf(after);
  const changes =
    old.filter((voter) => !young.includes(voter)).length + young.filter((voter) => !old.includes(voter)).length;
  return (
    after.number === before.number + 1 &&
    after.nextOrdinal >= before.nextOrdinal &&
    young.length > 0 &&
    changes <= 1 &&
    after.members.every(({ ordinal }) => ordinal >= before.nextOrdinal || memberOf(before, ordinal) !== undefined)
  );
}

function placedView(entry: LogEntry): PlacedView {
  const view = decodeView(entry.payload);
  assert(view !== null, 'an entry of kind view holds one');
  return { index: entry.index, view };
}
