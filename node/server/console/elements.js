/** Makes and updates elements. Text becomes text nodes, whatever it holds: nothing is ever parsed as HTML. */

/**
 * @param {string} tag
 * @param {Readonly<Record<string, string>>} [attributes]
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** One of the drawings that the page holds as symbols. @param {string} name */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS('http://www.w3.org/2000/svg', 'use'));
  showIcon(svg, name);
  return svg;
}

/** @param {Element} svg @param {string} name */
export function showIcon(svg, name) {
  svg.firstElementChild?.setAttribute('href', `#icon-${name}`);
}

/** The element with that id. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has an element ${id}`);
  return found;
}

/** Leaves the node alone if it says so already: selections stay, and nothing is laid out anew. @param {Element} node @param {string} text */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** @param {Element} node @param {string} name @param {string | null} value null: without it */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Keeps one child for each item, in the order of the items, and updates it; a child stays with its key.
 *
 * @template Item
 * @template {{ readonly root: Element, update(item: Item, context: Context): void }} View
 * @template [Context=null] what all of them are shown with
 */
export class ViewList {
  /** @type {Map<string, View>} */
  #views = new Map();
  #container;
  #setup;

  /**
   * @param {Element} container
   * @param {{ keyOf(item: Item): string, make(item: Item): View }} setup
   */
  constructor(container, setup) {
    this.#container = container;
    this.#setup = setup;
  }

  /** @param {readonly Item[]} items with keys that differ @param {Context} context */
  show(items, context) {
    const { keyOf, make } = this.#setup;
    const before = this.#views;
    this.#views = new Map();
    for (const [place, item] of items.entries()) {
      const key = keyOf(item);
      const view = before.get(key) ?? make(item);
      before.delete(key);
      this.#views.set(key, view);
      view.update(item, context);
      const there = this.#container.children[place] ?? null;
      if (there !== view.root) this.#container.insertBefore(view.root, there);
    }
    for (const { root } of before.values()) root.remove();
    // Should two items have one key after all, their views do not pile up.
    while (this.#container.children.length > items.length) this.#container.lastElementChild?.remove();
  }
}
