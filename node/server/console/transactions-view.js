/** @import { TransactionRow } from '../../engine/replica.ts' */
/** @import { MemberNames } from './member-names.js' */
import { byId, element, setAttribute, setText, ViewList } from './elements.js';
import { formatCount, formatDuration, formatVisible } from './formats.js';
import { MemberMark } from './member-mark.js';
import { nameOf } from './member-names.js';

/** Younger ones come and go. */
const SHOWN_FROM_MS = 1_000;

/** @typedef {{ readonly names: MemberNames, readonly all: readonly TransactionRow[] }} Context */

class TransactionView {
  #member = new MemberMark();
  #state = element('span', { class: 'value' });
  #age = element('span', { class: 'note' });
  #holds = element('span', { class: 'value' });
  #floor = element('span', { class: 'note' });
  #holdsCell = element('td', { 'data-label': 'Holds' }, element('div', {}, this.#holds, this.#floor));
  #waits = element('span', { class: 'value' });
  #holder = element('span', { class: 'note' });
  root;

  /** @param {TransactionRow} row */
  constructor({ transactionId, tx, isolation, isReadOnly }) {
    const cell = (/** @type {string} */ label, /** @type {(Node | string)[]} */ ...content) => {
      return element('td', { 'data-label': label }, element('div', {}, ...content));
    };
    const level = isReadOnly ? `${isolation}, read-only` : isolation;
    const name = element('bdi', { class: 'value transaction-name', title: transactionId }, formatVisible(tx));
    this.root = element(
      'tr',
      {},
      cell('Transaction', name, element('span', { class: 'note' }, level)),
      cell('At', this.#member.root),
      cell('State', this.#state, this.#age),
      this.#holdsCell,
      cell('Waits for', this.#waits, this.#holder),
    );
  }

  /** @param {TransactionRow} row @param {Context} context */
  update(row, { names, all }) {
    this.#member.show(nameOf(names, row.member));
    setText(this.#state, row.state);
    setText(this.#age, `for ${formatDuration(row.ageMs)}`);
    setText(this.#holds, heldText(row));
    setText(this.#floor, floorText(row));
    setAttribute(this.#holdsCell, 'data-level', row.holdsFloor && row.floorHeld !== null ? 'attention' : null);
    const { waitsFor } = row;
    setText(this.#waits, waitsFor === null ? '' : `${waitsFor.table} ${formatVisible(waitsFor.key)}`);
    setText(this.#holder, waitsFor === null ? '' : `held by ${holderText(waitsFor.heldBy, { names, all })}`);
  }
}

/** @param {TransactionRow} row */
function heldText({ rowsWritten, locks }) {
  const held = [];
  if (rowsWritten > 0) held.push(`${formatCount(rowsWritten)} ${rowsWritten === 1 ? 'row' : 'rows'} written`);
  if (locks > 0) held.push(`${formatCount(locks)} locked`);
  return held.join(', ');
}

/** @param {TransactionRow} row */
function floorText({ floorHeld, holdsFloor, snapshotVersion }) {
  if (holdsFloor && floorHeld !== null) return `holds back the purge floor, at ${formatCount(floorHeld)}`;
  return snapshotVersion === null ? '' : `snapshot ${formatCount(snapshotVersion)}`;
}

/** @param {string | null} heldBy @param {Context} context */
function holderText(heldBy, { names, all }) {
  if (heldBy === null) return 'one without a name';
  const holder = all.find(({ transactionId }) => transactionId === heldBy);
  return holder === undefined ? heldBy : `${formatVisible(holder.tx)} at ${nameOf(names, holder.member).short}`;
}

/** What clients have open on the members, the oldest first: what it holds, and what it waits for. */
export class TransactionsView {
  #none = byId('no-transactions');
  #table = byId('transaction-table');
  /** @type {ViewList<TransactionRow, TransactionView, Context>} */
  #rows = new ViewList(byId('transactions'), {
    keyOf: ({ transactionId }) => transactionId,
    make: (row) => new TransactionView(row),
  });

  /** @param {readonly TransactionRow[]} all oldest first @param {MemberNames} names */
  show(all, names) {
    const shown = all.filter(({ ageMs }) => ageMs >= SHOWN_FROM_MS);
    this.#none.hidden = shown.length > 0;
    this.#table.hidden = shown.length === 0;
    this.#rows.show(shown, { names, all });
  }
}
