/** What of the status its owner was told last. */
import type { Consensus } from '../consensus/consensus.ts';
import type { GroupHeadline } from './contract.ts';

export class Headline {
  #shown: GroupHeadline | null = null;

  /** The new one, to be told; null: it is as it was. */
  changed(consensus: Consensus): GroupHeadline | null {
    const { role, term, leader, caughtUp, hasQuorum, isBehind } = consensus;
    const viewNumber = consensus.view.number;
    const shown = this.#shown;
    if (
      shown !== null &&
      role === shown.role &&
      term === shown.term &&
      leader === shown.leader &&
      caughtUp === shown.caughtUp &&
      hasQuorum === shown.hasQuorum &&
      isBehind === shown.isBehind &&
      viewNumber === shown.viewNumber
    ) {
      return null;
    }
    this.#shown = { role, term, leader, caughtUp, hasQuorum, isBehind, viewNumber };
    return this.#shown;
  }
}
