/** @import { ConflictRecord } from '../../engine/replica.ts' */
/** @import { MemberNames } from './member-names.js' */
import { byId, element, setAttribute, ViewList } from './elements.js';
import { formatTimeOfDay } from './formats.js';
import { MemberMark } from './member-mark.js';
import { nameOf } from './member-names.js';
import { rowName } from './row-name.js';

/** Why a transaction was refused, in words. @type {Readonly<Record<string, string>>} */
const REASONS = {
  conflict: 'row written meanwhile',
  'snapshot-too-old': 'snapshot too old',
  'schema-changed': 'table changed meanwhile',
};

class ConflictView {
  #loser = new MemberMark();
  #winner = new MemberMark();
  root;

  /** @param {ConflictRecord} conflict */
  constructor(conflict) {
    const { time, reason, winner } = conflict;
    const cell = (/** @type {string} */ label, /** @type {(Node | string)[]} */ ...content) => {
      return element('td', { 'data-label': label }, element('div', {}, ...content));
    };
    const shown = formatTimeOfDay(Date.parse(time), { milliseconds: true });
    const to = winner === null ? [] : [element('span', { class: 'soft' }, ' lost to '), this.#winner.root];
    this.root = element(
      'tr',
      {},
      cell('Time', element('time', { datetime: time, title: time }, shown)),
      cell('Row', rowName(conflict)),
      cell('Reason', REASONS[reason] ?? reason),
      cell('Who', this.#loser.root, ...to),
    );
  }

  /** @param {ConflictRecord} conflict @param {MemberNames} names */
  update({ loser, winner }, names) {
    this.#loser.show(nameOf(names, loser.member));
    if (winner !== null) this.#winner.show(nameOf(names, winner.member));
  }
}

/** The last conflicts; they stand still while the reader wants it. */
export class ConflictsView {
  #none = byId('no-conflicts');
  #table = byId('conflict-table');
  #hold = byId('hold');
  #isHeld = false;
  /** @type {ViewList<ConflictRecord, ConflictView, MemberNames>} */
  #rows = new ViewList(byId('conflicts'), {
    keyOf: ({ time, loser }) => `${time} ${loser.member} ${loser.transactionId}`,
    make: (conflict) => new ConflictView(conflict),
  });

  constructor() {
    this.#hold.addEventListener('click', () => {
      this.#isHeld = !this.#isHeld;
      setAttribute(this.#hold, 'aria-pressed', String(this.#isHeld));
    });
  }

  /** @param {readonly ConflictRecord[]} conflicts newest first @param {MemberNames} names */
  show(conflicts, names) {
    if (this.#isHeld) return;
    this.#none.hidden = conflicts.length > 0;
    this.#table.hidden = conflicts.length === 0;
    this.#hold.hidden = conflicts.length === 0;
    this.#rows.show(conflicts, names);
  }
}
