/** @import { ConflictRecord, ConflictSummary } from '../../engine/replica.ts' */
import { byId, element, setAttribute, setText, ViewList } from './elements.js';
import { formatCount, formatKey, formatTimeOfDay } from './formats.js';
import { shortId } from './member-names.js';

/** @typedef {ReadonlyMap<string, string>} Names by member id */

/** Why a transaction was refused, in words. @type {Readonly<Record<string, string>>} */
const REASONS = {
  conflict: 'row written meanwhile',
  'snapshot-too-old': 'snapshot too old',
  'schema-changed': 'table changed meanwhile',
};

/** @param {Names} names @param {string} memberId */
function nameOf(names, memberId) {
  return names.get(memberId) ?? shortId(memberId);
}

/** A table and a key of it. @param {{ readonly table: string, readonly item: string, readonly key: unknown }} row */
function rowNamed({ table, item, key }) {
  const parts = [element('bdi', { class: 'table-name' }, table)];
  if (item !== 'row') parts.push(element('span', { class: 'tag' }, item === 'catalog' ? 'definition' : item));
  if (key !== null) {
    const text = formatKey(key);
    // A long one is cut short until it is looked at.
    const isLong = text.length > 40;
    parts.push(element('code', { class: 'key', dir: 'auto', ...(isLong && { tabindex: '0' }) }, text));
  }
  return element('div', { class: 'row-name' }, ...parts);
}

class ConflictView {
  #loser = element('span', {});
  #winner = element('span', {});
  root;

  /** @param {ConflictRecord} conflict */
  constructor(conflict) {
    const { time, reason, winner } = conflict;
    const cell = (/** @type {string} */ label, /** @type {(Node | string)[]} */ ...content) => {
      return element('td', { 'data-label': label }, element('div', {}, ...content));
    };
    const to = winner === null ? [] : [element('span', { class: 'soft' }, ' to '), this.#winner];
    const shown = formatTimeOfDay(Date.parse(time), { milliseconds: true });
    this.root = element(
      'tr',
      {},
      cell('Time', element('time', { datetime: time, title: time }, shown)),
      cell('Row', rowNamed(conflict)),
      cell('Reason', REASONS[reason] ?? reason),
      cell('Lost', this.#loser, ...to),
    );
  }

  /** @param {ConflictRecord} conflict @param {Names} names */
  update({ loser, winner }, names) {
    setText(this.#loser, nameOf(names, loser.member));
    if (winner !== null) setText(this.#winner, nameOf(names, winner.member));
  }
}

/** The last conflicts; they stand still while the reader wants it. */
export class ConflictsView {
  #none = byId('no-conflicts');
  #table = byId('conflict-table');
  #hold = byId('hold');
  #isHeld = false;
  /** @type {ViewList<ConflictRecord, ConflictView, Names>} */
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

  /** @param {readonly ConflictRecord[]} conflicts newest first @param {Names} names */
  show(conflicts, names) {
    if (this.#isHeld) return;
    this.#none.hidden = conflicts.length > 0;
    this.#table.hidden = conflicts.length === 0;
    this.#hold.hidden = conflicts.length === 0;
    this.#rows.show(conflicts, names);
  }
}

/** One line with a bar: how often, of the most there is. */
class CountView {
  #count = element('span', { class: 'count' });
  #bar = element('span', { class: 'bar', 'aria-hidden': 'true' });
  #note = element('span', { class: 'note' });
  root;

  /** @param {Node} what */
  constructor(what) {
    const head = element('div', { class: 'count-line' }, what, this.#count);
    this.root = element('li', {}, head, this.#bar, this.#note);
  }

  /** @param {{ readonly count: number, readonly most: number, readonly note: string }} facts */
  show({ count, most, note }) {
    setText(this.#count, formatCount(count));
    setText(this.#note, note);
    this.#bar.style.inlineSize = `${(100 * count) / Math.max(1, most)}%`;
  }
}

/** @typedef {ConflictSummary['hotRows'][number]} HotRow */
/** @typedef {ConflictSummary['pairs'][number]} Pair */

class HotRowView extends CountView {
  /** @param {HotRow} row */
  constructor(row) {
    super(rowNamed(row));
  }

  /** @param {HotRow} row @param {number} most */
  update({ conflicts, lastTime }, most) {
    this.show({ count: conflicts, most, note: `last at ${formatTimeOfDay(Date.parse(lastTime))}` });
  }
}

class PairView extends CountView {
  #loser;
  #winner;

  constructor() {
    const loser = element('span', {});
    const winner = element('span', {});
    super(element('div', { class: 'pair' }, loser, element('span', { class: 'soft' }, ' lost to '), winner));
    this.#loser = loser;
    this.#winner = winner;
  }

  /** @param {Pair} pair @param {{ readonly names: Names, readonly most: number }} context */
  update({ loser, winner, conflicts }, { names, most }) {
    setText(this.#loser, nameOf(names, loser));
    setText(this.#winner, winner === null ? 'time: its snapshot was too old' : nameOf(names, winner));
    this.show({ count: conflicts, most, note: '' });
  }
}

/** The kept conflicts counted: by row, and by who lost to whom. */
export class ConflictSummaryView {
  #root = byId('summary');
  #since = byId('summary-since');
  /** @type {ViewList<HotRow, HotRowView, number>} */
  #rows = new ViewList(byId('hot-rows'), {
    keyOf: ({ table, item, key }) => JSON.stringify([table, item, key]),
    make: (row) => new HotRowView(row),
  });
  /** @type {ViewList<Pair, PairView, { readonly names: Names, readonly most: number }>} */
  #pairs = new ViewList(byId('pairs'), {
    keyOf: ({ loser, winner }) => `${loser} ${winner}`,
    make: () => new PairView(),
  });

  /** @param {ConflictSummary} summary @param {Names} names */
  show({ since, conflicts, hotRows, pairs }, names) {
    this.#root.hidden = conflicts === 0;
    if (since !== null)
      setText(this.#since, `of the last ${formatCount(conflicts)}, since ${formatTimeOfDay(Date.parse(since))}`);
    this.#rows.show(hotRows, hotRows[0]?.conflicts ?? 0);
    this.#pairs.show(pairs, { names, most: pairs[0]?.conflicts ?? 0 });
  }
}
