/** @import { ConflictSummary } from '../../engine/replica.ts' */
/** @import { MemberNames } from './member-names.js' */
import { element, setText } from './elements.js';
import { formatCount } from './formats.js';
import { MemberMark } from './member-mark.js';
import { nameOf } from './member-names.js';

/** What stands for the winner where there is none: the snapshot was too old, or an increment out of bounds. */
const NOBODY = '';

/** Where their names are longer together, in characters, winners' names stand upright. */
const CROWD = 28;

/** Who lost to whom how often: losers in rows, winners in columns, shaded by count. */
export class PairTable {
  #mount;
  #shape = '';
  /** By loser and winner. @type {Map<string, HTMLElement>} */
  #cells = new Map();

  /** @param {HTMLElement} mount */
  constructor(mount) {
    this.#mount = mount;
  }

  /** @param {ConflictSummary['pairs']} pairs @param {MemberNames} names */
  show(pairs, names) {
    const counts = new Map(pairs.map(({ loser, winner, conflicts }) => [pairOf(loser, winner ?? NOBODY), conflicts]));
    const losers = idsOf(
      pairs.map(({ loser }) => loser),
      names,
    );
    const winners = idsOf(
      pairs.map(({ winner }) => winner ?? NOBODY),
      names,
    );
    const shape = JSON.stringify([losers, winners, [...names]]);
    if (this.#shape !== shape) this.#make(losers, winners, names);
    this.#shape = shape;
    const most = Math.max(1, ...counts.values());
    for (const [pair, cell] of this.#cells) {
      const count = counts.get(pair) ?? 0;
      setText(cell, formatCount(count));
      cell.style.setProperty('--share', `${Math.round((60 * count) / most)}%`);
    }
  }

  /** @param {readonly string[]} losers @param {readonly string[]} winners @param {MemberNames} names */
  #make(losers, winners, names) {
    this.#cells.clear();
    const head = element(
      'tr',
      {},
      element('td', {}, 'lost to'),
      ...winners.map((winner) => element('th', { scope: 'col' }, won(winner, names))),
    );
    const rows = losers.map((loser) => {
      const cells = winners.map((winner) => {
        const cell = element('td', { class: 'pair' });
        this.#cells.set(pairOf(loser, winner), cell);
        return cell;
      });
      return element('tr', {}, element('th', { scope: 'row' }, marked(loser, names)), ...cells);
    });
    this.#mount.classList.toggle(
      'crowded',
      winners.reduce((length, winner) => length + nameOf(names, winner).short.length, 0) > CROWD,
    );
    this.#mount.replaceChildren(element('thead', {}, head), element('tbody', {}, ...rows));
  }
}

/** @param {string} loser @param {string} winner */
function pairOf(loser, winner) {
  return `${loser} ${winner}`;
}

/** Those that occur: in the group's order, then those that are members no more, and nobody last. @param {readonly string[]} ids @param {MemberNames} names */
function idsOf(ids, names) {
  const placeOf = (/** @type {string} */ id) => (id === NOBODY ? Number.POSITIVE_INFINITY : nameOf(names, id).place);
  return [...new Set(ids)].sort((one, other) => placeOf(one) - placeOf(other) || (one < other ? -1 : 1));
}

/** @param {string} winner @param {MemberNames} names */
function won(winner, names) {
  return winner === NOBODY ? 'nobody' : marked(winner, names);
}

/** @param {string} memberId @param {MemberNames} names */
function marked(memberId, names) {
  const mark = new MemberMark();
  mark.show(nameOf(names, memberId));
  return mark.root;
}
