import { element } from './elements.js';
import { formatKey } from './formats.js';

/** A longer key is cut to two lines until it is looked at. */
const KEY_CHARACTERS_SHOWN = 60;

/** A table and a key of it. @param {{ readonly table: string, readonly item: string, readonly index?: string, readonly key: unknown }} row */
export function rowName({ table, item, index, key }) {
  const parts = [element('bdi', { class: 'table-name' }, ...breakable(table))];
  if (item !== 'row')
    parts.push(
      element(
        'span',
        { class: 'tag' },
        item === 'catalog' ? 'definition' : index === undefined ? item : `${item} ${index}`,
      ),
    );
  if (key !== null) {
    const text = formatKey(key);
    const isLong = text.length > KEY_CHARACTERS_SHOWN;
    parts.push(element('code', { class: 'key', dir: 'ltr', ...(isLong && { tabindex: '0' }) }, text));
  }
  return element('div', { class: 'row-name' }, ...parts);
}

/** May be broken where a name's parts end. @param {string} name */
function breakable(name) {
  return name.split(/(?<=[._$-])/).flatMap((part, i) => (i === 0 ? [part] : [element('wbr'), part]));
}
