import { element } from './elements.js';
import { formatKey } from './formats.js';

/** A longer key is cut to two lines until it is looked at. */
const KEY_CHARACTERS_SHOWN = 60;

/** A table and a key of it. @param {{ readonly table: string, readonly item: string, readonly key: unknown }} row */
export function rowName({ table, item, key }) {
  const parts = [element('bdi', { class: 'table-name' }, table)];
  if (item !== 'row') parts.push(element('span', { class: 'tag' }, item === 'catalog' ? 'definition' : item));
  if (key !== null) {
    const text = formatKey(key);
    const isLong = text.length > KEY_CHARACTERS_SHOWN;
    parts.push(element('code', { class: 'key', dir: 'ltr', ...(isLong && { tabindex: '0' }) }, text));
  }
  return element('div', { class: 'row-name' }, ...parts);
}
