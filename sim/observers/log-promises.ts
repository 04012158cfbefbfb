/**
 * What each member's log promises, looked at after each of its turns.
 *
 * Whoever had durably what anybody had delivered by then votes ever after as one that has it, whatever is damaged,
 * discarded or received: its log reaches as far, or it claims so (R13, R17). And while a member leads, it calls nothing
 * chosen beyond what it did before but an entry of its own term, with all before it (R2).
 */
import type { LogIndex, MemberId, Term } from '../../gcs/base/index.ts';
import type { EntryId, Group } from '../../gcs/core/index.ts';
import type { Judge } from './judge.ts';
import type { TotalOrder } from './total-order.ts';

interface Reign {
  readonly term: Term;
  readonly chosenUpTo: LogIndex;
}

export class LogPromises {
  readonly #judge: Judge;
  readonly #order: TotalOrder;
  /** The end of what it had of the order. */
  readonly #had = new Map<MemberId, EntryId>();
  readonly #reigns = new Map<MemberId, Reign>();

  constructor(judge: Judge, order: TotalOrder) {
    this.#judge = judge;
    this.#order = order;
  }

  turnEnded(name: string, memberId: MemberId, { log, status }: Group): void {
    if (status === null) return;
    const { role, term, chosenUpTo, durableUpTo, claim } = status;
    const had = this.#had.get(memberId);
    if (had !== undefined) {
      const end: EntryId = { index: durableUpTo, term: log.termAt(durableUpTo) };
      const remembers = isAsFar(end, had) || (claim !== null && isAsFar(claim, had));
      this.#judge.check(
        remembers,
        () => `${name} votes as if it had ${described(claim ?? end)}, and had ${described(had)}, which was delivered`,
      );
    }
    const index = Math.min(durableUpTo, this.#order.lastIndex);
    if (index >= log.firstIndex && index > (had?.index ?? 0) && log.termAt(index) === this.#order.termAt(index)) {
      this.#had.set(memberId, { index, term: log.termAt(index) });
    }
    if (role !== 'leader') {
      this.#reigns.delete(memberId);
      return;
    }
    const before = this.#reigns.get(memberId);
    if (before?.term === term && before.chosenUpTo < chosenUpTo) {
      const ofChosen = log.termAt(chosenUpTo);
      this.#judge.check(
        ofChosen === term,
        () => `${name} leads in term ${term} and calls index ${chosenUpTo} of term ${ofChosen} chosen by counting`,
      );
    }
    if (before?.term !== term || before.chosenUpTo !== chosenUpTo) this.#reigns.set(memberId, { term, chosenUpTo });
  }
}

function isAsFar(one: EntryId, other: EntryId): boolean {
  return one.term > other.term || (one.term === other.term && one.index >= other.index);
}

function described({ index, term }: EntryId): string {
  return `index ${index} of term ${term}`;
}
