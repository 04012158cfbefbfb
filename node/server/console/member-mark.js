/** @import { MemberName } from './member-names.js' */
import { element, setAttribute, setText } from './elements.js';

/** Members beyond so many share colours. */
export const SERIES_COUNT = 9;

/** The colour of a member, as in the plots. @param {number} place */
export function swatch(place) {
  return element('span', { class: 'swatch', 'data-series': String(place % SERIES_COUNT), 'aria-hidden': 'true' });
}

/** A member's short name beside its colour. */
export class MemberMark {
  #swatch = swatch(0);
  #name = element('span', {});
  root = element('span', { class: 'member-mark' }, this.#swatch, this.#name);

  /** @param {MemberName} name */
  show({ full, short, place }) {
    setAttribute(this.#swatch, 'data-series', String(place % SERIES_COUNT));
    setText(this.#name, short);
    setAttribute(this.root, 'title', full);
  }
}
