/** @import { Group } from './group-watch.js' */
import { byId, element, setAttribute, setText } from './elements.js';
import { MemberMark } from './member-mark.js';
import { nameOf } from './member-names.js';

const SHOWN = { yes: '✓', no: '✕', unknown: '?' };

/** Who hears whom: members in rows, whom they hear in columns. Hidden while all hear all. */
export class ReachTable {
  #root = byId('reach');
  #table = byId('reach-table');
  #shape = '';
  /** By who hears and who is heard. @type {Map<string, HTMLElement>} */
  #cells = new Map();

  /** @param {Group} group */
  show({ members, names }) {
    const ids = members.map(({ memberId }) => memberId);
    const shape = JSON.stringify([ids, [...names]]);
    if (shape !== this.#shape) this.#make(ids, names);
    this.#shape = shape;
    let doAllHearAll = true;
    for (const { memberId, reaches } of members) {
      for (const other of ids) {
        const is = reachOf(reaches, other);
        if (is !== 'yes') doAllHearAll = false;
        const cell = /** @type {HTMLElement} */ (this.#cells.get(`${memberId} ${other}`));
        setText(cell, SHOWN[is]);
        setAttribute(cell, 'data-reach', is);
      }
    }
    this.#root.hidden = doAllHearAll;
  }

  /** @param {readonly string[]} ids @param {Group['names']} names */
  #make(ids, names) {
    this.#cells.clear();
    const head = element(
      'tr',
      {},
      element('td', {}, 'hears'),
      ...ids.map((id) => element('th', { scope: 'col' }, marked(id, names))),
    );
    const rows = ids.map((id) => {
      const cells = ids.map((other) => {
        const cell = element('td', { class: 'reach' });
        this.#cells.set(`${id} ${other}`, cell);
        return cell;
      });
      return element('tr', {}, element('th', { scope: 'row' }, marked(id, names)), ...cells);
    });
    this.#table.replaceChildren(element('thead', {}, head), element('tbody', {}, ...rows));
  }
}

/** @param {readonly string[]} reaches none: nothing was told @param {string} memberId @returns {keyof typeof SHOWN} */
function reachOf(reaches, memberId) {
  if (reaches.length === 0) return 'unknown';
  return reaches.includes(memberId) ? 'yes' : 'no';
}

/** @param {string} memberId @param {Group['names']} names */
function marked(memberId, names) {
  const mark = new MemberMark();
  mark.show(nameOf(names, memberId));
  return mark.root;
}
