/** Numbers, times and keys as the page writes them. */

const grouped = new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
const oneDecimal = new Intl.NumberFormat('en-US', { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 });

/** What stands where there is nothing to say. */
export const NOTHING = '–';

/** @param {number | null | undefined} value */
export function formatCount(value) {
  return value === null || value === undefined ? NOTHING : grouped.format(value);
}

/** Of something per second. @param {number | null | undefined} value */
export function formatRate(value) {
  if (value === null || value === undefined) return NOTHING;
  return value < 9.95 ? oneDecimal.format(value) : grouped.format(value);
}

/** Short, for axes: 12K. @param {number} value */
export function formatCompact(value) {
  return compact.format(value);
}

/** A latency. @param {number | null | undefined} ms */
export function formatMilliseconds(ms) {
  if (ms === null || ms === undefined) return NOTHING;
  if (ms >= 1000) return `${oneDecimal.format(ms / 1000)} s`;
  if (ms >= 99.5) return `${grouped.format(ms)} ms`;
  return `${ms >= 1 ? oneDecimal.format(ms) : ms.toFixed(2)} ms`;
}

/** Several in one unit: that of the greatest. @param {readonly number[]} values in milliseconds */
export function formatMillisecondsTogether(values) {
  const isSeconds = Math.max(...values) >= 1000;
  const shown = values.map((ms) => oneDecimal.format(isSeconds ? ms / 1000 : ms));
  return `${shown.join(' · ')} ${isSeconds ? 's' : 'ms'}`;
}

/** How long something has lasted, in its two greatest units. @param {number} ms */
export function formatDuration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Time of day where the reader is. @param {number} ms since 1970 @param {{ milliseconds?: boolean }} [options] */
export function formatTimeOfDay(ms, { milliseconds = false } = {}) {
  const date = new Date(ms);
  const two = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  return milliseconds ? `${time}.${String(date.getMilliseconds()).padStart(3, '0')}` : time;
}

const KEY_CHARACTERS_MAX = 300;

/**
 * A primary key as JSON. Characters that are invisible, or that turn the text around them, stand as escapes, so that
 * two keys that differ look different.
 *
 * @param {unknown} key
 */
export function formatKey(key) {
  return formatVisible(JSON.stringify(key) ?? NOTHING);
}

/** Somebody's text, cut, and with escapes for what cannot be seen. @param {string} text */
export function formatVisible(text) {
  const characters = [...text];
  const shown = characters.slice(0, KEY_CHARACTERS_MAX).join('');
  const visible = shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${/** @type {number} */ (character.codePointAt(0)).toString(16)}}`;
  });
  const left = characters.length - KEY_CHARACTERS_MAX;
  return left > 0 ? `${visible}… (${grouped.format(left)} more characters)` : visible;
}
