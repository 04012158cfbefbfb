/** @import { ConflictSummary } from '../../engine/replica.ts' */
/** @import { MemberNames } from './member-names.js' */
import { byId, element, setText, ViewList } from './elements.js';
import { formatCount, formatTimeOfDay } from './formats.js';
import { PairTable } from './pair-table.js';
import { rowName } from './row-name.js';

/** @typedef {ConflictSummary['hotRows'][number]} HotRow */

class HotRowView {
  #count = element('span', { class: 'count' });
  #bar = element('span', { class: 'bar' });
  #last = element('span', { class: 'soft' });
  root;

  /** @param {HotRow} row */
  constructor(row) {
    const track = element('span', { class: 'track', 'aria-hidden': 'true' }, this.#bar);
    this.root = element(
      'li',
      {},
      element('div', { class: 'hot-row' }, rowName(row), this.#count),
      element('div', { class: 'hot-row last' }, track, this.#last),
    );
  }

  /** @param {HotRow} row @param {number} most */
  update({ conflicts, lastTime }, most) {
    setText(this.#count, formatCount(conflicts));
    setText(this.#last, `last ${formatTimeOfDay(Date.parse(lastTime))}`);
    this.#bar.style.inlineSize = `${(100 * conflicts) / Math.max(1, most)}%`;
  }
}

/** The kept conflicts counted: by row, and by who lost to whom. */
export class ConflictSummaryView {
  #root = byId('summary');
  #since = byId('summary-since');
  #why = byId('summary-why');
  #late = byId('summary-late');
  #pairs = new PairTable(byId('pairs'));
  /** @type {ViewList<HotRow, HotRowView, number>} */
  #rows = new ViewList(byId('hot-rows'), {
    keyOf: ({ table, item, index, key }) => JSON.stringify([table, item, index, key]),
    make: (row) => new HotRowView(row),
  });

  /** @param {ConflictSummary} summary @param {MemberNames} names */
  show({ since, conflicts, hotRows, pairs, causes, distances }, names) {
    this.#root.hidden = conflicts === 0;
    if (since === null) return;
    setText(
      this.#since,
      `Of the last ${formatCount(conflicts)} conflicts, since ${formatTimeOfDay(Date.parse(since))}.`,
    );
    setText(this.#why, `Why: ${causes.map(causeText).join(', ')}.`);
    const late = distances.map(distanceText).join(', ');
    setText(this.#late, late === '' ? '' : `Losers were late by ${late} transactions.`);
    this.#rows.show(hotRows, hotRows[0]?.conflicts ?? 0);
    this.#pairs.show(pairs, names);
  }
}

/** @type {Readonly<Record<string, string>>} */
const CAUSES = {
  row: 'row written meanwhile',
  range: 'written into a range read',
  unique: 'unique value taken',
  reference: 'referenced key changed',
  bounds: 'increment out of bounds',
  catalog: 'table changed',
  'snapshot-too-old': 'snapshot too old',
  'dangerous-structure': 'dangerous structure of reads',
};

/** @param {ConflictSummary['causes'][number]} counted */
function causeText({ cause, conflicts }) {
  return `${CAUSES[cause] ?? cause} ${formatCount(conflicts)}`;
}

/** @param {ConflictSummary['distances'][number]} counted */
function distanceText({ upTo, conflicts }) {
  return `${upTo === null ? 'more' : `up to ${formatCount(upTo)}`} (${formatCount(conflicts)})`;
}
