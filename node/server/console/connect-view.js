/** @import { Group } from './group-watch.js' */
import { byId, element, setAttribute, setText } from './elements.js';

/** A text with a button that copies it. @param {string} text @param {string} what named by the button */
function copyable(text, what) {
  const code = element('code', {}, text);
  const button = element('button', { type: 'button', 'aria-label': `Copy ${what}` }, 'Copy');
  button.addEventListener('click', () => void copy(code, button));
  return element('div', { class: 'copyable' }, code, button);
}

const FIRST_ROW = "{ id: 1, name: 'violin', stock: 5 }";

const COPIED_SHOWN_MS = 1_500;

/** @param {HTMLElement} code @param {HTMLElement} button */
async function copy(code, button) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    setText(button, 'Copied');
  } catch {
    // A page that came over plain HTTP from another machine may not write there: the reader can, with one more key.
    getSelection()?.selectAllChildren(code);
    setText(button, 'Selected');
  }
  setTimeout(() => setText(button, 'Copy'), COPIED_SHOWN_MS);
}

/** How to get at the group from a program and a terminal; and what to try first while it is empty. */
export class ConnectView {
  #urls = byId('urls');
  #connect = byId('connect-code');
  #first = byId('first-commands');
  #empty = byId('empty');
  #watched = byId('watched');

  /** @param {Group} group @param {string} ownUrl */
  show(group, ownUrl) {
    const isEmpty = group.appliedUpTo === 0 && group.members.some(({ state }) => state === 'ONLINE');
    this.#empty.hidden = !isEmpty;
    setAttribute(this.#watched, 'data-empty', isEmpty ? '' : null);
    const urls = group.members.flatMap(({ isSelf, url }) => (isSelf ? [ownUrl] : url === null ? [] : [url]));
    const shown = urls.join();
    if (this.#urls.getAttribute('data-shown') === shown) return;
    setAttribute(this.#urls, 'data-shown', shown);
    this.#urls.replaceChildren(...urls.map((url) => element('li', {}, copyable(url, url))));
    const list = urls.map((url) => `  '${url}',\n`).join('');
    const program = `import { connect } from 'concert';\n\nconst client = await connect([\n${list}]);\nawait client.put('shop.products', ${FIRST_ROW});`;
    this.#connect.replaceChildren(copyable(program, 'the program'));
    const steps = [
      ['In a terminal', `npx concert shell --url ${ownUrl}`],
      ['In the shell', 'createTable shop.products ["id"]'],
      ['', `put shop.products ${FIRST_ROW}`],
    ];
    this.#first.replaceChildren(
      ...steps.map(([where = '', command = '']) => {
        const label = where === '' ? [] : [element('span', { class: 'note' }, where)];
        return element('li', {}, ...label, copyable(command, 'the command'));
      }),
    );
  }
}
