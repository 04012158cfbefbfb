/** Decimals as text, compared by value. Canonical: no sign before zero, no leading zeros, no trailing zeros of a fraction. */

/** Digits of one decimal: bounds the exponent of its key encoding. */
export const DECIMAL_DIGITS_MAX = 1000;

const FORM = /^(-?)(\d+)(?:\.(\d+))?$/;

/** The canonical form of `text`, or null if it is no decimal (an exponent is none). */
export function canonicalDecimal(text: string): string | null {
  if (text.length > DECIMAL_DIGITS_MAX + 2) return null;
  const parts = FORM.exec(text);
  if (parts === null) return null;
  const whole = parts[2]!.replace(/^0+(?=\d)/, '');
  const fraction = withoutTrailingZeros(parts[3] ?? '');
  const value = fraction === '' ? whole : `${whole}.${fraction}`;
  return value === '0' ? '0' : parts[1]! + value;
}

/** A canonical decimal as sign, significant digits and the place of the point: 0.DIGITS times ten to the `exponent`. */
export interface DecimalParts {
  readonly sign: -1 | 0 | 1;
  /** Neither begins nor ends with a zero; empty for zero. */
  readonly digits: string;
  readonly exponent: number;
}

export function decimalParts(canonical: string): DecimalParts {
  if (canonical === '0') return { sign: 0, digits: '', exponent: 0 };
  const sign = canonical.startsWith('-') ? -1 : 1;
  const unsigned = sign < 0 ? canonical.slice(1) : canonical;
  const point = unsigned.indexOf('.');
  const whole = point < 0 ? unsigned : unsigned.slice(0, point);
  const all = whole + (point < 0 ? '' : unsigned.slice(point + 1));
  const leading = all.length - all.replace(/^0+/, '').length;
  return { sign, digits: withoutTrailingZeros(all.slice(leading)), exponent: whole.length - leading };
}

/** The canonical text of `parts`. */
export function decimalOf({ sign, digits, exponent }: DecimalParts): string {
  if (sign === 0) return '0';
  let text: string;
  if (exponent <= 0) text = `0.${'0'.repeat(-exponent)}${digits}`;
  else if (exponent >= digits.length) text = digits.padEnd(exponent, '0');
  else text = `${digits.slice(0, exponent)}.${digits.slice(exponent)}`;
  return sign < 0 ? `-${text}` : text;
}

/** Compares canonical decimals by value. */
export function compareDecimals(left: string, right: string): number {
  if (left === right) return 0;
  const a = decimalParts(left);
  const b = decimalParts(right);
  if (a.sign !== b.sign) return a.sign - b.sign;
  const magnitude = a.exponent !== b.exponent ? a.exponent - b.exponent : a.digits < b.digits ? -1 : 1;
  return a.sign * magnitude;
}

/** The sum of canonical decimals, canonical; null: it has too many digits. */
export function addDecimals(one: string, other: string): string | null {
  const places = Math.max(placesOf(one), placesOf(other));
  const sum = scaled(one, places) + scaled(other, places);
  const digits = (sum < 0n ? -sum : sum).toString().padStart(places + 1, '0');
  const point = digits.length - places;
  const text = places === 0 ? digits : `${digits.slice(0, point)}.${digits.slice(point)}`;
  return digits.length > DECIMAL_DIGITS_MAX ? null : canonicalDecimal(sum < 0n ? `-${text}` : text);
}

function placesOf(decimal: string): number {
  const point = decimal.indexOf('.');
  return point < 0 ? 0 : decimal.length - point - 1;
}

/** As a whole number of the unit that has so many places. */
function scaled(decimal: string, places: number): bigint {
  return BigInt(decimal.replace('.', '') + '0'.repeat(places - placesOf(decimal)));
}

/** Without a regular expression: one anchored at the end only is quadratic on long runs of zeros. */
function withoutTrailingZeros(text: string): string {
  let end = text.length;
  while (end > 0 && text.charCodeAt(end - 1) === 48) end--;
  return text.slice(0, end);
}
