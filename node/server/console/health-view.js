/** @import { Group } from './group-watch.js' */
/** @import { Health } from './health.js' */
import { byId, element, setAttribute, setText, showIcon } from './elements.js';

/** The headline, and what is read out when it changes. */
export class HealthView {
  #root = byId('health');
  #icon = byId('health-icon');
  #headline = byId('headline');
  #details = byId('health-details');
  #pages = byId('other-pages');
  #announcement = byId('announcement');

  /** @param {Health} health @param {Group | null} group @param {string} groupName */
  show(health, group, groupName) {
    setAttribute(this.#root, 'data-level', health.level);
    showIcon(this.#icon, health.level);
    setText(this.#headline, health.headline);
    setText(this.#announcement, health.spoken);
    this.#showDetails(health.details);
    this.#showPages(health.offersOtherMembers ? (group?.members ?? []) : []);
    const title = `${health.level === 'good' ? '' : '⚠ '}${health.short} · ${groupName || 'Concert'}`;
    if (document.title !== title) document.title = title;
  }

  /** @param {readonly string[]} details */
  #showDetails(details) {
    this.#details.hidden = details.length === 0;
    while (this.#details.children.length > details.length) this.#details.lastElementChild?.remove();
    for (const [place, text] of details.entries()) {
      const there = this.#details.children[place];
      if (there === undefined) this.#details.append(element('p', {}, text));
      else setText(there, text);
    }
  }

  /** @param {Group['members']} members */
  #showPages(members) {
    const others = members.filter(({ isSelf, page }) => !isSelf && page !== null);
    this.#pages.hidden = others.length === 0;
    const shown = others.map(({ page }) => page).join(' ');
    if (this.#pages.getAttribute('data-shown') === shown) return;
    this.#pages.setAttribute('data-shown', shown);
    this.#pages.replaceChildren(
      ...others.map(({ name, page }) =>
        element('li', {}, element('a', { class: 'button', href: page ?? '' }, name.full)),
      ),
    );
  }
}
