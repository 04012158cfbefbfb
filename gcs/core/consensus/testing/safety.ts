/** What must hold after every step of any member, whatever was lost, cut or damaged within what the group can bear. */
import { assert, type LogIndex, type MemberOrdinal, type Term } from '../../../base/index.ts';
import type { LastMessage, LogEntry } from '../../types.ts';
import { decodeView } from '../../views.ts';
import { follows } from '../membership.ts';
import { isBroadcast } from '../proposals.ts';
import type { TestMember } from './cluster.ts';
import { textOf } from './describe.ts';

export class Safety {
  /** Chosen entries begin behind it. */
  readonly #from: LogIndex;
  readonly #leaderOfTerm = new Map<Term, MemberOrdinal>();
  readonly #chosen: LogEntry[] = [];
  readonly #lastMessages = new Map<MemberOrdinal, LastMessage>();
  #lastView: LogEntry | null = null;

  constructor(from: LogIndex) {
    this.#from = from;
  }

  get chosen(): readonly LogEntry[] {
    return this.#chosen;
  }

  check(member: TestMember): void {
    this.#checkLeader(member);
    this.#checkChosen(member);
    this.#checkDelivered(member);
    const { log } = member;
    const core = member.core!;
    const viewIndex = log.viewIndexes().at(-1);
    const latest = viewIndex === undefined ? log.base.view : decodeView(log.entryAt(viewIndex)!.payload);
    assert(latest === null || latest.number === core.view.number, 'the latest view of the log is in force');
    assert(core.claim === null || core.role === 'follower', 'who has lost something does not stand');
  }

  #checkLeader(member: TestMember): void {
    const { role, term } = member.core!;
    if (role !== 'leader') return;
    const known = this.#leaderOfTerm.get(term);
    assert(known === undefined || known === member.ordinal, 'a term has one leader');
    if (known !== undefined) return;
    this.#leaderOfTerm.set(term, member.ordinal);
    for (const entry of this.#chosen) {
      if (entry.index <= member.log.base.index) continue;
      assert(member.log.entryAt(entry.index)?.term === entry.term, 'a new leader has all that was ever chosen');
    }
  }

  /** The first member to call an entry chosen fixes it; whoever comes later must have the same. */
  #checkChosen(member: TestMember): void {
    const { chosenUpTo } = member.core!.status();
    for (let index = this.#from + this.#chosen.length + 1; index <= chosenUpTo; index++) {
      const entry = member.log.entryAt(index)!;
      this.#chosen.push(entry);
      if (entry.kind === 'view') this.#checkView(entry);
      if (!isBroadcast(entry)) continue;
      const last = this.#lastMessages.get(entry.origin);
      const isNext =
        last?.incarnation === entry.incarnation
          ? entry.messageNumber === last.messageNumber + 1
          : entry.messageNumber === 1 && entry.incarnation > (last?.incarnation ?? 0);
      assert(isNext, 'each broadcast is chosen once and in the order of its origin');
      this.#lastMessages.set(entry.origin, entry);
      this.#checkOrigin(entry);
    }
  }

  #checkView(entry: LogEntry): void {
    const view = decodeView(entry.payload)!;
    const last = this.#lastView === null ? null : decodeView(this.#lastView.payload)!;
    assert(last === null ? view.number === 2 : follows(last, view), 'chosen views follow one another');
    this.#lastView = entry;
  }

  #checkOrigin(entry: LogEntry): void {
    if (this.#lastView === null) return;
    const view = decodeView(this.#lastView.payload)!;
    const isMember = view.members.some(({ ordinal }) => ordinal === entry.origin);
    assert(isMember, 'no broadcast of one that the view does not have is chosen');
  }

  #checkDelivered(member: TestMember): void {
    for (const entry of member.delivered.slice(-8)) {
      const chosen = this.#chosen[entry.index - this.#from - 1];
      assert(chosen?.term === entry.term && textOf(chosen) === textOf(entry), 'one total order');
      if (entry.index <= member.disk.base.index) continue;
      assert(member.disk.entryAt(entry.index)?.term === entry.term, 'what is delivered is durable here');
    }
  }
}
